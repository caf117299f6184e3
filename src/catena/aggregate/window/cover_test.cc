// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/cover.h"

#include <gtest/gtest.h>

#include <set>

#include "catena/aggregate/window/resolution.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

size_t TilesOf(const std::vector<TileRange>& ranges) {
  size_t tiles = 0;
  for (const TileRange& range : ranges) {
    tiles += static_cast<size_t>((range.end - range.begin) / LayerStep(range.layer));
  }
  return tiles;
}

TEST(Cover, UsesTheLargestTilesThatFit) {
  const Timestamp midnight = FromMillis(0);
  const auto ranges = Cover(midnight - minutes{70}, midnight + days{2} + minutes{65});
  const std::vector<TileRange> wanted{
      {Layer::kDay, midnight, midnight + days{2}},
      {Layer::kHour, midnight - hours{1}, midnight},
      {Layer::kHour, midnight + days{2}, midnight + days{2} + hours{1}},
      {Layer::kFiveMinutes, midnight - minutes{70}, midnight - minutes{60}},
      {Layer::kFiveMinutes, midnight + days{2} + hours{1}, midnight + days{2} + minutes{65}}};
  EXPECT_EQ(ranges, wanted);
  EXPECT_TRUE(Cover(midnight, midnight).empty());
  EXPECT_TRUE(Cover(midnight + hours{1}, midnight).empty());
}

TEST(Cover, IsExactAndDisjointForEveryWindow) {
  testing::ForSeeds(2000, [](Random& random) {
    const Timestamp query =
        FromMillis(testing::RandomTime(random, -kDay.count() * 40, kDay.count() * 80));
    const conf::Window asked = testing::RandomWindow(random);
    const Millis length = asked.Length();
    const Timestamp from =
        random.OneIn(2) ? kBeginning : FloorTo(query, kDay) - random.Between(0, 8) * kDay;
    const auto ranges = CoverWindow(query, length, from);
    std::set<Timestamp> pieces;  // Of five minutes.
    for (const TileRange& range : ranges) {
      EXPECT_EQ(TileStart(range.begin, range.layer), range.begin);
      EXPECT_EQ(TileStart(range.end, range.layer), range.end);
      for (Timestamp at = range.begin; at < range.end; at += kFiveMinutes) {
        EXPECT_TRUE(pieces.insert(at).second) << "tiles overlap";
      }
    }
    const Timestamp begin = std::max(WindowTail(query, length), from);
    const auto wanted = begin < RawHead(query) ? (RawHead(query) - begin) / kFiveMinutes : 0;
    EXPECT_EQ(static_cast<int64_t>(pieces.size()), wanted);
    if (!pieces.empty()) {
      EXPECT_EQ(*pieces.begin(), begin);
      EXPECT_EQ(*pieces.rbegin() + kFiveMinutes, RawHead(query));
    }
    // runtime.md: at most 64 tiles for 30 days without an upload, plus the tail of short windows.
    EXPECT_LE(TilesOf(ranges), length >= kDay * 12 ? 66u : 88u);

    // Nothing is asked of a layer beyond its reach.
    const WindowLength windows[] = {length};
    const auto reach = LayerReach(windows);
    for (const TileRange& range : ranges) {
      const auto& longest = reach[static_cast<size_t>(range.layer)];
      ASSERT_TRUE(longest.has_value()) << LayerName(range.layer) << " of " << asked.Suffix();
      EXPECT_LE(query - range.begin, *longest + kFiveMinutes);
    }
  });
}

TEST(Cover, UnitesWhatWindowsShare) {
  const Timestamp midnight = FromMillis(0);
  const auto united = UnionOf({{Layer::kHour, midnight + hours{1}, midnight + hours{3}},
                               {Layer::kFiveMinutes, midnight, midnight + minutes{5}},
                               {Layer::kHour, midnight, midnight + hours{2}},
                               {Layer::kHour, midnight + hours{4}, midnight + hours{5}}});
  const std::vector<TileRange> wanted{{Layer::kHour, midnight, midnight + hours{3}},
                                      {Layer::kHour, midnight + hours{4}, midnight + hours{5}},
                                      {Layer::kFiveMinutes, midnight, midnight + minutes{5}}};
  EXPECT_EQ(united, wanted);
}

TEST(Cover, TellsHowLongEachLayerIsAskedFor) {
  const WindowLength short_only[] = {Millis(minutes{5})};
  EXPECT_EQ(LayerReach(short_only)[0], std::nullopt);
  EXPECT_EQ(LayerReach(short_only)[1], std::nullopt);
  EXPECT_EQ(LayerReach(short_only)[2], Millis(minutes{10}));
  const WindowLength mixed[] = {Millis(hours{1}), Millis(days{7}), Millis(days{30})};
  EXPECT_EQ(LayerReach(mixed)[0], Millis(days{31}));
  EXPECT_EQ(LayerReach(mixed)[1], Millis(days{7} + hours{1}));
  EXPECT_EQ(LayerReach(mixed)[2], Millis(minutes{65}));
  const WindowLength forever[] = {std::nullopt};
  EXPECT_EQ(LayerReach(forever)[0], Millis::max());
  EXPECT_EQ(LayerReach(forever)[2], Millis(hours{1}));
}

}  // namespace
}  // namespace catena::aggregate
