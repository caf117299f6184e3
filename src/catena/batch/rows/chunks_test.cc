// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/chunks.h"

#include <gtest/gtest.h>

#include "catena/base/random.h"
#include "catena/batch/rows/key_index.h"
#include "catena/batch/rows/row_parts.h"

namespace catena::batch {
namespace {

// Each group in one chunk, or in ranges of time; chunks and groups in one order.
TEST(ChunksTest, HoldEachRowOnce) {
  constexpr uint64_t kSeed = 20'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto groups = static_cast<uint32_t>(1 + random.Below(random.OneIn(2) ? 5 : 3000));
    const uint32_t hot = static_cast<uint32_t>(random.Below(groups));
    const uint64_t others = 1 + random.Below(4);
    const int64_t span = random.OneIn(4) ? 1 : 1000;
    std::vector<uint32_t> group_of_row;
    std::vector<int64_t> times;
    std::vector<uint32_t> counts(groups, 0);
    const std::vector<uint32_t> none(groups, 0);
    for (uint64_t row = random.Below(100000); row > 0; --row) {
      group_of_row.push_back(random.Below(others) != 0 ? hot : random.Below(groups));
      times.push_back(random.Between(-span, span));
      if (random.OneIn(20)) group_of_row.back() = kNoGroup;
      if (group_of_row.back() != kNoGroup) ++counts[group_of_row.back()];
    }
    const int threads = 1 + static_cast<int>(random.Below(5));
    const TimedRows rows{group_of_row, times};
    const Chunks chunks(counts, none, {threads, rows, {}});
    const std::vector<uint16_t> of_rows = chunks.OfRows(rows, 2);
    uint32_t next_group = 0;
    for (size_t i = 0; i < chunks.size(); ++i) {
      ASSERT_EQ(chunks[i].first_group, chunks[i].range == 0 ? next_group : next_group - 1);
      if (chunks[i].range == 0) next_group += chunks[i].groups;
      if (chunks[i].ranges > 1) {
        EXPECT_GT(threads, 1);
        ASSERT_EQ(chunks[i].groups, 1u);
      }
    }
    EXPECT_EQ(next_group, groups);
    std::vector<int64_t> latest(chunks.size(), INT64_MIN);
    std::vector<int64_t> earliest(chunks.size(), INT64_MAX);
    for (size_t row = 0; row < of_rows.size(); ++row) {
      if (group_of_row[row] == kNoGroup) {
        EXPECT_EQ(of_rows[row], RowParts::kNone);
        continue;
      }
      ASSERT_LT(of_rows[row], chunks.size());
      const Chunks::Chunk& chunk = chunks[of_rows[row]];
      ASSERT_GE(group_of_row[row], chunk.first_group);
      ASSERT_LT(group_of_row[row], chunk.first_group + chunk.groups);
      latest[of_rows[row]] = std::max(latest[of_rows[row]], times[row]);
      earliest[of_rows[row]] = std::min(earliest[of_rows[row]], times[row]);
    }
    for (size_t i = 0; i < chunks.size(); ++i) {
      for (size_t before = i - chunks[i].range; before < i; ++before) {
        EXPECT_LT(latest[before], earliest[i]) << before << " and " << i;
      }
    }
  }
}

TEST(ChunksTest, SplitWhatHasMoreThanAThreadsShare) {
  std::vector<uint32_t> groups;
  std::vector<int64_t> times;
  for (int64_t row = 0; row < 200000; ++row) {
    groups.push_back(row % 2 == 0 ? 7 : static_cast<uint32_t>(row % 11));
    times.push_back(row * 37 % 200000);
  }
  std::vector<uint32_t> counts(11, 0);
  for (const uint32_t group : groups) ++counts[group];
  const std::vector<uint32_t> none(11, 0);
  EXPECT_EQ(Chunks(counts, none, {1, {groups, times}, {}})[1].ranges, 1u);
  const Chunks chunks(counts, none, {2, {groups, times}, {}});
  std::vector<size_t> rows(chunks.size());
  for (const uint16_t chunk : chunks.OfRows({groups, times}, 1)) ++rows[chunk];
  size_t ranges = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].ranges == 1) continue;
    ++ranges;
    EXPECT_EQ(chunks[i].first_group, 7u);
    EXPECT_NEAR(static_cast<double>(rows[i]), 109091.0 / 5, 2000);
  }
  EXPECT_EQ(ranges, 5u);
}

}  // namespace
}  // namespace catena::batch
