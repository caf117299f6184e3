// SPDX-License-Identifier: Apache-2.0
#include "catena/table/lake.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "catena/base/json.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;

// Names, sizes and times of the metadata files: another version, another text.
Result<std::string> VersionOf(const LakeFormat& format, const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory + "/" + format.mark, error)) {
    struct stat facts = {};
    if (stat(entry.path().c_str(), &facts) != 0) continue;
    files.push_back(entry.path().filename().string() + " " + std::to_string(facts.st_size) + " " +
                    std::to_string(facts.st_mtim.tv_sec) + "." +
                    std::to_string(facts.st_mtim.tv_nsec) + "\n");
  }
  if (error) {
    return Unavailable("cannot list directory: " + directory + "/" + format.mark + ": " +
                       error.message());
  }
  std::sort(files.begin(), files.end());
  std::string version;
  for (const std::string& file : files) version += file;
  return version;
}

// What a program prints; what it says besides stays unsaid.
Result<std::string> OutputOf(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return Unavailable(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  char buffer[65536];
  while (failed == 0) {
    const ssize_t size = read(ends[0], buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  if (failed != 0) {
    return Unavailable("cannot run " + command[0] + ": " + std::strerror(failed));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return text;
}

Result<std::vector<DeclaredColumn>> ReadColumns(const Json& listing) {
  std::vector<DeclaredColumn> columns;
  for (const Json& column : listing.at("columns")) {
    DeclaredColumn declared;
    declared.field.name = column.at("name").get<std::string>();
    CATENA_TRY(declared.field.type, types::ParseType(column.at("type").get<std::string>()));
    if (!column.at("id").is_null()) declared.id = column.at("id").get<int64_t>();
    for (const Json& name : column.at("stored")) {
      declared.stored_names.push_back(name.get<std::string>());
    }
    columns.push_back(std::move(declared));
  }
  return columns;
}

std::vector<PlacedFile> ReadFiles(const Json& listing) {
  std::vector<PlacedFile> files;
  for (const Json& file : listing.at("files")) {
    PlacedFile placed{file.at("path").get<std::string>(), {}};
    for (const auto& [column, text] : file.at("values").items()) {
      placed.values.emplace_back(
          column, text.is_null() ? std::nullopt : std::optional(text.get<std::string>()));
    }
    files.push_back(std::move(placed));
  }
  return files;
}

Result<std::vector<PartitionFiles>> ByDay(std::vector<PlacedFile> files, const std::string& where) {
  CATENA_TRY(const std::string column, DayColumnOf(files, where));
  if (column.empty() && !files.empty()) {
    return Unsupported(
        "the table is not partitioned by day; partition it by `ds`, or bring it in with `catena "
        "import`: " +
        where);
  }
  std::map<Date, std::vector<PlacedFile>> days;
  for (PlacedFile& file : files) {
    const auto is_day = [&](const auto& value) { return value.first == column; };
    const auto value = std::find_if(file.values.begin(), file.values.end(), is_day);
    const bool there = value != file.values.end();
    if (there && !value->second) continue;
    const auto day = there ? DayOfText(*value->second) : std::nullopt;
    if (!day) {
      return InvalidData(
          "a file belongs to no day; rewrite it in today's partitioning, or bring "
          "the table in with `catena import`: " +
          column + (there ? "=" + *value->second : " is not said") + ", " + file.path);
    }
    days[*day].push_back(std::move(file));
  }
  std::vector<PartitionFiles> partitions;
  for (auto& [day, of_day] : days) {
    std::sort(of_day.begin(), of_day.end(),
              [](const PlacedFile& a, const PlacedFile& b) { return a.path < b.path; });
    PartitionFiles partition{day, kPartitionColumn, {}, {}};
    for (PlacedFile& file : of_day) {
      partition.files.push_back(std::move(file.path));
      partition.values.push_back(std::move(file.values));
    }
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

Result<TableFiles> Parse(const std::string& text, const std::string& where) {
  const auto listing = ParseJson(text, where);
  if (!listing.ok() || !listing->is_object()) {
    return Unavailable("the program that reads its metadata ended without an answer: " + where);
  }
  for (const auto& [key, code] : {std::pair{"error", ErrorCode::kUnsupported},
                                  std::pair{"broken", ErrorCode::kInvalidData}}) {
    if (!listing->contains(key)) continue;
    return Error{code, "cannot read the table: " + (*listing)[key].get<std::string>()};
  }
  TableFiles files;
  CATENA_TRY(files.declared, ReadColumns(*listing));
  CATENA_TRY(files.partitions, ByDay(ReadFiles(*listing), where));
  return files;
}

}  // namespace

const std::vector<LakeFormat>& LakeFormats() {
  static const std::vector<LakeFormat> formats = {{"delta", "_delta_log", ".json"},
                                                  {"iceberg", "metadata", ".metadata.json"}};
  return formats;
}

const LakeFormat* LakeFormatOf(const std::string& directory) {
  for (const LakeFormat& format : LakeFormats()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory + "/" + format.mark, error)) {
      if (entry.path().filename().string().ends_with(format.file)) return &format;
    }
  }
  return nullptr;
}

Result<TableFiles> LakeReader::Read(const LakeFormat& format, const std::string& table,
                                    const std::string& directory) const {
  const std::string where = std::string(format.name) + " table " + table;
  CATENA_TRY(const std::string version, VersionOf(format, directory));
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(directory);
  if (known != known_.end() && known->second.first == version) return known->second.second;
  CATENA_TRY(const std::string program, program_());
  CATENA_TRY(const std::string text,
             OutputOf({program, format.name, directory, copies_ + "/" + table}));
  CATENA_TRY(TableFiles files, Parse(text, directory).WithContext(where));
  known_[directory] = {version, files};
  return files;
}

}  // namespace catena::table
