// SPDX-License-Identifier: Apache-2.0
#include "catena/table/table.h"

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "catena/table/lake.h"
#include "catena/table/partition_files.h"
#include "catena/table/table_facts.h"

namespace catena::table {

namespace fs = std::filesystem;

struct Table::Cache {
  std::mutex mutex;
  std::string fingerprint;
  std::shared_ptr<const TableFacts> facts;
};

struct Warehouse::Caches {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Table::Cache>> of_directory;
};

namespace {

// Equal exactly when facts about the files are.
std::string PrintOf(const TableFiles& files) {
  std::string print = Fingerprint(files.partitions);
  if (!files.declared) return print;
  for (const DeclaredColumn& column : *files.declared) {
    print += "\n" + column.field.name + " " + types::TypeName(column.field.type);
    if (column.id) print += " " + std::to_string(*column.id);
    for (const std::string& name : column.stored_names) print += "\n " + name;
  }
  return print;
}

Result<std::vector<std::string>> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename().string());
  }
  if (error) return Unavailable("cannot list directory: " + folder + ": " + error.message());
  return names;
}

bool IsColumnName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
}

}  // namespace

Result<std::string> TablePath(std::string_view name) {
  if (const size_t slash = name.find('/'); slash != std::string_view::npos) {
    const auto path = TablePath(name.substr(0, slash));
    const std::string_view version = name.substr(slash + 1);
    const size_t equals = version.find('=');
    const bool good =
        path.ok() && equals != std::string_view::npos && version.substr(0, equals) != "ds" &&
        IsColumnName(version.substr(0, equals)) && ParseDate(version.substr(equals + 1)).ok();
    if (good) return *path + "/" + std::string(version);
    return InvalidConf(
        "bad table name, wanted namespace.table of [A-Za-z0-9_.], or of a version of it "
        "namespace.table/column=YYYY-MM-DD: " +
        std::string(name));
  }
  constexpr size_t kLongest = 256;
  bool good = !name.empty() && name.size() <= kLongest && name.front() != '.' &&
              name.back() != '.' && name.find("..") == std::string_view::npos;
  for (const char c : name) {
    good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.');
  }
  if (!good) {
    return InvalidConf("bad table name, wanted namespace.table of [A-Za-z0-9_.]: " +
                       std::string(name));
  }
  const size_t dot = name.find('.');
  const std::string space(dot == std::string_view::npos ? "default" : name.substr(0, dot));
  std::string table(dot == std::string_view::npos ? name : name.substr(dot + 1));
  std::replace(table.begin(), table.end(), '.', '_');
  return space + ".db/" + table;
}

Table::Table(std::string name, std::string directory, sql::Database* database,
             std::shared_ptr<const LakeReader> lakes, std::shared_ptr<Cache> cache)
    : name_(std::move(name)),
      directory_(std::move(directory)),
      database_(database),
      lakes_(std::move(lakes)),
      cache_(std::move(cache)) {}

Result<TableFiles> Table::List(const PartitionRange& range) const {
  TableFiles files;
  if (const LakeFormat* format = LakeFormatOf(directory_)) {
    if (lakes_ == nullptr) {
      return Unsupported("tables of Delta Lake and Iceberg are not read here: " + name_);
    }
    CATENA_TRY(files, lakes_->Read(*format, name_, directory_));
    std::erase_if(files.partitions,
                  [&](const PartitionFiles& partition) { return !range.Contains(partition.ds); });
    return files;
  }
  CATENA_TRY(files.partitions, ListPartitions(directory_, range));
  return files;
}

Result<std::vector<PartitionFiles>> Table::Files(const PartitionRange& range) const {
  CATENA_TRY(TableFiles files, List(range));
  return std::move(files.partitions);
}

bool Table::Exists() const {
  if (LakeFormatOf(directory_) != nullptr) return true;
  const auto partitions = ListPartitions(directory_, PartitionRange::All());
  return partitions.ok() && !partitions->empty();
}

Result<std::vector<Date>> Table::Partitions() const {
  CATENA_TRY(const auto partitions, Files(PartitionRange::All()));
  std::vector<Date> days;
  for (const PartitionFiles& partition : partitions) days.push_back(partition.ds);
  return days;
}

