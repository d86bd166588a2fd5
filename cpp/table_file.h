// One table file, opened without a database: for tools that look into files.
#pragma once

#include <memory>
#include <string>

#include "rocksdb/options.h"
#include "rust/cxx.h"

namespace mountdb::ffi {

struct FileFacts;
struct Property;

class TableFile {
 public:
  // As the table factory of `options` opens it, which must be block-based. Throws.
  TableFile(const rocksdb::Options& options, const std::string& path);
  ~TableFile();

  FileFacts facts() const;

  // Those of the file's properties whose names begin with `prefix`.
  rust::Vec<Property> properties(rust::Str prefix) const;

  // The bytes of the file's learned block, read anew; none if it has no such block. Throws.
  rust::Vec<uint8_t> learned_block() const;

  // Seeks in the index for one internal key after the other, which end in `keys` at `ends`,
  // as a Get does; the sum of the offsets of the blocks found. Throws if one has none.
  uint64_t seek_all(rust::Slice<const uint8_t> keys, rust::Slice<const size_t> ends) const;

 private:
  struct Open;
  std::unique_ptr<Open> open_;
};

std::unique_ptr<TableFile> open_table_file(const rocksdb::Options& options, rust::Str path);

// The tag of an internal key that sorts before all versions of its user key.
uint64_t seek_tag();

}  // namespace mountdb::ffi
