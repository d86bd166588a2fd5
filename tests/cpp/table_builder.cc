// Files that mountdb's table writes, beside those that RocksDB writes of the same entries: with a
// stock table, and with the learned index as a user-defined index, which is the slow and obvious
// way to the same blocks.
//
//   table_builder DIRECTORY       exit status 0 if they agree
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check.h"
#include "db/dbformat.h"
#include "db/seqno_to_time_mapping.h"
#include "file/random_access_file_reader.h"
#include "file/writable_file_writer.h"
#include "file_tail.h"
#include "mountdb.h"
#include "options/cf_options.h"
#include "rocksdb/advanced_compression.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_checksum.h"
#include "rocksdb/file_system.h"
#include "rocksdb/flush_block_policy.h"
#include "rocksdb/iostats_context.h"
#include "rocksdb/rate_limiter.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/statistics.h"
#include "rocksdb/table.h"
#include "table/block_based/block.h"
#include "table/block_based/block_based_table_builder.h"
#include "table/meta_blocks.h"
#include "table/table_builder.h"
#include "util/crc32c.h"

using namespace rocksdb;

namespace {

const char kLearnedBlock[] = "rocksdb.user_defined_index.mountdb";

using Entries = std::vector<std::pair<std::string, std::string>>;
using Map = std::map<std::string, std::string>;

std::string InternalKeyOf(const std::string& user_key, SequenceNumber seqno, ValueType type) {
  std::string key;
  AppendInternalKey(&key, ParsedInternalKey(user_key, seqno, type));
  return key;
}

// ------------------------------------------------------------------ writing

struct How {
  std::string fields;
  CompressionType compression = kNoCompression;
  bool direct = false;
  size_t buffer = 1 << 20;
  uint64_t bytes_per_sync = 0;
  bool limited = false;
  bool mapped = false;
  uint32_t max_dict_bytes = 0;
  bool compression_manager = false;
  std::shared_ptr<FlushBlockPolicyFactory> policy = nullptr;
  // Written as a user-defined index by mountdb's table too: blocks are padded, or wait for a
  // dictionary, or may.
  bool slowly = false;
};

struct Written {
  // Of the first that reported an error: builder, file.
  Status status;
  IOStatus io_status;
  std::string bytes;
  uint64_t file_size = 0;
  uint64_t tail_size = 0;
  std::string checksum;
  TableProperties properties;
  uint64_t bytes_written = 0;
  uint64_t pre_compression_size = 0;
  uint64_t estimated_tail_size = 0;
};

// Finds that every file should be compacted.
class Collectors final : public InternalTblPropCollFactory {
 public:
  const char* Name() const override { return "Collectors"; }
  InternalTblPropColl* CreateInternalTblPropColl(uint32_t, int, int, SequenceNumber) override {
    return new Collector;
  }

 private:
  class Collector final : public InternalTblPropColl {
   public:
    const char* Name() const override { return "Collector"; }
    Status InternalAdd(const Slice& key, const Slice&, uint64_t) override {
      bytes_ += key.size();
      return Status::OK();
    }
    void BlockAdd(uint64_t, uint64_t, uint64_t) override { blocks_++; }
    Status Finish(UserCollectedProperties* properties) override {
      *properties = GetReadableProperties();
      return Status::OK();
    }
    UserCollectedProperties GetReadableProperties() const override {
      return {{"collected", std::to_string(bytes_) + " " + std::to_string(blocks_)}};
    }
    bool NeedCompact() const override { return true; }

