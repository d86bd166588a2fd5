// Makes mountdb's factories known to RocksDB's object registry.
#pragma once

namespace mountdb::ffi {

// Idempotent and thread-safe. Throws, each time, if the first call found that this library
// was compiled against another RocksDB than the one it runs with.
void register_factories();

}  // namespace mountdb::ffi
