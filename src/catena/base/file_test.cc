// SPDX-License-Identifier: Apache-2.0
#include "catena/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>

namespace {

bool syncs_files = true;  // The file system, as this program sees it.
bool syncs_folders = true;
std::map<ino_t, off_t> synced;              // Bytes of each file or folder, as of its last sync.
std::map<std::string, off_t> synced_names;  // Of each file when it was renamed to this name.

}  // namespace

extern "C" int fsync(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return -1;
  if (!(S_ISDIR(status.st_mode) ? syncs_folders : syncs_files)) {
    errno = EINVAL;
    return -1;
  }
  synced[status.st_ino] = status.st_size;
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  struct stat status;
  if (stat(from, &status) == 0) synced_names[to] = synced[status.st_ino];
  return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

namespace catena {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  FileTest() : root_(fs::temp_directory_path() / ("catena_file_" + std::to_string(getpid()))) {
    fs::create_directories(root_);
  }
  ~FileTest() override { fs::remove_all(root_); }
  size_t Entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(root_), {}));
  }
  fs::path root_;
};

TEST_F(FileTest, ReplacingPutsTheNewBytesInPlace) {
  const std::string path = root_ / "x";
  for (const std::string& bytes :
       {std::string("a\0b", 3), std::string(100000, 'z'), std::string()}) {
    ASSERT_TRUE(ReplaceFile(path, bytes).ok());
    EXPECT_EQ(*ReadFile(path), bytes);
  }
  EXPECT_EQ(Entries(), 1u);
}

// A machine that stops keeps of a file the bytes that were synced: with its new name, all of them.
TEST_F(FileTest, ReplacingOutlivesALossOfPower) {
  const std::string path = root_ / "x";
  for (const off_t size : {9, 100'000, 3}) {
    ASSERT_TRUE(ReplaceFile(path, std::string(static_cast<size_t>(size), 'z')).ok());
    EXPECT_EQ(synced_names[path], size);
  }
}

TEST_F(FileTest, FilesAndFoldersAreSynced) {
  const std::string path = root_ / "x";
  ASSERT_TRUE(ReplaceFile(path, "bytes").ok());
  for (const std::string& each : {path, root_.string()}) {
    struct stat status;
    ASSERT_EQ(stat(each.c_str(), &status), 0);
    synced.erase(status.st_ino);
    EXPECT_TRUE(SyncPath(each).ok());
    EXPECT_TRUE(synced.contains(status.st_ino)) << each;
  }
  EXPECT_NE(SyncPath(root_ / "none").error().message.find(root_ / "none"), std::string::npos);
}

TEST_F(FileTest, AFileSystemMaySyncNoFoldersButFiles) {
  const std::string path = root_ / "x";
  ASSERT_TRUE(ReplaceFile(path, "bytes").ok());
  syncs_folders = false;
  EXPECT_TRUE(SyncPath(root_).ok());
  syncs_folders = true;
  syncs_files = false;
  const Status refused = SyncPath(path);
  const Status replaced = ReplaceFile(path, "new");
  syncs_files = true;
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(replaced.ok());
  EXPECT_EQ(*ReadFile(path), "bytes");
}

TEST_F(FileTest, WhatCannotBeReplacedStaysAndNothingIsLeftBeside) {
  const std::string path = root_ / "x";
  ASSERT_TRUE(ReplaceFile(path, "old").ok());
  // As on a full disk, the write ends short.
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{1000, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status refused = ReplaceFile(path, std::string(5000, 'n'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, before);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find(path), std::string::npos) << refused.error().message;
  EXPECT_EQ(*ReadFile(path), "old");
  fs::create_directory(root_ / "folder");
  EXPECT_FALSE(ReplaceFile(root_ / "folder", "new").ok());
  EXPECT_FALSE(ReplaceFile(root_ / "no/such/file", "new").ok());
  EXPECT_EQ(Entries(), 2u);
}

}  // namespace
}  // namespace catena
