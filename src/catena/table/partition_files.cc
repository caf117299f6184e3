// SPDX-License-Identifier: Apache-2.0
#include "catena/table/partition_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <utility>

#include "catena/table/lake.h"

namespace catena::table {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWork = ".work-";
constexpr char kDs[] = "ds";

Error SystemError(const std::string& what, const std::string& path, int code) {
  return Unavailable(what + ": " + path + ": " + std::strerror(code));
}

bool IsData(const std::string& name) {
  return name.ends_with(".parquet") && name.front() != '.' && name.front() != '_';
}

struct Entry {
  std::string name;
  bool is_directory;
};

// Sorted by name; an absent directory has none.
Result<std::vector<Entry>> Entries(const std::string& directory) {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; entry != end; entry.increment(error)) {
    std::error_code gone;
    entries.push_back({entry->path().filename().string(), entry->is_directory(gone)});
    if (error) break;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return SystemError("cannot list directory", directory, error.value());
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

// Hive writes what a directory cannot be named with as %XX.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const auto* const end = text.data() + std::min(i + 3, text.size());
    const bool escape = text[i] == '%' && end == text.data() + i + 3 &&
                        std::from_chars(text.data() + i + 1, end, code, 16).ptr == end;
    plain += escape ? static_cast<char>(code) : text[i];
    if (escape) i += 2;
  }
  return plain;
}

// "hr=07" as a column and its value.
std::optional<PathValues::value_type> ReadValue(const std::string& name) {
  const size_t equals = name.find('=');
  if (equals == 0 || equals == std::string::npos || name[0] == '.' || name[0] == '_') {
    return std::nullopt;
  }
  const std::string_view text = std::string_view(name).substr(equals + 1);
  if (text == "__HIVE_DEFAULT_PARTITION__") return {{name.substr(0, equals), std::nullopt}};
  return {{name.substr(0, equals), Unescaped(text)}};
}

// Data files below directories `column=value`, at any depth; days outside `range` need not be
// there.
Status Walk(const std::string& directory, const PathValues& above, const PartitionRange& range,
            std::vector<PlacedFile>* files) {
  CATENA_TRY(const auto entries, Entries(directory));
  for (const Entry& entry : entries) {
    const std::string path = directory + "/" + entry.name;
    const auto value = ReadValue(entry.name);
    if (!value || !entry.is_directory) {
      if (!above.empty() && IsData(entry.name)) files->push_back({path, above});
      continue;
    }
    if (value->first == kDs) {
      const auto day = DayOfText(value->second.value_or(""));
      if (!day || !range.Contains(*day)) continue;
    }
    PathValues values = above;
    values.push_back(*value);
    CATENA_RETURN_IF_ERROR(Walk(path, values, range, files));
  }
  return Status();
}

std::optional<std::string> ValueOf(const PathValues& values, const std::string& column) {
  for (const auto& [name, text] : values) {
    if (name == column) return text;
  }
  return std::nullopt;
}

Result<std::vector<std::string>> Names(const std::string& directory) {
  CATENA_TRY(const auto entries, Entries(directory));
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.push_back(entry.name);
  return names;
}

void RemoveAll(const std::string& path) {
  std::error_code ignored;  // What stays is invisible, and the next writer tries again.
  fs::remove_all(path, ignored);
}

// What is written here is spelled ds=YYYY-MM-DD, and would hide or double days spelled otherwise.
Status RequireOurs(const std::vector<std::string>& names, const std::string& table_directory) {
  for (const std::string& name : names) {
    const auto value = ReadValue(name);
    if (!value) continue;
    const auto day = DayOfText(value->second.value_or(""));
    if (value->first == kDs && !day) continue;  // Hive's for rows without a day.
    if (day && PartitionPath(table_directory, *day) == table_directory + "/" + name) continue;
    return InvalidConf(
        "this table is another system's, which spells its days otherwise than "
        "ds=YYYY-MM-DD; write into a table of another name: " +
        table_directory + "/" + name);
  }
  return Status();
}

