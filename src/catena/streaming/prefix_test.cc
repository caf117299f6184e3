// SPDX-License-Identifier: Apache-2.0
// What a stream keeps before each day of a key is what the tiles of all earlier days hold, however
// the events came: in one day or several of a call, late, to keys that are new or not.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "catena/aggregate/ir_codec.h"
#include "catena/aggregate/windowed_aggregator.h"
#include "catena/streaming/job_under_test.h"

namespace catena::streaming {
namespace {

using Place = std::pair<std::string, int64_t>;  // Key, day.

class PrefixTest : public JobTest {
 protected:
  std::map<Place, std::string> Stored(const std::string& dataset) {
    std::map<Place, std::string> all;
    EXPECT_TRUE(store_
                    ->Scan(dataset,
                           [&](std::string_view key, const kv::TimedValue& value) {
                             all[{std::string(key), ToMillis(value.time)}] = value.value;
                             return true;
                           })
                    .ok());
    return all;
  }
  // The naive twin: by key, each day's prefix from the tiles of all days before it.
  static std::map<Place, std::string> Prefixes(const aggregate::RowAggregator& rows,
                                               const std::map<Place, std::string>& tiles) {
    std::map<Place, std::string> prefixes;
    for (const auto& [place, unused] : tiles) {
      const auto& [key, day] = place;
      aggregate::IR before(rows);
      uint64_t incomplete = 0;
      for (auto at = tiles.lower_bound({key, INT64_MIN}); at->first < place; ++at) {
        std::string_view bytes;
        uint64_t of_tile = 0;
        EXPECT_TRUE(fetch::DecodeTile(at->second, &of_tile, &bytes).ok());
        const auto tile = aggregate::DecodeIr(rows, bytes, FromMillis(at->first.second));
        rows.Merge(before.data(), tile->data());
        incomplete += of_tile;
      }
      std::string ir;
      aggregate::EncodeIr(rows, before.data(), FromMillis(day), &ir);
      fetch::EncodeTile(incomplete, ir, &prefixes[place]);
    }
    return prefixes;
  }
};

TEST_F(PrefixTest, IsWhatTheDaysBeforeItHold) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  int64_t arrival = now_;
  for (int run = 0; run < 5; ++run) {  // The second finds what the first has stored, and so on.
    for (int i = 0; i < 150; ++i) {
      arrival += random.Between(0, 2 * kHour.count());
      const int64_t late = random.OneIn(4) ? random.Between(0, 3 * kDay.count()) : 0;
      Append(RiskEvent{arrival - late, random.Between(1, 4 + 10 * run),
                       static_cast<double>(random.Below(64)) / 64},
             arrival);
      Append(Transaction{arrival - late, random.Between(1, 4 + 10 * run), random.Between(1, 9),
                         static_cast<double>(random.Below(4000)) / 4},
             arrival);
    }
    RunJob();
    const auto& chain = std::get<std::shared_ptr<const conf::GroupBy>>(conf_.definition);
    const types::Schema rows{{{"user", types::Kind::kLong},
                              {"amount", types::Kind::kDouble},
                              {"risk", types::Kind::kDouble},
                              {"ts", types::Kind::kLong}}};
    const auto windowed = aggregate::WindowedAggregator::Bind(*chain, rows);
    ASSERT_TRUE(windowed.ok()) << windowed.error().message;
    const auto tiles = Stored(fetch::TileDataset("chain.v1", aggregate::Layer::kDay));
    const auto prefixes = Stored(fetch::PrefixDataset("chain.v1"));
    ASSERT_GT(tiles.size(), 20u);
    ASSERT_EQ(prefixes, Prefixes(windowed->rows(), tiles));
  }
}

}  // namespace
}  // namespace catena::streaming
