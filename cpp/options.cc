#include "mountdb/cpp/options.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mountdb/cpp/memtable_rep.h"
#include "mountdb/cpp/mountdb.h"
#include "mountdb/cpp/table_factory.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "rocksdb/convenience.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/object_registry.h"

namespace mountdb::ffi {

using rocksdb::BlockBasedTableOptions;
using rocksdb::ConfigOptions;
using rocksdb::MemTableRepFactory;
using rocksdb::Options;
using rocksdb::Status;
using rocksdb::TableFactory;

namespace {

// Nothing is ignored: whatever is not understood is an error.
ConfigOptions StrictConfig() {
  ConfigOptions config;
  config.input_strings_escaped = false;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  return config;
}

std::vector<std::string> Sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

template <typename T>
std::vector<std::string> FactoryIds() {
  // RocksDB registers its own factories the first time one is asked for.
  std::shared_ptr<TableFactory> table;
  TableFactory::CreateFromString(StrictConfig(), TableFactory::kBlockBasedTableName(), &table)
      .PermitUncheckedError();
  std::shared_ptr<MemTableRepFactory> memtable;
  MemTableRepFactory::CreateFromString(StrictConfig(), "skip_list", &memtable)
      .PermitUncheckedError();
  std::vector<std::string> names;
  rocksdb::ObjectRegistry::Default()->GetFactoryNames(T::Type(), &names);
  // Some are registered only to say that they are gone.
  std::erase_if(names, [](const std::string& name) {
    std::shared_ptr<T> factory;
    return !T::CreateFromString(StrictConfig(), name, &factory).ok() || factory == nullptr;
  });
  return Sorted(std::move(names));
}

std::vector<std::string> FieldsOf(const rocksdb::Configurable& factory) {
  std::unordered_set<std::string> names;
  factory.GetOptionNames(StrictConfig(), &names).PermitUncheckedError();
  return Sorted({names.begin(), names.end()});
}

std::string Join(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) {
    all.append(all.empty() ? "" : ", ").append(name);
  }
  return all;
}

// Why `id` with `fields` cannot be made, or an empty string. Goes field by field, because
// RocksDB's own message names the factory and not the field that it did not understand.
template <typename T>
std::string ExplainFactory(const std::string& option, const std::string& value) {
  std::string id;
  std::unordered_map<std::string, std::string> fields;
  Status s = rocksdb::Configurable::GetOptionsMap(value, "", &id, &fields);
  if (!s.ok()) {
    return option + ": " + s.ToString();
  }
  const std::vector<std::string> ids = FactoryIds<T>();
  std::shared_ptr<T> factory;
  s = T::CreateFromString(StrictConfig(), id, &factory);
  if (!s.ok() || factory == nullptr) {
    return option + ": unknown id '" + id + "' (" + s.ToString() + "); available: " + Join(ids);
  }
  for (const auto& [name, text] : fields) {
    s = factory->ConfigureOption(StrictConfig(), name, text);
    if (s.ok()) {
      continue;
    }
    const std::vector<std::string> known = FieldsOf(*factory);
    const std::string field = option + "={id=" + id + "}: field '" + name + "'";
    if (std::binary_search(known.begin(), known.end(), name)) {
      return field + ": bad value '" + text + "': " + s.ToString();
    }
    return field + " is unknown; available: " + Join(known);
  }
  return "";
}

// Why RocksDB refuses `text`, which it did with `status`.
std::string Explain(const Options& base, const std::string& text, const Status& status) {
  std::unordered_map<std::string, std::string> parsed;
  Status s = rocksdb::StringToMap(text, &parsed);
  if (!s.ok()) {
    return "cannot parse the options string: " + s.ToString();
  }
  // In a fixed order, so that the same string always gives the same message.
  const std::map<std::string, std::string> options(parsed.begin(), parsed.end());
  for (const auto& [name, value] : options) {
    std::string why;
    if (name == "table_factory") {
      why = ExplainFactory<TableFactory>(name, value);
    } else if (name == "memtable_factory" || name == "memtable") {
      why = ExplainFactory<MemTableRepFactory>(name, value);
    } else {
      Options ignored;
      // StringToMap left the braces around values that had them.
      s = rocksdb::GetOptionsFromString(StrictConfig(), base, name + "=" + value, &ignored);
      if (!s.ok()) {
        why = "option '" + name + "' is unknown or has a bad value '" + value +
              "': " + s.ToString();
        if (name.starts_with("table_factory.") && base.table_factory != nullptr) {
          why += "; fields of " + std::string(base.table_factory->Name()) +
                 ": " + Join(FieldsOf(*base.table_factory));
        }
      }
    }
    if (!why.empty()) {
      return why;
    }
  }
  return status.ToString();
}

constexpr char kInteger[] = "0123456789+-";
constexpr char kReal[] = "0123456789+-.eE";

// Whether RocksDB's number parser reads all of `text`, a number made of `characters`; it
// stops at the first one it does not know. One letter for a power of 1024 may follow.
bool IsWholeNumber(const std::string& text, const char* characters) {
  size_t digits = text.find_first_not_of(characters);
  return !text.empty() && (digits == std::string::npos ||
                           (digits > 0 && digits + 1 == text.size() &&
                            std::strchr("kKmMgGtT", text[digits]) != nullptr));
}

// A number that RocksDB read only the beginning of (`12abc`), or that wrapped round (`-1` for
// a size), among the settings of `text`; or an empty string. `resolved` is what they became.
std::string FindHalfReadNumber(const std::string& text, const std::string& resolved) {
  std::unordered_map<std::string, std::string> settings;
  std::unordered_map<std::string, std::string> values;
  rocksdb::StringToMap(text, &settings).PermitUncheckedError();
  rocksdb::StringToMap(resolved, &values).PermitUncheckedError();
  for (const auto& [name, value] : settings) {
    const auto found = values.find(name);
    if (found == values.end() || !IsWholeNumber(found->second, kReal)) {
      continue;
    }
    // RocksDB writes reals with a point, and reads integers without.
    const bool real = found->second.find('.') != std::string::npos;
    if (!IsWholeNumber(value, real ? kReal : kInteger) || (value[0] == '-') != (found->second[0] == '-')) {
      std::string why("'");
      why.append(name).append("': bad value '").append(value);
      return why.append("': not a number RocksDB reads as a whole");
    }
  }
  return {};
}

// As above, for all that `options` holds.
std::string FindHalfReadNumber(const std::string& text, const Options& options) {
  ConfigOptions config = StrictConfig();
  std::string db, family, table;
  rocksdb::GetStringFromDBOptions(config, options, &db).PermitUncheckedError();
  rocksdb::GetStringFromColumnFamilyOptions(config, options, &family).PermitUncheckedError();
  std::string why = FindHalfReadNumber(text, db);
  if (why.empty()) {
    why = FindHalfReadNumber(text, family);
  }
  std::unordered_map<std::string, std::string> settings;
  rocksdb::StringToMap(text, &settings).PermitUncheckedError();
  for (const char* name : {"table_factory", "block_based_table_factory"}) {
    const auto choice = settings.find(name);
    if (why.empty() && choice != settings.end() && options.table_factory != nullptr) {
      options.table_factory->GetOptionString(config, &table).PermitUncheckedError();
      why = FindHalfReadNumber(choice->second, table);
      if (!why.empty()) {
        why = std::string(name) + ": field " + why;
      }
    }
  }
  return why;
}

rust::Vec<rust::String> AsRust(const std::vector<std::string>& names) {
  rust::Vec<rust::String> out;
  for (const std::string& name : names) {
    out.push_back(rust::String::lossy(name));
  }
  return out;
}

template <typename Factory>
rust::String NameOf(const std::shared_ptr<Factory>& factory) {
  return factory ? rust::String::lossy(factory->Name()) : rust::String("none");
}

}  // namespace