// A day of more partition columns than ds is not replaced by one that has them not.
Status RequireFlat(const std::string& partition) {
  CATENA_TRY(const auto entries, Entries(partition));
  for (const Entry& entry : entries) {
    if (!entry.is_directory || !ReadValue(entry.name)) continue;
    return InvalidConf(
        "this table is another system's, which has more partition columns than ds; "
        "write into a table of another name: " +
        partition + "/" + entry.name);
  }
  return Status();
}

// A work directory whose lock can be had belongs to nobody any more.
Status RemoveLeftovers(const std::vector<std::string>& names, const std::string& table_directory) {
  for (const std::string& name : names) {
    if (!name.starts_with(kWork)) continue;
    const std::string path = table_directory + "/" + name;
    const auto lock = FileLock::Acquire(path + "/lock", /*wait=*/false);
    if (lock.ok()) RemoveAll(path);
  }
  return Status();
}

}  // namespace

std::string PartitionPath(const std::string& table_directory, Date ds) {
  return table_directory + "/ds=" + FormatDate(ds);
}

std::optional<Date> DayOfText(std::string text) {
  if (text.size() == 8) text = text.substr(0, 4) + "-" + text.substr(4, 2) + "-" + text.substr(6);
  if (text.size() == 10 && text[4] == text[7] && (text[4] == '_' || text[4] == '.')) {
    text[4] = text[7] = '-';
  }
  const auto date = ParseDate(text);
  if (!date.ok() || FormatDate(*date) != text) return std::nullopt;
  return *date;
}

Result<std::string> DayColumnOf(const std::vector<PlacedFile>& files, const std::string& where) {
  std::map<std::string, std::string> columns;  // And a value of each.
  for (const PlacedFile& file : files) {
    for (const auto& [column, text] : file.values) {
      if (text && DayOfText(*text)) columns.emplace(column, *text);
    }
  }
  if (columns.contains(kDs)) return std::string(kDs);
  if (columns.size() > 1) {
    const auto& first = *columns.begin();
    const auto& second = *std::next(columns.begin());
    return InvalidData(
        "days in two columns, none of which is ds; keep one of them: " + first.first + "=" +
        first.second + ", " + second.first + "=" + second.second + " in " + where);
  }
  return columns.empty() ? std::string() : columns.begin()->first;
}

