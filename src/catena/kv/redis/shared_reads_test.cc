// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/redis/shared_reads.h"

#include <gtest/gtest.h>

#include <random>

#include "catena/base/random.h"
#include "catena/kv/memory_store.h"

namespace catena::kv {
namespace {

TEST(ShareReadsTest, OverlappingRangesOfOneKeyAreOneRead) {
  const std::vector<GetRequest> requests = {
      {"D", "k", FromMillis(10), FromMillis(30)}, {"D", "k", FromMillis(10), FromMillis(20)},
      {"D", "j", FromMillis(10), FromMillis(30)}, {"D", "k", FromMillis(25), FromMillis(40)},
      {"D", "k", FromMillis(50), FromMillis(60)}, {"D", "k", FromMillis(10), FromMillis(30), 2}};
  const SharedReads shared = ShareReads(requests);
  EXPECT_EQ(shared.reads.size(), 4u);
  EXPECT_EQ(shared.read_of[0], shared.read_of[1]);
  EXPECT_EQ(shared.read_of[0], shared.read_of[3]);
  EXPECT_EQ(shared.reads[shared.read_of[0]].after, FromMillis(10));
  EXPECT_EQ(shared.reads[shared.read_of[0]].before, FromMillis(40));
}

// One by one is the naive twin.
TEST(ShareReadsTest, EveryAnswerIsTheOneOfItsRequestAlone) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  MemoryKVStore store;
  const std::string keys[] = {"a", "b"};
  WriteBatch batch;
  for (int i = 0; i < 200; ++i) {
    batch.puts.push_back(
        {"D", keys[random.Below(2)], {FromMillis(random.Between(0, 50)), random.Below(3), "v"}});
  }
  ASSERT_TRUE(store.Apply(batch).ok());
  for (int round = 0; round < 300; ++round) {
    std::vector<GetRequest> requests(random.Below(12));
    for (GetRequest& request : requests) {
      request = {"D", keys[random.Below(2)]};
      if (!random.OneIn(5)) request.after = FromMillis(random.Between(0, 50));
      if (!random.OneIn(5)) request.before = FromMillis(random.Between(0, 50));
      if (random.OneIn(5)) request.limit = 1 + random.Below(4);
    }
    const SharedReads shared = ShareReads(requests);
    const auto answers = store.MultiGet(shared.reads);
    const auto alone = store.MultiGet(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto part = PartOf(answers[shared.read_of[i]].value(), requests[i]);
      const auto& expected = alone[i].value();
      ASSERT_EQ(part.size(), expected.size());
      for (size_t j = 0; j < part.size(); ++j) {
        ASSERT_EQ(part[j].time, expected[j].time);
        ASSERT_EQ(part[j].sequence, expected[j].sequence);
      }
    }
  }
}

}  // namespace
}  // namespace catena::kv
