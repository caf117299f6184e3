// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/paced_puts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catena/base/random.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/memory_store.h"

namespace catena::kv {
namespace {

class Numbers : public SortedPuts {
 public:
  explicit Numbers(size_t count) : count_(count) {}
  size_t datasets() const override { return 1; }
  std::string_view NameOf(size_t) const override { return "D"; }
  size_t bytes() const override { return count_; }
  size_t size() const override { return count_; }
  Status VisitEach(size_t, const Visit& visit) const override {
    for (size_t i = 0; i < count_; ++i) {
      const std::string key = std::to_string(i);
      CATENA_RETURN_IF_ERROR(visit({"D", key, FromMillis(1), 0, "v"}));
    }
    return Status();
  }

 private:
  size_t count_;
};

// Works long enough for a rest each time that the clock is looked at.
Status WorkOn(const PutView& put, std::vector<std::string>* keys) {
  keys->emplace_back(put.key);
  if (keys->size() % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
  return Status();
}

TEST(PacedPutsTest, EveryPutIsVisitedInItsOrderAndRestsAreTaken) {
  const Numbers numbers(1000);
  int asked = 0;
  const PacedPuts paced(numbers, [&asked] { return ++asked % 2 == 0; });
  std::vector<std::string> keys;
  ASSERT_TRUE(paced.VisitAll([&keys](const PutView& put) { return WorkOn(put, &keys); }).ok());
  ASSERT_EQ(keys.size(), 1000u);
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(keys[i], std::to_string(i));
  EXPECT_GE(asked, 14);
  EXPECT_EQ(paced.size(), numbers.size());
  EXPECT_EQ(paced.bytes(), numbers.bytes());
}

TEST(PacedPutsTest, AnErrorEndsTheVisit) {
  const Numbers numbers(100);
  const PacedPuts paced(numbers, [] { return true; });
  size_t visited = 0;
  const Status status = paced.VisitAll(
      [&](const PutView&) { return ++visited == 40 ? Status(Unavailable("full")) : Status(); });
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(visited, 40u);
}

// Who writes during a commit that takes its time loses nothing, and neither does who asks for a
// commit at once meanwhile.
TEST(PacedPutsTest, WhatIsWrittenDuringPacedCommitsIsStoredOnce) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  FrontedStore behind(std::make_unique<MemoryKVStore>());
  CachedStore store(&behind, 4 << 20);
  std::map<std::string, std::string> expected;
  std::atomic<bool> is_done = false;
  std::jthread syncs([&] {
    for (int i = 0; !is_done; ++i) {
      ASSERT_TRUE((i % 4 == 3 ? store.Commit() : store.Sync()).ok());
    }
  });
  Random random(seed);
  for (int i = 0; i < 5000; ++i) {
    WriteBatch batch;
    for (int n = 0; n < 20; ++n) {
      const std::string key = std::to_string(random.Below(20'000));
      const std::string value = std::to_string(i) + "." + std::to_string(n);
      batch.puts.push_back({"D", key, {FromMillis(1), 0, value}});
      expected[key] = value;
    }
    ASSERT_TRUE(store.Apply(batch, /*durable=*/false).ok());
  }
  is_done = true;
  syncs.join();
  ASSERT_TRUE(store.Sync().ok());
  std::map<std::string, std::string> stored;
  ASSERT_TRUE(behind
                  .Scan("D",
                        [&stored](std::string_view key, const TimedValue& value) {
                          EXPECT_TRUE(stored.emplace(key, value.value).second);
                          return true;
                        })
                  .ok());
  EXPECT_EQ(stored, expected);
}

}  // namespace
}  // namespace catena::kv
