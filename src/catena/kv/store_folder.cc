// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/store_folder.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <system_error>

#include "catena/base/file.h"
#include "catena/kv/stored_format.h"

namespace catena::kv {
namespace {

namespace fs = std::filesystem;

constexpr char kFormatFile[] = "CATENA_STORE";
constexpr std::string_view kFormatWords = "catena store ";

std::string FormatLine() {
  return std::string(kFormatWords) + std::to_string(kStoredFormat) + "\n";
}

Status CheckFormatLine(const std::string& path, const std::string& line) {
  if (line == FormatLine()) return Status();
  if (!line.starts_with(kFormatWords)) {
    return Corruption("unreadable format file: restore it or remove the folder and load again: " +
                      path + "/" + kFormatFile);
  }
  const std::string number =
      line.substr(kFormatWords.size(), line.find('\n') - kFormatWords.size());
  return Unsupported(
      "store of another format: use the catena that wrote it, or remove the folder "
      "and load again: " +
      path + ": format " + number + ", this catena reads " + std::to_string(kStoredFormat));
}

// True when nothing is in there but what another process creating the same store has put there.
Result<bool> IsFree(const std::string& path) {
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().starts_with(kFormatFile)) return false;
  }
  if (error) return Unavailable("cannot list store folder: " + path + ": " + error.message());
  return true;
}

}  // namespace

Status CreateStoreFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Unavailable("cannot create store folder: " + path + ": " + error.message());
  const std::string format_file = path + "/" + kFormatFile;
  Result<std::string> line = ReadFile(format_file);
  if (line.ok()) return CheckFormatLine(path, *line);
  if (line.error().code != ErrorCode::kNotFound) return line.error();
  CATENA_TRY(const bool is_free, IsFree(path));
  if (!is_free) {
    // Another creator may have finished between our two looks.
    line = ReadFile(format_file);
    if (line.ok()) return CheckFormatLine(path, *line);
    return Unsupported("folder holds other things than a store: choose an empty or absent one: " +
                       path);
  }
  return ReplaceFile(format_file, FormatLine());
}

Status CheckStoreFolder(const std::string& path) {
  const Result<std::string> line = ReadFile(path + "/" + kFormatFile);
  if (line.ok()) CATENA_RETURN_IF_ERROR(CheckFormatLine(path, *line));
  if (!line.ok() && line.error().code != ErrorCode::kNotFound) return line.error();
  std::error_code error;
  if (!line.ok() || !fs::exists(path + "/CURRENT", error)) {
    return NotFound(
        "no features are stored here yet: `catena group-by-upload` and `catena "
        "group-by-streaming` make the store: " +
        path);
  }
  return Status();
}

std::string OwnerSocketPath(const std::string& path) { return path + "/owner.sock"; }

Status WriteOwner(const std::string& path) {
  return ReplaceFile(path + "/owner", std::to_string(getpid()) + "\n");
}

void RemoveOwner(const std::string& path) {
  std::error_code ignored;
  fs::remove(path + "/owner", ignored);
}

std::optional<int> ReadOwner(const std::string& path) {
  const Result<std::string> line = ReadFile(path + "/owner");
  int pid = 0;
  if (!line.ok()) return std::nullopt;
  const auto parsed = std::from_chars(line->data(), line->data() + line->size(), pid);
  return parsed.ec == std::errc() && pid > 0 ? std::optional<int>(pid) : std::nullopt;
}

}  // namespace catena::kv