void options_from_string(const Options& base, rust::Str text, Options& out) {
  const std::string options(text);
  Options parsed;
  ConfigOptions config = StrictConfig();
  config.env = base.env;
  Status s = rocksdb::GetOptionsFromString(config, base, options, &parsed);
  if (!s.ok()) {
    throw std::invalid_argument(Explain(base, options, s));
  }
  // An empty id is taken: no table at all, or the memtable that was there before.
  std::unordered_map<std::string, std::string> settings;
  rocksdb::StringToMap(options, &settings).PermitUncheckedError();
  for (const char* name : {"memtable_factory", "memtable"}) {
    const auto setting = settings.find(name);
    if (setting != settings.end() && setting->second.empty()) {
      throw std::invalid_argument(ExplainFactory<MemTableRepFactory>(name, ""));
    }
  }
  if (parsed.table_factory == nullptr) {
    throw std::invalid_argument(ExplainFactory<TableFactory>("table_factory", ""));
  }
  if (parsed.memtable_factory == nullptr) {
    throw std::invalid_argument(ExplainFactory<MemTableRepFactory>("memtable_factory", ""));
  }
  const std::string half_read = FindHalfReadNumber(options, parsed);
  if (!half_read.empty()) {
    throw std::invalid_argument(half_read);
  }
  out = parsed;
}

void use_learned_table(Options& options) {
  const rocksdb::Status s = mountdb::UseLearnedTable(&options);
  if (!s.ok()) {
    throw std::invalid_argument(s.getState());
  }
}

void use_learned_memtable(Options& options, MemtableSettings settings) {
  options.memtable_factory = std::make_shared<LearnedMemTableRepFactory>(
      LearnedMemTableOptions{settings.reuse, settings.model});
}

FactoryNames factory_names(const Options& options) {
  return {NameOf(options.memtable_factory), NameOf(options.table_factory)};
}

FactoryNames db_factory_names(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family) {
  return factory_names(db->GetOptions(family != nullptr ? family : db->DefaultColumnFamily()));
}

Available available_factories() {
  return {AsRust(FactoryIds<MemTableRepFactory>()),
          AsRust(FieldsOf(LearnedMemTableRepFactory())), AsRust(FactoryIds<TableFactory>()),
          AsRust(FieldsOf(LearnedTableFactory()))};
}

}  // namespace mountdb::ffi

rocksdb::Status mountdb::UseLearnedTable(rocksdb::ColumnFamilyOptions* options) {
  using rocksdb::TableFactory;
  const auto& table = options->table_factory;
  if (!table || !table->IsInstanceOf(TableFactory::kBlockBasedTableName())) {
    return rocksdb::Status::InvalidArgument(
        "the learned index needs the block-based table, this is " +
        std::string(table ? table->Name() : "none"));
  }
  if (!table->IsInstanceOf(LearnedTableFactory::kClassName())) {
    options->table_factory = std::make_shared<LearnedTableFactory>(
        *table->GetOptions<rocksdb::BlockBasedTableOptions>(), LearnedTableOptions());
  }
  return rocksdb::Status::OK();
}
