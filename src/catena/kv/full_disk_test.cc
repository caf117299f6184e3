// SPDX-License-Identifier: Apache-2.0
// A disk that takes no more bytes: reads go on, writes are refused, and nothing applied is lost.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "catena/base/random.h"
#include "catena/kv/child_process.h"
#include "catena/kv/stores_under_test.h"

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

const bool kRegistered = RegisterChildRole("fill the disk", FillTheDisk) &&
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

TEST(FullDiskTest, AFileThatDoesNotFitIsRefusedUntilItDoes) {
  ExpectAChildEndsWell("with one file");
}

}  // namespace
}  // namespace catena::kv
