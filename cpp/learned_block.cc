#include "mountdb/cpp/learned_block.h"

#include <string>
#include <utility>

#include "mountdb/cpp/index_factory.h"
#include "table/block_fetcher.h"
#include "table/meta_blocks.h"
#include "table/persistent_cache_options.h"

namespace mountdb {

using rocksdb::BlockBasedTable;
using rocksdb::BlockContents;
using rocksdb::BlockHandle;
using rocksdb::ReadOptions;
using rocksdb::Status;

namespace {

// Reads a meta block of an open table, which is never compressed.
Status ReadBlock(const ReadOptions& ro, const BlockBasedTable::Rep& rep, const BlockHandle& handle,
                 rocksdb::BlockType type, BlockContents* contents) {
  return rocksdb::BlockFetcher(rep.file.get(), /*prefetch_buffer=*/nullptr, rep.footer, ro, handle,
                               contents, rep.ioptions, /*do_uncompress=*/false,
                               /*maybe_compressed=*/false, type, /*decompressor=*/nullptr,
                               rocksdb::PersistentCacheOptions::kEmpty)
      .ReadBlockContents();
}

}  // namespace

std::string LearnedBlockName() {
  return std::string(rocksdb::kUserDefinedIndexPrefix) + LearnedIndexFactory::kClassName();
}

Status ReadLearnedBlock(const ReadOptions& ro, const BlockBasedTable::Rep& rep,
                        BlockContents* contents, bool* found) {
  *found = false;
  BlockContents metaindex_contents;
  Status s = ReadBlock(ro, rep, rep.footer.metaindex_handle(), rocksdb::BlockType::kMetaIndex,
                       &metaindex_contents);
  if (!s.ok()) {
    return s;
  }
  rocksdb::Block metaindex(std::move(metaindex_contents));
  std::unique_ptr<rocksdb::InternalIterator> iter(metaindex.NewMetaIterator());
  BlockHandle handle;
  s = rocksdb::FindOptionalMetaBlock(iter.get(), LearnedBlockName(), &handle);
  // An empty block stands for none.
  if (!s.ok() || handle.IsNull() || handle.size() == 0) {
    return s;
  }
  *found = true;
  return ReadBlock(ro, rep, handle, rocksdb::BlockType::kUserDefinedIndex, contents);
}

}  // namespace mountdb
