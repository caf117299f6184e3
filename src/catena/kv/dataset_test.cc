// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/dataset.h"

#include <gtest/gtest.h>

namespace catena::kv {
namespace {

TEST(DatasetTest, NamesAreChronons) {
  EXPECT_EQ(BatchDataset("fraud.user_stats.v1"), "FRAUD_USER_STATS_V1_BATCH");
  EXPECT_EQ(StreamingDataset("team/user-stats"), "TEAM_USER_STATS_STREAMING");
}

TEST(DatasetTest, SubKeysOfOneKeyAreNeighboursAndComeApartAgain) {
  const std::string key("a\0b", 3);
  EXPECT_EQ(SubKey(key, Layer::kRawRows), std::string("a\0b\x01", 4));
  EXPECT_EQ(SubKey(key, Layer::kLateRows), std::string("a\0b\x06", 4));
  const std::string sub_key = SubKey(key, Layer::kTiles1Day);
  EXPECT_EQ(ParseSubKey(sub_key).key, key);
  EXPECT_EQ(ParseSubKey(sub_key).layer, Layer::kTiles1Day);
}

}  // namespace
}  // namespace catena::kv
