// SPDX-License-Identifier: Apache-2.0
// A disk that takes no more bytes: reads go on, writes are refused, and nothing applied is lost.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <thread>

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

const bool kRegistered = RegisterChildRole("fill the disk", FillTheDisk);

TEST(FullDiskTest, ReadsGoOnWritesAreRefusedAndTheNextOwnerGoesOn) {
  ASSERT_TRUE(kRegistered);
  ScratchFolder folder;
  ChildProcess child("fill the disk", folder.path);
  const int status = child.Wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace catena::kv
