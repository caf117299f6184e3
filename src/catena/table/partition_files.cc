// SPDX-License-Identifier: Apache-2.0
#include "catena/table/partition_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace catena::table {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "ds=";
constexpr std::string_view kWork = ".work-";

Error SystemError(const std::string& what, const std::string& path, int code) {
  return Unavailable(what + ": " + path + ": " + std::strerror(code));
}

bool IsData(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".parquet") && name.front() != '.' && name.front() != '_';
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

// A work directory whose lock can be had belongs to nobody any more.
Status RemoveLeftovers(const std::string& table_directory) {
  CATENA_TRY(const auto names, Names(table_directory));
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
  return table_directory + "/" + std::string(kPrefix) + FormatDate(ds);
}

Result<std::vector<PartitionFiles>> ListPartitions(const std::string& table_directory,
                                                   const PartitionRange& range) {
  std::vector<PartitionFiles> partitions;
  CATENA_TRY(const auto names, Names(table_directory));
  for (const std::string& name : names) {
    if (!name.starts_with(kPrefix)) continue;
    const auto ds = ParseDate(std::string_view(name).substr(kPrefix.size()));
    if (!ds.ok() || FormatDate(*ds) != name.substr(kPrefix.size()) || !range.Contains(*ds)) {
      continue;
    }
    PartitionFiles partition{*ds, {}};
    const std::string directory = table_directory + "/" + name;
    CATENA_TRY(const auto files, Names(directory));
    for (const std::string& file : files) {
      if (IsData(file)) partition.files.push_back(directory + "/" + file);
    }
    if (!partition.files.empty()) partitions.push_back(std::move(partition));
  }
  std::sort(partitions.begin(), partitions.end(),
            [](const auto& a, const auto& b) { return a.ds < b.ds; });
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
  CATENA_RETURN_IF_ERROR(RemoveLeftovers(table_directory));
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