Result<std::vector<PartitionFiles>> ListPartitions(const std::string& table_directory,
                                                   const PartitionRange& range) {
  std::vector<PlacedFile> files;
  CATENA_RETURN_IF_ERROR(Walk(table_directory, {}, range, &files));
  CATENA_TRY(const std::string column, DayColumnOf(files, table_directory));
  std::map<Date, PartitionFiles> days;
  std::map<Date, std::string> spelled;
  bool has_more = false;
  for (PlacedFile& file : files) {
    const auto text = ValueOf(file.values, column);
    const auto day = DayOfText(text.value_or(""));
    if (!day || !range.Contains(*day)) continue;
    const auto& known = spelled.emplace(*day, *text).first->second;
    if (known != *text) {
      return InvalidData("a day has two directories; keep one of them: " + column + "=" + known +
                         ", " + column + "=" + *text + " in " + table_directory);
    }
    has_more = has_more || file.values.size() > 1;
    PartitionFiles& partition = days[*day];
    partition.ds = *day;
    partition.column = column;
    partition.files.push_back(std::move(file.path));
    partition.values.push_back(std::move(file.values));
  }
  std::vector<PartitionFiles> partitions;
  for (auto& [day, partition] : days) {
    if (!has_more) partition.values.clear();
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

std::string Fingerprint(const std::vector<PartitionFiles>& partitions) {
  std::string print;
  for (const PartitionFiles& partition : partitions) {
    for (const std::string& file : partition.files) {
      struct stat facts = {};
      if (stat(file.c_str(), &facts) != 0) facts.st_size = -1;
      print += file + " " + std::to_string(facts.st_size) + " " + std::to_string(facts.st_ino) +
               " " + std::to_string(facts.st_mtim.tv_sec) + "." +
               std::to_string(facts.st_mtim.tv_nsec) + "\n";
    }
  }
  return print;
}

WorkDirectory::WorkDirectory(std::string table_directory, std::string path, FileLock lock)
    : table_directory_(std::move(table_directory)),
      path_(std::move(path)),
      lock_(std::move(lock)) {}

WorkDirectory::WorkDirectory(WorkDirectory&& other) noexcept
    : table_directory_(std::move(other.table_directory_)),
      path_(std::exchange(other.path_, "")),
      lock_(std::move(other.lock_)) {}

WorkDirectory& WorkDirectory::operator=(WorkDirectory&& other) noexcept {
  std::swap(table_directory_, other.table_directory_);
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

WorkDirectory::~WorkDirectory() {
  if (!path_.empty()) RemoveAll(path_);
}

Result<WorkDirectory> WorkDirectory::Make(const std::string& table_directory) {
  static std::atomic<uint64_t> counter{0};
  std::error_code error;
  fs::create_directories(table_directory, error);
  if (error) return SystemError("cannot make directory", table_directory, error.value());
  // Between making the directory and locking it, another writer might take it for a leftover.
  CATENA_TRY(const auto commit,
             FileLock::Acquire(table_directory + "/.commit.lock", /*wait=*/true));
  CATENA_TRY(const auto names, Names(table_directory));
  if (const LakeFormat* format = LakeFormatOf(table_directory)) {
    return InvalidConf(std::string("this table is kept by another system, ") + format->name +
                       "; write into a table of another name: " + table_directory);
  }
  CATENA_RETURN_IF_ERROR(RequireOurs(names, table_directory));
  CATENA_RETURN_IF_ERROR(RemoveLeftovers(names, table_directory));
  const std::string path = table_directory + "/" + std::string(kWork) + std::to_string(getpid()) +
                           "-" + std::to_string(counter++);
  fs::create_directories(path + "/data", error);
  if (error) return SystemError("cannot make directory", path, error.value());
  CATENA_TRY(auto lock, FileLock::Acquire(path + "/lock", /*wait=*/false));
  return WorkDirectory(table_directory, path, std::move(lock));
}

Status WorkDirectory::Publish(Date ds) {
  CATENA_TRY(const auto names, Names(data()));
  for (const std::string& name : names) CATENA_RETURN_IF_ERROR(SyncPath(data() + "/" + name));
  CATENA_RETURN_IF_ERROR(SyncPath(data()));
  const std::string partition = PartitionPath(table_directory_, ds);
  CATENA_TRY(const auto commit,
             FileLock::Acquire(table_directory_ + "/.commit.lock", /*wait=*/true));
  CATENA_RETURN_IF_ERROR(RequireFlat(partition));
  // The exchange needs something to exchange with; a plain rename needs nothing there. A file
  // system that cannot exchange shows the partition absent for a moment, still never half.
  if (renameat2(AT_FDCWD, data().c_str(), AT_FDCWD, partition.c_str(), RENAME_EXCHANGE) != 0) {
    const bool absent = errno == ENOENT;
    const bool cannot = errno == EINVAL || errno == ENOSYS || errno == EXDEV;
    if (!absent && !cannot) return SystemError("cannot replace partition", partition, errno);
    if (cannot && std::rename(partition.c_str(), (path_ + "/retired").c_str()) != 0) {
      return SystemError("cannot replace partition", partition, errno);
    }
    if (std::rename(data().c_str(), partition.c_str()) != 0) {
      return SystemError("cannot put partition in place", partition, errno);
    }
  }
  return SyncPath(table_directory_);
}

Status WorkDirectory::Retire(Date ds) {
  const std::string partition = PartitionPath(table_directory_, ds);
  CATENA_TRY(const auto commit,
             FileLock::Acquire(table_directory_ + "/.commit.lock", /*wait=*/true));
  CATENA_RETURN_IF_ERROR(RequireFlat(partition));
  if (std::rename(partition.c_str(), (path_ + "/retired").c_str()) != 0 && errno != ENOENT) {
    return SystemError("cannot drop partition", partition, errno);
  }
  return SyncPath(table_directory_);
}

}  // namespace catena::table
