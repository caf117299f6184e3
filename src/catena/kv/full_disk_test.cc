// SPDX-License-Identifier: Apache-2.0
// A disk that takes no more bytes: reads go on, writes are refused, and nothing applied is lost.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "catena/base/random.h"
#include "catena/kv/child_process.h"
#include "catena/kv/stores_under_test.h"

namespace {

std::atomic<int64_t> space_left{INT64_MAX};  // Of the disk, for this program's files.

}  // namespace

// RocksDB's, too.
extern "C" ssize_t write(int descriptor, const void* bytes, size_t size) {
  struct stat status;
  if (space_left != INT64_MAX && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
    size = std::min(size, static_cast<size_t>(space_left));
    if (size == 0) {
      errno = ENOSPC;
      return -1;
    }
    space_left -= static_cast<int64_t>(size);
  }
  return syscall(SYS_write, descriptor, bytes, size);
}

namespace catena::kv {
namespace {

void LimitFileBytes(rlim_t bytes) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  setrlimit(RLIMIT_FSIZE, &limit);
}

Status PutAt(KVStore* store, int64_t millis) {
  const std::string value(100'000, static_cast<char>('a' + millis % 26));
  return store->Apply({{{"D", "k", {FromMillis(millis), 0, value}}}, {}});
}

size_t Count(KVStore* store) {
  const GetRequest all{"D", "k"};
  return store->MultiGet({&all, 1})[0].value().size();
}

// In a child, whose files may not grow beyond a limit: what a full disk looks like to it.
int FillTheDisk(const std::string& folder) {
  signal(SIGXFSZ, SIG_IGN);
  const std::string url = "rocksdb:" + folder + "/state?write_buffer_mb=64";
  auto store = OpenKVStore(url, OpenMode::kOwn).value();
  LimitFileBytes(3 << 20);
  int64_t applied = 0;
  while (applied < 100 && PutAt(store.get(), applied).ok()) ++applied;
  if (applied == 100) return 2;
  for (int i = 0; i < 3; ++i) {
    const Status refused = PutAt(store.get(), applied);
    if (refused.ok() || refused.error().code != ErrorCode::kUnavailable) return 3;
    if (Count(store.get()) != static_cast<size_t>(applied)) return 4;
  }
  std::this_thread::sleep_for(
      std::chrono::milliseconds(1200));  // Through a sync in the background.
  if (store->Sync().ok()) return 5;
  store.reset();
  LimitFileBytes(RLIM_INFINITY);
  store = OpenKVStore(url, OpenMode::kOwn).value();
  if (Count(store.get()) != static_cast<size_t>(applied)) return 6;
  return PutAt(store.get(), applied).ok() ? 0 : 7;
}

// The same of a write that is to become a file at once.
int FillTheDiskWithOneFile(const std::string& folder) {
  signal(SIGXFSZ, SIG_IGN);
  auto store =
      OpenKVStore("rocksdb:" + folder + "/state?write_buffer_mb=8", OpenMode::kOwn).value();
  KVStore* const behind = store->AnswerThrough(nullptr);
  if (!PutAt(store.get(), 0).ok()) return 2;
  LimitFileBytes(1 << 20);
  Random random(1);
  std::string value(3 << 20, ' ');  // That no compression makes small.
  for (char& byte : value) byte = static_cast<char>(random.Next());
  const WriteBatch large{{{"D", "k", {FromMillis(1), 0, value}}}, {}};
  for (int i = 0; i < 3; ++i) {
    const Status refused = behind->ApplySorted(SortedBatch(large), {});
    if (refused.ok() || refused.error().code != ErrorCode::kUnavailable) return 3;
    if (Count(store.get()) != 1) return 4;
  }
  LimitFileBytes(RLIM_INFINITY);
  if (!behind->ApplySorted(SortedBatch(large), {}).ok()) return 5;
  return Count(store.get()) == 2 ? 0 : 6;
}

// Space comes back, the writer goes on, and is killed: behind the half of a write that the log got
// nothing of what follows would be found.
int GoOnAndDie(const std::string& folder) {
  signal(SIGXFSZ, SIG_IGN);
  auto store =
      OpenKVStore("rocksdb:" + folder + "/state?write_buffer_mb=64", OpenMode::kOwn).value();
  space_left = 1 << 20;
  int64_t applied = 0;
  while (applied < 100 && PutAt(store.get(), applied).ok()) ++applied;
  if (applied == 100) return 2;
  space_left = INT64_MAX;
  for (int more = 0; more < 5; ++more) {
    if (!PutAt(store.get(), applied++).ok()) return 3;
  }
  if (!TellParent(std::to_string(applied))) return 4;
  return kill(getpid(), SIGKILL);
}

const bool kRegistered = RegisterChildRole("go on and die", GoOnAndDie) &&
                         RegisterChildRole("fill the disk", FillTheDisk) &&
                         RegisterChildRole("with one file", FillTheDiskWithOneFile);

void ExpectAChildEndsWell(const std::string& role) {
  ASSERT_TRUE(kRegistered);
  ScratchFolder folder;
  ChildProcess child(role, folder.path);
  const int status = child.Wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(FullDiskTest, ReadsGoOnWritesAreRefusedAndTheNextOwnerGoesOn) {
  ExpectAChildEndsWell("fill the disk");
}

TEST(FullDiskTest, WhatIsAppliedOnceThereIsSpaceAgainOutlivesAKill) {
  ScratchFolder folder;
  ChildProcess child("go on and die", folder.path);
  const std::string applied = child.ReadLine();
  child.Wait();
  ASSERT_FALSE(applied.empty());
  const auto store = OpenKVStore("rocksdb:" + folder.path + "/state", OpenMode::kOwn).value();
  EXPECT_EQ(Count(store.get()), std::stoul(applied));
}

TEST(FullDiskTest, AFileThatDoesNotFitIsRefusedUntilItDoes) {
  ExpectAChildEndsWell("with one file");
}

}  // namespace
}  // namespace catena::kv