Result<std::shared_ptr<const TableFacts>> Table::Facts() const {
  constexpr int kAttempts = 5;  // For files that a writer replaces between the list and the look.
  for (int attempt = 1;; ++attempt) {
    CATENA_TRY(TableFiles files, List(PartitionRange::All()));
    const TableFiles listed = files;
    const std::string print = PrintOf(files);
    {
      const std::lock_guard lock(cache_->mutex);
      if (cache_->facts != nullptr && cache_->fingerprint == print) return cache_->facts;
    }
    auto facts = ReadTableFacts(database_, name_, std::move(files));
    const bool moved = PrintOf(listed) != print;
    if (!facts.ok()) {
      if (moved && attempt < kAttempts) continue;
      return facts.error();
    }
    if (!moved) {
      const std::lock_guard lock(cache_->mutex);
      cache_->fingerprint = print;
      cache_->facts = *facts;
    }
    return facts;
  }
}

Result<bool> Table::IsSpelledOurWay() const {
  CATENA_TRY(const auto partitions, Files(PartitionRange::All()));
  const auto ours = [&](const PartitionFiles& partition) {
    return partition.values.empty() &&
           partition.files.front().starts_with(PartitionPath(directory_, partition.ds) + "/");
  };
  return !partitions.empty() && std::all_of(partitions.begin(), partitions.end(), ours);
}

Result<std::string> Table::SelectSql() const {
  CATENA_TRY(const auto facts, Facts());
  return TableSql(*facts, PartitionRange::All());
}

Result<types::Schema> Table::SchemaOf() const {
  CATENA_TRY(const auto facts, Facts());
  return facts->schema;
}

Result<TableDescription> Table::Describe() const {
  CATENA_TRY(const auto facts, Facts());
  TableDescription description;
  description.columns = facts->schema;
  for (const PartitionFiles& partition : facts->partitions) {
    description.partitions.push_back(partition.ds);
    PartitionSize& size = description.sizes[partition.ds];
    for (const std::string& file : partition.files) {
      std::error_code gone;
      const auto bytes = fs::file_size(file, gone);
      size.bytes += gone ? 0 : bytes;
      size.rows += facts->rows_of_file.at(file);
      ++description.files;
    }
    description.rows += size.rows;
    description.bytes += size.bytes;
  }
  return description;
}

Status Table::DropPartition(Date ds) const {
  std::error_code error;
  if (!fs::exists(PartitionPath(directory_, ds), error)) return Status();
  CATENA_TRY(auto work, WorkDirectory::Make(directory_));
  return work.Retire(ds);
}

Result<FileLock> Table::LockForJob(bool wait) const {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) {
    return Unavailable("cannot make directory: " + directory_ + ": " + error.message());
  }
  return FileLock::Acquire(directory_ + "/.job.lock", wait)
      .WithContext("another job writes this table, wait for it to end: " + name_);
}

Warehouse::Warehouse(std::string root, sql::Database* database)
    : root_(std::move(root)), database_(database), caches_(std::make_shared<Caches>()) {}

Result<Warehouse> Warehouse::Open(const std::string& root, sql::Database* database) {
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return NotFound(
        "warehouse is not a directory; set `warehouse` in catena.yaml or "
        "CATENA_WAREHOUSE, or create it: " +
        root);
  }
  return Warehouse(fs::absolute(root).lexically_normal().string(), database);
}

Result<Warehouse> Warehouse::Create(const std::string& root, sql::Database* database) {
  std::error_code error;
  fs::create_directories(root, error);
  if (error) {
    return Unavailable("cannot make the warehouse directory: " + root + ": " + error.message());
  }
  return Open(root, database);
}

Result<Table> Warehouse::Find(std::string_view name) const {
  CATENA_TRY(const auto path, TablePath(name));
  std::string directory = (fs::path(root_) / path).string();
  std::shared_ptr<Table::Cache> cache;
  {
    const std::lock_guard lock(caches_->mutex);
    auto& of_table = caches_->of_directory[directory];
    if (of_table == nullptr) of_table = std::make_shared<Table::Cache>();
    cache = of_table;
  }
  return Table(std::string(name), std::move(directory), database_, lakes_, std::move(cache));
}

Result<std::vector<std::string>> Warehouse::Tables() const {
  CATENA_TRY(const auto spaces, NamesIn(root_));
  std::vector<std::string> tables;
  for (const std::string& space : spaces) {
    const std::string folder = root_ + "/" + space;
    std::error_code error;
    if (!space.ends_with(".db") || space.front() == '.' || !fs::is_directory(folder, error)) {
      continue;
    }
    CATENA_TRY(const auto names, NamesIn(folder));
    for (const std::string& name : names) {
      const std::string full = space.substr(0, space.size() - 3) + "." + name;
      const auto found = Find(full);
      if (found.ok() && found->Exists()) tables.push_back(full);
    }
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

}  // namespace catena::table
