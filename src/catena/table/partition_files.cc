// SPDX-License-Identifier: Apache-2.0
#include "catena/table/partition_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <tuple>
#include <utility>

namespace catena::table {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWork = ".work-";

Error SystemError(const std::string& what, const std::string& path, int code) {
  return Unavailable(what + ": " + path + ": " + std::strerror(code));
}

bool IsData(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".parquet") && name.front() != '.' && name.front() != '_';
}

// A directory that is a day: "dt=20261120".
struct DayDirectory {
  std::string name;
  std::string column;
  Date day;
};

std::optional<DayDirectory> ReadDay(const std::string& name) {
  const size_t equals = name.find('=');
  if (equals == 0 || equals == std::string::npos) return std::nullopt;
  std::string day = name.substr(equals + 1);
  if (day.size() == 8) day = day.substr(0, 4) + "-" + day.substr(4, 2) + "-" + day.substr(6);
  if (day.size() == 10 && day[4] == day[7] && (day[4] == '_' || day[4] == '.')) {
    day[4] = day[7] = '-';
  }
  const auto date = ParseDate(day);
  if (!date.ok() || FormatDate(*date) != day) return std::nullopt;
  return DayDirectory{name, name.substr(0, equals), *date};
}

// By day. A `ds` outdoes every other column.
Result<std::vector<DayDirectory>> DayDirectories(const std::vector<std::string>& names,
                                                 const std::string& table_directory) {
  std::vector<DayDirectory> days;
  for (const std::string& name : names) {
    if (auto day = ReadDay(name)) days.push_back(std::move(*day));
  }
  const auto is_ds = [](const DayDirectory& day) { return day.column == "ds"; };
  if (std::any_of(days.begin(), days.end(), is_ds)) {
    std::erase_if(days, [&](const DayDirectory& day) { return !is_ds(day); });
  }
  std::sort(days.begin(), days.end(), [](const DayDirectory& a, const DayDirectory& b) {
    return std::tie(a.day, a.name) < std::tie(b.day, b.name);
  });
  for (size_t i = 1; i < days.size(); ++i) {
    const bool twice = days[i].day == days[i - 1].day;
    if (!twice && days[i].column == days[i - 1].column) continue;
    return InvalidData(std::string(twice ? "a day has two directories" : "days in two columns") +
                       "; keep one of them: " + days[i - 1].name + ", " + days[i].name + " in " +
                       table_directory);
  }
  return days;
}

Result<std::vector<std::string>> Names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
    if (error) break;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return SystemError("cannot list directory", directory, error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status Sync(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("cannot open to sync", path, errno);
  const int failed = fsync(descriptor) != 0 ? errno : 0;
  close(descriptor);
  return failed == 0 ? Status() : SystemError("cannot sync", path, failed);
}

void RemoveAll(const std::string& path) {
  std::error_code ignored;  // What stays is invisible, and the next writer tries again.
  fs::remove_all(path, ignored);
}

// What is written here is spelled ds=YYYY-MM-DD, and would hide or double days spelled otherwise.
Status RequireOurs(const std::vector<std::string>& names, const std::string& table_directory) {
  CATENA_TRY(const auto days, DayDirectories(names, table_directory));
  for (const DayDirectory& day : days) {
    if (PartitionPath(table_directory, day.day) == table_directory + "/" + day.name) continue;
    return InvalidConf(
        "this table is another system's, which spells its days otherwise than "
        "ds=YYYY-MM-DD; write into a table of another name: " +
        table_directory + "/" + day.name);
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

Result<std::vector<PartitionFiles>> ListPartitions(const std::string& table_directory,
                                                   const PartitionRange& range) {
  std::vector<PartitionFiles> partitions;
  CATENA_TRY(const auto names, Names(table_directory));
  CATENA_TRY(const auto days, DayDirectories(names, table_directory));
  for (const DayDirectory& day : days) {
    if (!range.Contains(day.day)) continue;
    PartitionFiles partition{day.day, day.column, {}};
    const std::string directory = table_directory + "/" + day.name;
    CATENA_TRY(const auto files, Names(directory));
    for (const std::string& file : files) {
      if (IsData(file)) partition.files.push_back(directory + "/" + file);
    }
    if (!partition.files.empty()) partitions.push_back(std::move(partition));
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
  for (const std::string& name : names) CATENA_RETURN_IF_ERROR(Sync(data() + "/" + name));
  CATENA_RETURN_IF_ERROR(Sync(data()));
  const std::string partition = PartitionPath(table_directory_, ds);
  CATENA_TRY(const auto commit,
             FileLock::Acquire(table_directory_ + "/.commit.lock", /*wait=*/true));
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
  return Sync(table_directory_);
}

Status WorkDirectory::Retire(Date ds) {
  const std::string partition = PartitionPath(table_directory_, ds);
  CATENA_TRY(const auto commit,
             FileLock::Acquire(table_directory_ + "/.commit.lock", /*wait=*/true));
  if (std::rename(partition.c_str(), (path_ + "/retired").c_str()) != 0 && errno != ENOENT) {
    return SystemError("cannot drop partition", partition, errno);
  }
  return Sync(table_directory_);
}

}  // namespace catena::table
