// What the databases of the C++ tests have in common.
#pragma once

#include <cstdio>
#include <string>

#include "check.h"
#include "mountdb.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"

inline std::string Key(int i) {
  char key[20];
  std::snprintf(key, sizeof(key), "key%010d", i * 17);
  return key;
}

// A database with this table, or with mountdb's of the same settings, that compacts only when told to.
inline rocksdb::Options WithTable(const rocksdb::BlockBasedTableOptions& table, bool learned) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.disable_auto_compactions = true;
  options.compression = rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (learned) {
    CheckOk(mountdb::UseLearnedTable(&options));
    CHECK(std::string(options.table_factory->Name()) == "mountdb");
    CheckOk(mountdb::UseLearnedTable(&options));  // a second time changes nothing
  }
  return options;
}