   private:
    size_t bytes_ = 0;
    size_t blocks_ = 0;
  };
};

Written Write(const std::string& table, const How& how, const Entries& entries,
              const std::string& path,
              std::shared_ptr<FileSystem> files = FileSystem::Default()) {
  Options options;
  ConfigOptions config;
  config.ignore_unsupported_options = false;
  CheckOk(TableFactory::CreateFromString(config, "{" + table + ";" + how.fields + "}",
                                         &options.table_factory));
  if (how.policy != nullptr) {
    options.table_factory->GetOptions<BlockBasedTableOptions>()->flush_block_policy_factory =
        how.policy;
  }
  options.compression = how.compression;
  options.compression_opts.max_dict_bytes = how.max_dict_bytes;
  options.allow_mmap_reads = how.mapped;
  if (how.compression_manager) {
    options.compression_manager = GetBuiltinV2CompressionManager();
  }
  const ImmutableOptions ioptions(options);
  const MutableCFOptions moptions(options);
  const InternalKeyComparator order(BytewiseComparator());
  InternalTblPropCollFactories collectors;
  collectors.push_back(std::make_unique<Collectors>());
  FileOptions file_options;
  file_options.use_direct_writes = how.direct;
  file_options.writable_file_max_buffer_size = how.buffer;
  file_options.bytes_per_sync = how.bytes_per_sync;
  const std::unique_ptr<RateLimiter> limiter(NewGenericRateLimiter(int64_t{1} << 40));
  file_options.rate_limiter = how.limited ? limiter.get() : nullptr;
  std::unique_ptr<FSWritableFile> file;
  CheckOk(files->NewWritableFile(path, file_options, &file, nullptr));
  const auto checksums = GetFileChecksumGenCrc32cFactory();
  WritableFileWriter writer(std::move(file), path, file_options, ioptions.clock, nullptr, nullptr,
                            Histograms::HISTOGRAM_ENUM_MAX, {}, checksums.get());
  const TableBuilderOptions build(ioptions, moptions, ReadOptions(), WriteOptions(Env::IO_HIGH), order,
                                  &collectors, how.compression, options.compression_opts, 0, "default", 0, 0);
  const uint64_t before = get_iostats_context()->bytes_written;
  Written result;
  const std::unique_ptr<TableBuilder> builder(options.table_factory->NewTableBuilder(build, &writer));
  for (const auto& [key, value] : entries) {
    builder->Add(key, value);
  }
  SeqnoToTimeMapping times;
  CHECK(times.Append(10, 1000) && times.Append(20, 2000));
  times.SetCapacity(10).SetMaxTimeSpan(1 << 20);
  times.Enforce();
  builder->SetSeqnoTimeTableProperties(times, 12345);
  result.estimated_tail_size = builder->EstimatedTailSize();
  result.status = builder->Finish();
  CHECK(result.status.ok() == builder->status().ok());
  CHECK(result.status.ok() == builder->io_status().ok());
  CHECK(builder->NumEntries() == entries.size() || !result.status.ok());
  CHECK(builder->IsEmpty() == entries.empty() || !result.status.ok());
  result.io_status = builder->io_status();
  IOOptions io_options;
  io_options.rate_limiter_priority = Env::IO_HIGH;
  if (result.io_status.ok()) {
    result.io_status = writer.Sync(io_options, false);
  }
  if (result.io_status.ok()) {
    result.io_status = writer.Close(io_options);
  }
  if (!result.io_status.ok()) {
    result.status = result.io_status;
    return result;
  }
  result.bytes_written = get_iostats_context()->bytes_written - before;
  result.file_size = builder->FileSize();
  CHECK(builder->EstimatedFileSize() == result.file_size);
  result.tail_size = builder->GetTailSize();
  result.pre_compression_size = builder->PreCompressionSize();
  CHECK(builder->NeedCompact());
  result.checksum = builder->GetFileChecksum();
  CHECK(std::string(builder->GetFileChecksumFuncName()) == "FileChecksumCrc32c");
  result.properties = builder->GetTableProperties();
  CheckOk(ReadFileToString(files.get(), path, &result.bytes));
  return result;
}

// ------------------------------------------------------------------ reading, without any table

struct Parts {
  uint64_t metaindex = 0;
  std::map<std::string, BlockHandle> handles;
  std::string learned;
  Map properties;
  // Of all blocks but the learned one and those of properties.
  std::string kept;
};

std::string BlockAt(const std::string& file, const Footer& footer, const BlockHandle& handle) {
  CHECK(handle.offset() + handle.size() + 5 <= file.size());
  const char* const data = file.data() + handle.offset();
  const uint32_t checksum =
      ComputeBuiltinChecksumWithLastByte(footer.checksum_type(), data, handle.size(),
                                         data[handle.size()]) +
      ChecksumModifierForContext(footer.base_context_checksum(), handle.offset());
  CHECK(DecodeFixed32(data + handle.size() + 1) == checksum);
  return std::string(data, handle.size());
}

Map EntriesOf(const std::string& contents) {
  Block block{BlockContents(Slice(contents))};
  const std::unique_ptr<InternalIterator> iter(block.NewMetaIterator());
  Map entries;
  std::string last;
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) {
    CHECK(entries.empty() || last < iter->key().ToString());
    last = iter->key().ToString();
    entries[last] = iter->value().ToString();
  }
  CheckOk(iter->status());
  return entries;
}

