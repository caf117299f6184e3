// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/entities/lives.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "catena/testing/property.h"

namespace catena::fetch {
namespace {

constexpr int64_t kLives = INT64_MAX;

struct Table {
  uint32_t Snapshot(const std::string& value) {
    snapshot.push_back(New(value));
    return snapshot.back();
  }
  uint32_t Mutate(int64_t time, bool reversal, const std::string& value) {
    const uint32_t row = New(value);
    mutations.push_back({0, time, reversal, row});
    return row;
  }
  uint64_t End() {
    std::sort(mutations.begin(), mutations.end(), ComesBefore);
    return EndLives(
        mutations, snapshot, [&](uint32_t row) { return values[row]; }, died);
  }
  uint32_t New(const std::string& value) {
    values.push_back(value);
    died.push_back(kLives);
    return static_cast<uint32_t>(values.size() - 1);
  }

  std::vector<std::string> values;
  std::vector<int64_t> died;
  std::vector<uint32_t> snapshot;
  std::vector<Mutation> mutations;
};

TEST(LivesTest, ARowLivesUntilItsBeforeImage) {
  Table table;
  const uint32_t a = table.Snapshot("a");
  const uint32_t b = table.Snapshot("b");
  table.Mutate(10, true, "a");
  const uint32_t c = table.Mutate(10, false, "c");
  table.Mutate(20, true, "c");
  EXPECT_EQ(table.End(), 0u);
  EXPECT_EQ(table.died[a], 10);
  EXPECT_EQ(table.died[b], kLives);
  EXPECT_EQ(table.died[c], 20);
}

TEST(LivesTest, OfEqualRowsTheFirstDiesAndEachOnce) {
  Table table;
  const uint32_t snapshot = table.Snapshot("a");
  const uint32_t later = table.Mutate(30, false, "a");
  const uint32_t earlier = table.Mutate(10, false, "a");
  table.Mutate(40, true, "a");
  table.Mutate(50, true, "a");
  EXPECT_EQ(table.End(), 0u);
  EXPECT_EQ(table.died[snapshot], 40);
  EXPECT_EQ(table.died[earlier], 50);
  EXPECT_EQ(table.died[later], kLives);
}

TEST(LivesTest, WithinAnInstantRowsAreBornBeforeOthersDie) {
  Table table;
  table.Mutate(10, true, "a");
  const uint32_t a = table.Mutate(10, false, "a");
  EXPECT_EQ(table.End(), 0u);
  EXPECT_EQ(table.died[a], 10);
}

TEST(LivesTest, ABeforeImageWithoutItsRowChangesNothing) {
  Table table;
  const uint32_t a = table.Snapshot("a");
  const uint32_t later = table.Mutate(20, false, "b");
  table.Mutate(10, true, "b");
  table.Mutate(30, true, "c");
  EXPECT_EQ(table.End(), 2u);
  EXPECT_EQ(table.died[a], kLives);
  EXPECT_EQ(table.died[later], kLives);
}

// The naive twin: how many rows of each value live at any time, by going through all mutations.
TEST(LivesTest, CountsOfLivingRowsAreTheDefinitions) {
  testing::ForSeeds(500, [&](Random& random) {
    Table table;
    const auto value = [&] { return std::string(1, static_cast<char>('a' + random.Below(3))); };
    for (uint64_t i = random.Below(5); i > 0; --i) table.Snapshot(value());
    std::vector<int64_t> born(table.values.size(), INT64_MIN);
    for (uint64_t i = random.Below(20); i > 0; --i) {
      const auto time = static_cast<int64_t>(random.Below(10));
      table.Mutate(time, random.OneIn(2), value());
      born.push_back(table.mutations.back().reversal ? kLives : time);
    }
    const std::vector<Mutation> arrived = table.mutations;
    table.End();
    for (int64_t t = 0; t <= 10; ++t) {
      std::map<std::string, int64_t> naive, lives;
      for (const uint32_t row : table.snapshot) ++naive[table.values[row]];
      for (int64_t at = 0; at < t; ++at) {
        for (const bool reversal : {false, true}) {
          for (const Mutation& mutation : arrived) {
            if (mutation.time != at || mutation.reversal != reversal) continue;
            int64_t& count = naive[table.values[mutation.row]];
            count = reversal ? std::max<int64_t>(0, count - 1) : count + 1;
          }
        }
      }
      for (size_t row = 0; row < table.values.size(); ++row) {
        if (born[row] != kLives && born[row] < t && t <= table.died[row])
          ++lives[table.values[row]];
      }
      std::erase_if(naive, [](const auto& entry) { return entry.second == 0; });
      EXPECT_EQ(lives, naive) << "at " << t;
    }
  });
}

}  // namespace
}  // namespace catena::fetch
