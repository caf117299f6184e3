// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/dated_groups.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "catena/testing/property.h"

namespace catena::batch {
namespace {

// As a KeyIndex of (key, day) puts rows together, and finds no pair that no row has.
TEST(DatedGroupsTest, AreThoseOfKeysAndDays) {
  testing::ForSeeds(50, [&](Random& random) {
    const size_t keys = 1 + random.Below(40);
    const auto first = static_cast<int32_t>(random.Between(-3, 20000));
    const auto span = static_cast<int32_t>(1 + random.Below(9));
    std::vector<uint32_t> ids(random.OneIn(10) ? 0 : random.Below(100'000));
    std::vector<Date> days;
    KeyIndex index;
    std::vector<uint32_t> expected;
    for (uint32_t& id : ids) {
      id = random.OneIn(5) ? kNoGroup : static_cast<uint32_t>(random.Below(keys));
      days.push_back(Date{first} + static_cast<int32_t>(random.Below(span)));
      expected.push_back(id == kNoGroup ? kNoGroup : index.Add(IntegerKey{id, days.back().days}));
    }
    const int threads = 1 + static_cast<int>(random.Below(4));
    const std::vector<uint32_t> given = ids;
    const auto made = DatedGroups::Of(ids, days, keys, threads);
    if (!made) {
      EXPECT_GT(keys * static_cast<size_t>(span), ids.size());
      EXPECT_EQ(ids, given);
      return;
    }
    const DatedGroups& groups = *made;
    ASSERT_EQ(groups.size(), index.size());
    std::vector<uint32_t> group_of(index.size(), kNoGroup);  // By what the index says.
    std::vector<uint32_t> of_group(index.size(), kNoGroup);
    for (size_t row = 0; row < ids.size(); ++row) {
      ASSERT_EQ(ids[row] == kNoGroup, expected[row] == kNoGroup);
      if (ids[row] == kNoGroup) continue;
      if (group_of[expected[row]] == kNoGroup) {
        ASSERT_EQ(of_group[ids[row]], kNoGroup) << "two pairs in one group";
        group_of[expected[row]] = ids[row];
        of_group[ids[row]] = expected[row];
      }
      ASSERT_EQ(ids[row], group_of[expected[row]]) << "one pair in two groups";
    }
    for (uint32_t key = 0; key < keys; ++key) {
      for (int32_t day = first - 2; day < first + span + 2; ++day) {
        const uint32_t known = index.Find(IntegerKey{key, day});
        EXPECT_EQ(groups.Find(key, Date{day}), known == kNoGroup ? kNoGroup : group_of[known]);
      }
    }
    EXPECT_EQ(groups.Find(kNoGroup, Date{first}), kNoGroup);
  });
}

TEST(DatedGroupsTest, FitWhereThereAreNoMoreCellsThanRows) {
  std::vector<Date> days(60, Date{5});
  const auto fits = [&](size_t keys) {
    std::vector<uint32_t> ids(60, 0);
    return DatedGroups::Of(ids, days, keys, 1).has_value();
  };
  EXPECT_TRUE(fits(60));
  EXPECT_FALSE(fits(61));
  days.back() = Date{7};
  EXPECT_TRUE(fits(20));
  EXPECT_FALSE(fits(21));
  days.back() = Date{2'000'000'000};
  days.front() = Date{-2'000'000'000};
  EXPECT_FALSE(fits(1));
}

}  // namespace
}  // namespace catena::batch