Parts Read(const std::string& file) {
  const size_t length = Footer::kNewVersionsEncodedLength;
  CHECK(file.size() > length);
  Footer footer;
  CheckOk(footer.DecodeFrom(Slice(file.data() + file.size() - length, length),
                            file.size() - length, kBlockBasedTableMagicNumber));
  Parts parts;
  parts.metaindex = footer.metaindex_handle().offset();
  for (const auto& [name, encoded] : EntriesOf(BlockAt(file, footer, footer.metaindex_handle()))) {
    Slice rest(encoded);
    CheckOk(parts.handles[name].DecodeFrom(&rest));
  }
  const BlockHandle properties = parts.handles.at("rocksdb.properties");
  CHECK(properties.offset() + properties.size() + 5 == parts.metaindex);
  parts.properties = EntriesOf(BlockAt(file, footer, properties));
  uint64_t kept = properties.offset();
  if (parts.handles.count(kLearnedBlock) != 0) {
    parts.learned = BlockAt(file, footer, parts.handles[kLearnedBlock]);
    kept = std::min(kept, parts.handles[kLearnedBlock].offset());
  }
  parts.kept = file.substr(0, kept);
  return parts;
}

// Those that must not differ between two files of the same entries.
Map Comparable(Map properties) {
  for (const char* changes : {"rocksdb.creating.session.identity", "rocksdb.original.file.number"}) {
    properties.erase(changes);
  }
  for (auto it = properties.begin(); it != properties.end();) {
    it = it->first.rfind("mountdb.", 0) == 0 ? properties.erase(it) : std::next(it);
  }
  return properties;
}

void Compare(const How& how, const Entries& entries, const std::string& directory) {
  const Written ours = Write("id=mountdb;index_block_restart_interval=1", how, entries,
                             directory + "/ours.sst");
  CheckOk(ours.status);
  const Written stock = Write("id=BlockBasedTable", how, entries, directory + "/stock.sst");
  CheckOk(stock.status);

  // What the builder says of the file is true of it.
  CHECK(ours.file_size == ours.bytes.size());
  // Direct writes are of whole pages.
  CHECK(how.direct ? ours.bytes_written - ours.file_size <
                         stock.bytes_written - stock.file_size + 16384
                   : ours.bytes_written == ours.bytes.size());
  CHECK(ours.tail_size == stock.tail_size + (ours.file_size - stock.file_size));
  CHECK(ours.estimated_tail_size > stock.estimated_tail_size || how.slowly);
  CHECK(ours.pre_compression_size ==
        stock.pre_compression_size + (ours.file_size - stock.file_size));
  CHECK(ours.properties.creation_time == 12345);
  std::string checksum;
  PutFixed32(&checksum, EndianSwapValue(crc32c::Value(ours.bytes.data(), ours.bytes.size())));
  CHECK(ours.checksum == checksum);

  CHECK(ours.properties.user_collected_properties.count("collected") == 1);

  const Parts mine = Read(ours.bytes);
  const Parts theirs = Read(stock.bytes);
  CHECK(Comparable(mine.properties) == Comparable(theirs.properties));
  CHECK(theirs.learned.empty());
  CHECK(mine.properties.at("mountdb.index") == "learned");
  CHECK(ours.properties.user_collected_properties.at("mountdb.index") == "learned");
  CHECK(ours.properties.readable_properties.at("mountdb.index") == "learned");
  // Nothing but the new block and the properties has moved; the checksums of newer formats have
  // a random part.
  if (!how.slowly) {
    CHECK(mine.kept.size() == theirs.kept.size());
    CHECK(mine.kept == theirs.kept || how.fields.find("format_version=5") == std::string::npos);
  }
  const Written slow = Write("id=BlockBasedTable;user_defined_index_factory=mountdb", how,
                             entries, directory + "/slow.sst");
  CheckOk(slow.status);
  CHECK(!mine.learned.empty());
  CHECK(mine.learned == Read(slow.bytes).learned);
}

