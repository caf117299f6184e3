// SPDX-License-Identifier: Apache-2.0
#include "catena/base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace catena {

Result<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const int code = errno;
    const std::string message = "cannot read file: " + path + ": " + std::strerror(code);
    return code == ENOENT ? NotFound(message) : Unavailable(message);
  }
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (in.bad() || bytes.bad()) return Unavailable("cannot read file: " + path);
  return std::move(bytes).str();
}

namespace {

Status WriteSynced(const std::string& path, std::string_view bytes) {
  const auto refused = [&](int code) {
    return Unavailable("cannot write file: " + path + ": " + std::strerror(code));
  };
  const int descriptor = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor < 0) return refused(errno);
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  const int code = !bytes.empty() || fsync(descriptor) != 0 ? errno : 0;
  close(descriptor);
  return code == 0 ? Status() : refused(code);
}

}  // namespace

Status ReplaceFile(const std::string& path, std::string_view bytes) {
  static std::atomic<uint64_t> counter{0};
  const std::string beside =
      path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++);
  Status replaced = WriteSynced(beside, bytes);
  if (replaced.ok() && std::rename(beside.c_str(), path.c_str()) != 0) {
    replaced = Unavailable("cannot replace file: " + path + ": " + std::strerror(errno));
  }
  if (!replaced.ok()) unlink(beside.c_str());
  return replaced;
}

Status SyncPath(const std::string& path) {
  const auto refused = [&](int code) {
    return Unavailable("cannot sync: " + path + ": " + std::strerror(code));
  };
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return refused(errno);
  int code = fsync(descriptor) != 0 ? errno : 0;
  struct stat status;
  if (code == EINVAL && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) code = 0;
  close(descriptor);
  return code == 0 ? Status() : refused(code);
}

Result<FileLock> FileLock::Acquire(const std::string& path, bool wait) {
  const int descriptor = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Unavailable("cannot open lock file: " + path + ": " + std::strerror(errno));
  }
  int refused = 0;
  do {
    refused = flock(descriptor, LOCK_EX | (wait ? 0 : LOCK_NB));
  } while (refused != 0 && errno == EINTR);
  if (refused != 0) {
    const int code = errno;
    close(descriptor);
    return Unavailable("locked by another process: " + path + ": " + std::strerror(code));
  }
  return FileLock(descriptor);
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace catena
