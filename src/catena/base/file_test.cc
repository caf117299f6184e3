// SPDX-License-Identifier: Apache-2.0
#include "catena/base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

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