// ------------------------------------------------------------------ entries

Entries Points(int count, const std::function<std::string(int)>& value) {
  Entries entries;
  for (int i = 0; i < count; i++) {
    char key[20];
    std::snprintf(key, sizeof key, "key%09d", i * 7);
    entries.emplace_back(InternalKeyOf(key, 100, kTypeValue), value(i));
  }
  return entries;
}

std::string Text(int i) { return "value " + std::to_string(i * i) + std::string(i % 200, 'v'); }

std::map<std::string, Entries> AllEntries() {
  std::map<std::string, Entries> all;
  all["one"] = Points(1, Text);
  all["some"] = Points(3000, Text);
  all["large values"] =
      Points(12, [](int i) { return std::string(size_t{i % 4 == 0 ? 3u << 20 : 100u}, 'l'); });
  Entries& versions = all["versions"];
  for (int i = 0; i < 60; i++) {
    for (SequenceNumber seqno = 90; seqno > 0; seqno--) {
      const ValueType type = seqno % 7 == 0   ? kTypeDeletion
                             : seqno % 5 == 0 ? kTypeMerge
                                              : kTypeValue;
      versions.emplace_back(InternalKeyOf("k" + std::to_string(100 + i), seqno, type), Text(i));
    }
  }
  Entries& keys = all["lengths of keys"];
  for (const size_t length : {0, 1, 7, 8, 9, 100, 70000}) {
    keys.emplace_back(InternalKeyOf(std::string(length, 'k'), 5, kTypeValue), Text(100));
    keys.emplace_back(InternalKeyOf(std::string(length, 'k') + '\0', 5, kTypeValue), Text(400));
  }
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
    return InternalKeyComparator(BytewiseComparator()).Compare(a.first, b.first) < 0;
  });
  const auto range = [](const std::string& from, const std::string& to) {
    return std::make_pair(InternalKeyOf(from, 50, kTypeRangeDeletion), to);
  };
  all["only ranges"] = {range("a", "b"), range("c", "d")};
  all["ranges behind"] = all["some"];
  all["ranges behind"].push_back(range("a", "key000001"));
  all["ranges between"] = all["some"];
  Entries& between = all["ranges between"];
  // At the beginning, within blocks and wherever else it falls.
  for (size_t i = 0; i < 40; i++) {
    between.insert(between.begin() + i * 41, range("a" + std::to_string(100 + i), "b"));
  }
  return all;
}

// ------------------------------------------------------------------ tests

