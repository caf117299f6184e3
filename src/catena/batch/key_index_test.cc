// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/key_index.h"

#include <gtest/gtest.h>

#include <string>

namespace catena::batch {
namespace {

TEST(KeyIndexTest, GivesDenseIdsThroughGrowth) {
  KeyIndex keys;
  for (uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(keys.Add("key " + std::to_string(i)), i);
  for (uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(keys.Add("key " + std::to_string(i)), i);
  EXPECT_EQ(keys.size(), 5000u);
  EXPECT_EQ(keys.Find("key 4999"), 4999u);
  EXPECT_EQ(keys.Find("key 5000"), kNoGroup);
  EXPECT_EQ(keys.Key(17), "key 17");
  EXPECT_EQ(keys.Find(""), kNoGroup);
  EXPECT_EQ(keys.Add(""), 5000u);
}

TEST(GroupRowsTest, SortsWithinGroupsByTimeThenOrder) {
  const std::vector<uint32_t> groups{1, 0, 1, kNoGroup, 1, 1};
  const std::vector<int64_t> times{5, 9, 3, 0, 3, -1};
  const std::vector<uint64_t> orders{0, 0, 8, 0, 7, 0};
  const Groups grouped = GroupRows(groups, 3, times, orders);
  EXPECT_EQ(grouped.begin, (std::vector<uint32_t>{0, 1, 5, 5}));
  EXPECT_EQ(grouped.rows, (std::vector<uint32_t>{1, 5, 4, 2, 0}));
  EXPECT_EQ(GroupRows(groups, 3, times, {}).rows, (std::vector<uint32_t>{1, 5, 2, 4, 0}));
}

}  // namespace
}  // namespace catena::batch
