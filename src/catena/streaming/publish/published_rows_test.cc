// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/published_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "catena/base/random.h"

namespace catena::streaming {
namespace {

// The twin knows every row that is there.
TEST(PublishedRowsTest, WhatACrashLeavesIsKnownAsIfAllWereRemembered) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 50; ++round) {
    PublishedRows rows;
    std::set<int64_t> there, sent;
    int64_t offset = random.Between(0, 5);
    const int calls = static_cast<int>(random.Between(1, 6));
    for (int call = 0; call < calls; ++call) {
      std::vector<int64_t> batch;
      const auto size = static_cast<size_t>(random.Between(1, kPublishedAtOnce));
      for (; batch.size() < size; ++offset) {
        if (!random.OneIn(5)) batch.push_back(offset);  // Others were filtered.
      }
      sent.insert(batch.begin(), batch.end());
      // The last call died: of it any rows may be there.
      const bool died = call + 1 == calls;
      std::erase_if(batch, [&](int64_t) { return died && random.OneIn(2); });
      there.insert(batch.begin(), batch.end());
    }
    // Partitions of the topic are read one after the other, so in any order of offsets.
    std::vector<int64_t> found(there.begin(), there.end());
    for (size_t i = found.size(); i > 1; --i) std::swap(found[i - 1], found[random.Below(i)]);
    for (const int64_t each : found) rows.Add(3, each);
    for (const int64_t each : sent) ASSERT_EQ(rows.Contains(3, each), there.contains(each)) << each;
    EXPECT_FALSE(rows.Contains(3, offset));
    EXPECT_FALSE(rows.Contains(4, *there.begin()));
  }
}

}  // namespace
}  // namespace catena::streaming