void EveryKindOfFile(const std::string& directory) {
  const auto all = AllEntries();
  std::vector<How> ways;
  for (const char* fields :
       {"block_size=300;format_version=5", "block_size=300;format_version=2",
        "block_size=300;format_version=6", "block_size=300;format_version=7", "block_size=4096",
        "block_size=300;format_version=5;filter_policy=bloomfilter:10",
        "block_size=300;filter_policy=ribbonfilter:10;index_type=kTwoLevelIndexSearch;"
        "partition_filters=true;metadata_block_size=128",
        "block_size=300;index_type=kBinarySearchWithFirstKey;checksum=kNoChecksum",
        "block_size=300;checksum=kCRC32c;format_version=5", "block_size=300;checksum=kxxHash64",
        "block_size=300;data_block_index_type=kDataBlockBinaryAndHash",
        "block_size=300;block_size_deviation=0", "block_size=1"}) {
    ways.push_back(How{.fields = fields});
  }
  const std::string fields = "block_size=300;format_version=5";
  ways.push_back(How{.fields = fields, .compression = kLZ4Compression});
  ways.push_back(How{.fields = fields, .buffer = 0});
  ways.push_back(How{.fields = fields, .buffer = 1000});
  ways.push_back(How{.fields = fields, .buffer = 9 << 20});
  ways.push_back(How{.fields = fields, .bytes_per_sync = 1 << 16, .limited = true});
  ways.push_back(How{.fields = fields, .direct = true});
  ways.push_back(How{.fields = "block_size=512;block_align=true", .slowly = true});
  ways.push_back(How{.fields = fields,
                     .compression = kZSTD,
                     .max_dict_bytes = 4096,
                     .slowly = true});
  ways.push_back(How{.fields = "block_size=300",
                     .compression = kLZ4Compression,
                     .compression_manager = true,
                     .slowly = true});
  ways.push_back(How{.fields = "block_size=512;super_block_alignment_size=4096;"
                               "super_block_alignment_space_overhead_ratio=4",
                     .slowly = true});
  for (const How& how : ways) {
    for (const auto& [name, entries] : all) {
      Compare(how, entries, directory);
    }
  }
}

// A policy of somebody else's: it ends blocks where it likes, before the first key too.
class HastyPolicyFactory final : public FlushBlockPolicyFactory {
 public:
  explicit HastyPolicyFactory(int every) : every_(every) {}
  const char* Name() const override { return "Hasty"; }
  FlushBlockPolicy* NewFlushBlockPolicy(const BlockBasedTableOptions&,
                                        const BlockBuilder&) const override {
    return new Policy(every_);
  }

 private:
  class Policy final : public FlushBlockPolicy {
   public:
    explicit Policy(int every) : every_(every) {}
    bool Update(const Slice&, const Slice&) override { return keys_++ % every_ == 0; }

   private:
    const int every_;
    int keys_ = 0;
  };
  const int every_;
};

void OtherPolicies(const std::string& directory) {
  for (const int every : {1, 2, 7}) {
    for (const int count : {1, 2, 3, 1000}) {
      const How how{.fields = "format_version=5",
                    .policy = std::make_shared<HastyPolicyFactory>(every)};
      Compare(how, Points(count, Text), directory);
    }
  }
}

// A file system whose files fail when they would grow beyond a limit.
class SmallDisk final : public FileSystemWrapper {
 public:
  SmallDisk(uint64_t limit, IOStatus error)
      : FileSystemWrapper(FileSystem::Default()), limit_(limit), error_(std::move(error)) {}
  static const char* kClassName() { return "SmallDisk"; }
  const char* Name() const override { return kClassName(); }
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    std::unique_ptr<FSWritableFile> file;
    IOStatus s = FileSystemWrapper::NewWritableFile(name, options, &file, debug);
    *result = std::make_unique<File>(std::move(file), limit_, error_);
    return s;
  }

 private:
  class File final : public FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<FSWritableFile>&& file, uint64_t limit, const IOStatus& error)
        : FSWritableFileOwnerWrapper(std::move(file)), left_(limit), error_(error) {}
    using FSWritableFileOwnerWrapper::Append;
    IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
      if (data.size() > left_) {
        return error_;
      }
      left_ -= data.size();
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }

   private:
    uint64_t left_;
    const IOStatus error_;
  };
  const uint64_t limit_;
  const IOStatus error_;
};

// What a file system sees of a file that is written.
class Watcher final : public FileSystemWrapper {
 public:
  Watcher() : FileSystemWrapper(FileSystem::Default()) {}
  static const char* kClassName() { return "Watcher"; }
  const char* Name() const override { return kClassName(); }
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    std::unique_ptr<FSWritableFile> file;
    IOStatus s = FileSystemWrapper::NewWritableFile(name, options, &file, debug);
    *result = std::make_unique<File>(std::move(file), this);
    return s;
  }

  int appends = 0;
  int flushes = 0;
  int range_syncs = 0;
  // Bytes of all appends, in turn.
  std::vector<size_t> pieces;

 private:
  class File final : public FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<FSWritableFile>&& file, Watcher* watcher)
        : FSWritableFileOwnerWrapper(std::move(file)), watcher_(watcher) {}
    using FSWritableFileOwnerWrapper::Append;
    IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
      watcher_->appends++;
      watcher_->pieces.push_back(data.size());
      // As the write options of the table say.
      CHECK(options.rate_limiter_priority == Env::IO_HIGH);
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                              IODebugContext* debug) override {
      watcher_->appends++;
      return FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, debug);
    }
    IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
      watcher_->flushes++;
      return FSWritableFileOwnerWrapper::Flush(options, debug);
    }
    IOStatus RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options,
                       IODebugContext* debug) override {
      watcher_->range_syncs++;
      return FSWritableFileOwnerWrapper::RangeSync(offset, bytes, options, debug);
    }

   private:
    Watcher* const watcher_;
  };
};

void NoMoreCallsThanStock(const std::string& directory) {
  const Entries small = Points(30, Text);
  const Entries large = Points(80000, Text);
  for (const Entries* entries : {&small, &large}) {
    for (const bool direct : {false, true}) {
      const How how{.fields = "filter_policy=bloomfilter:10",
                    .direct = direct,
                    .bytes_per_sync = 1 << 20};
      const auto ours = std::make_shared<Watcher>();
      const auto stock = std::make_shared<Watcher>();
      CheckOk(Write("id=mountdb", how, *entries, directory + "/ours.sst", ours).status);
      CheckOk(Write("id=BlockBasedTable", how, *entries, directory + "/stock.sst", stock).status);
      CHECK(ours->appends <= stock->appends + 1);
      CHECK(ours->flushes <= stock->flushes + 1);
      CHECK(ours->range_syncs >= stock->range_syncs);
      CHECK(ours->range_syncs <= stock->range_syncs + 1);
      CHECK(entries == &small || direct || stock->range_syncs > 3);
    }
  }
}

// File systems that can hold such pieces in huge pages map them by these. No more bytes of the end
// are written one by one for it.
void PiecesOfAHugePage(const std::string& directory) {
  constexpr size_t kHugePage = 2 << 20;
  const Entries entries = Points(120000, Text);
  for (const size_t buffer : {size_t{1} << 20, 2 * kHugePage}) {
    How how{.fields = "filter_policy=bloomfilter:10", .buffer = buffer};
    const std::string path = directory + "/pieces.sst";
    const size_t size = Write("id=mountdb", how, entries, path).bytes.size();
    how.mapped = true;
    const auto watcher = std::make_shared<Watcher>();
    CHECK(Write("id=mountdb", how, entries, path, watcher).bytes.size() == size);
    const size_t whole = size / kHugePage;
    CHECK(whole >= 3);
    // The data; then its end, and what is behind the data.
    CHECK(watcher->pieces.size() >= whole && watcher->pieces.size() <= whole + 3);
    for (size_t i = 0; i + 1 < whole; i++) {
      CHECK(watcher->pieces[i] % kHugePage == 0);
    }
  }
}

// RocksDB decides by its kind whether a database goes on after an error.
void NoErrorIsLost(const std::string& directory) {
  const Entries entries = Points(40000, Text);
  IOStatus retryable = IOStatus::IOError("try again");
  retryable.SetRetryable(true);
  retryable.SetDataLoss(false);
  for (const size_t buffer : {size_t{0}, size_t{1} << 20}) {
    const How how{.fields = "filter_policy=bloomfilter:10", .buffer = buffer};
    const auto write = [&](uint64_t limit, const IOStatus& error) {
      return Write("id=mountdb", how, entries, directory + "/cut.sst",
                   std::make_shared<SmallDisk>(limit, error));
    };
    const uint64_t size = write(UINT64_MAX, retryable).file_size;
    CHECK(size > 3 << 20);
    CheckOk(write(size, retryable).status);
    for (uint64_t missing = 1; missing <= size; missing += missing + missing / 2) {
      CHECK(write(size - missing, IOStatus::NoSpace("the disk is small")).status.IsNoSpace());
      const Written cut = write(size - missing, retryable);
      CHECK(cut.io_status.IsIOError() && cut.io_status.GetRetryable());
    }
  }
}

// RocksDB frees the file before the builder where a compaction fails, and SstFileWriter does where
// it is opened anew.
void AbandonedFiles(const std::string& directory) {
  Options options;
  CheckOk(TableFactory::CreateFromString(ConfigOptions(), "mountdb", &options.table_factory));
  const ImmutableOptions ioptions(options);
  const MutableCFOptions moptions(options);
  const InternalKeyComparator order(BytewiseComparator());
  const InternalTblPropCollFactories none;
  for (const int count : {0, 1, 3000}) {
    std::unique_ptr<WritableFileWriter> writer;
    CheckOk(WritableFileWriter::Create(FileSystem::Default(), directory + "/abandoned.sst",
                                       FileOptions(), &writer, nullptr));
    const TableBuilderOptions build(ioptions, moptions, ReadOptions(), WriteOptions(), order,
                                    &none, kNoCompression, options.compression_opts, 0, "default",
                                    0, 0);
    std::unique_ptr<TableBuilder> builder(
        options.table_factory->NewTableBuilder(build, writer.get()));
    for (const auto& [key, value] : Points(count, Text)) {
      builder->Add(key, value);
    }
    builder->Abandon();
    writer.reset();
  }
  SstFileWriter twice(EnvOptions(), options);
  for (int open = 0; open < 2; open++) {
    CheckOk(twice.Open(directory + "/twice.sst"));
    CheckOk(twice.Put("key", "value"));
  }
  CheckOk(twice.Finish());
}

// The end of a compaction that was called off.
void CancelledCompaction(const std::string& directory) {
  class Canceller final : public CompactionFilter {
   public:
    const char* Name() const override { return "Canceller"; }
    bool Filter(int, const Slice&, const Slice&, std::string*, bool*) const override {
      if (++seen == 3000) {
        cancelled = true;
      }
      return false;
    }
    mutable int seen = 0;
    mutable std::atomic<bool> cancelled{false};
  } canceller;
  Options options;
  options.create_if_missing = true;
  options.disable_auto_compactions = true;
  options.compaction_filter = &canceller;
  CheckOk(TableFactory::CreateFromString(ConfigOptions(), "mountdb", &options.table_factory));
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(options, directory + "/cancelled", &db));
  for (int i = 0; i < 20000; i++) {
    CheckOk(db->Put(WriteOptions(), std::to_string(i * 7919 % 20000), Text(i)));
    if (i % 10000 == 9999) {
      CheckOk(db->Flush(FlushOptions()));
    }
  }
  canceller.seen = 0;
  CompactRangeOptions compact;
  compact.canceled = &canceller.cancelled;
  CHECK(db->CompactRange(compact, nullptr, nullptr).IsIncomplete());
  std::string value;
  CheckOk(db->Get(ReadOptions(), "77", &value));
  canceller.cancelled = false;
  CheckOk(db->CompactRange(compact, nullptr, nullptr));
  CheckOk(db->Get(ReadOptions(), "77", &value));
}

// What is not the end of a table is left alone.
void UnknownEnds(const std::string& directory) {
  const How how{.fields = "block_size=300"};
  const std::string file =
      Write("id=BlockBasedTable", how, Points(200, Text), directory + "/end.sst").bytes;
  const Parts parts = Read(file);
  const mountdb::Addition addition{"some.block", "contents", {{"mountdb.test", "yes"}}};
  const auto add = [&](const std::string& end, uint64_t file_size) -> std::optional<std::string> {
    const auto anew = mountdb::WithAddition(file_size, end, addition);
    if (!anew) {
      return std::nullopt;
    }
    CHECK(anew->kept <= end.size());
    return end.substr(0, anew->kept) + anew->bytes;
  };
  const uint64_t properties = parts.handles.at("rocksdb.properties").offset();
  for (size_t from = 0; from <= file.size(); from++) {
    const auto end = add(file.substr(from), file.size());
    CHECK(end.has_value() == (from <= properties));
    if (end) {
      const Parts longer = Read(file.substr(0, from) + *end);
      CHECK(longer.properties.at("mountdb.test") == "yes");
      CHECK(longer.kept == file.substr(0, properties) +
                               longer.kept.substr(static_cast<size_t>(properties)));
      const BlockHandle& block = longer.handles.at("some.block");
      CHECK(block.offset() == properties && block.size() == addition.block.size());
    }
  }
  // Nor is one that is added to already, or said to lie elsewhere, or in a smaller file.
  const std::string once = *add(file, file.size());
  CHECK(!add(once, once.size()));
  for (const int64_t shift : {-1000, -1, 1, 1000}) {
    CHECK(!add(file.substr(2000), file.size() + shift));
  }
  CHECK(!add(file, file.size() - 1));
  // No block, only properties.
  const mountdb::Addition no_block{"some.block", "", {{"mountdb.test", "yes"}}};
  const auto anew = mountdb::WithAddition(file.size(), file, no_block);
  const Parts without = Read(file.substr(0, anew->kept) + anew->bytes);
  CHECK(without.handles.count("some.block") == 0);
  CHECK(without.properties.at("mountdb.test") == "yes");
  // Damage is not what this is for, but leads nowhere else.
  for (size_t at = properties; at < file.size(); at++) {
    for (const int bit : {0, 3, 7}) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      (void)add(damaged, damaged.size());
    }
  }
}

// What a database counts as written beside the sizes of its files: of flushes, of a compaction.
std::pair<int64_t, int64_t> CountedBesideFiles(const std::string& table, const std::string& path) {
  Options options;
  options.create_if_missing = true;
  options.statistics = CreateDBStatistics();
  options.report_bg_io_stats = true;
  options.compression = kNoCompression;
  options.disable_auto_compactions = true;
  CheckOk(TableFactory::CreateFromString(ConfigOptions(), "{id=" + table + ";block_size=300}",
                                         &options.table_factory));
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(options, path, &db));
  for (int file = 0; file < 2; file++) {
    for (int i = 0; i < 20000; i++) {
      CheckOk(db->Put(WriteOptions(), "key" + std::to_string(i * 3 + file), Text(i)));
    }
    CheckOk(db->Flush(FlushOptions()));
  }
  const auto counted_beside_files = [&](uint32_t ticker) {
    std::vector<LiveFileMetaData> files;
    db->GetLiveFilesMetaData(&files);
    int64_t counted = static_cast<int64_t>(options.statistics->getTickerCount(ticker));
    for (const LiveFileMetaData& file : files) {
      counted -= static_cast<int64_t>(file.size);
    }
    return counted;
  };
  const int64_t flushes = counted_beside_files(FLUSH_WRITE_BYTES);
  CheckOk(db->CompactRange(CompactRangeOptions(), nullptr, nullptr));
  return {flushes, counted_beside_files(COMPACT_WRITE_BYTES)};
}

void WhatADatabaseCounts(const std::string& directory) {
  mountdb_counters before;
  mountdb_get_counters(&before);
  const auto ours = CountedBesideFiles("mountdb", directory + "/ours");
  const auto stock = CountedBesideFiles("BlockBasedTable", directory + "/stock");
  CHECK(ours == stock);
  mountdb_counters counters;
  mountdb_get_counters(&counters);
  CHECK(counters.files_learned == before.files_learned + 3);
  CHECK(counters.files_not_built == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  mountdb_register();
  const std::string directory = argv[1];
  EveryKindOfFile(directory);
  OtherPolicies(directory);
  NoMoreCallsThanStock(directory);
  PiecesOfAHugePage(directory);
  NoErrorIsLost(directory);
  AbandonedFiles(directory);
  CancelledCompaction(directory);
  UnknownEnds(directory);
  WhatADatabaseCounts(directory);
  return 0;
}
