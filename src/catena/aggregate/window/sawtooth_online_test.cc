// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sawtooth_online.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "catena/aggregate/ir_codec.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

constexpr int64_t kNow = 1'760'000'000'000;

// What a stream and an upload would have stored for one key, as bytes.
struct Stored {
  std::map<std::pair<Layer, Timestamp>, std::string> tiles;
  std::map<Timestamp, std::string> corrections;
  std::string upload;
};

std::string FoldBytes(const RowAggregator& rows, const testing::GeneratedEvents& events,
                      const std::vector<uint32_t>& chosen) {
  IR ir(rows);
  rows.UpdateOne(events.batch, events.times, events.orders, chosen, ir.data());
  std::string bytes;
  EncodeIr(rows, ir.data(), Timestamp(), &bytes);
  return bytes;
}

// `late[row]`: before batch_end, but arrived after the upload was computed.
Stored Store(const WindowedAggregator& windowed, const testing::GeneratedEvents& events,
             std::span<const uint32_t> rows, Timestamp batch_end, const std::vector<bool>& late) {
  std::map<std::pair<Layer, Timestamp>, std::vector<uint32_t>> tiles;
  std::map<Timestamp, std::vector<uint32_t>> corrections;
  std::vector<uint32_t> uploaded;
  for (const uint32_t row : rows) {
    const Timestamp time = FromMillis(events.times[row]);
    for (const Layer layer : kLayers) tiles[{layer, TileStart(time, layer)}].push_back(row);
    if (late[row] && time < batch_end) {
      corrections[TileStart(time, Layer::kFiveMinutes)].push_back(row);
    } else {
      uploaded.push_back(row);
    }
  }
  Stored stored;
  for (const auto& [place, chosen] : tiles) {
    stored.tiles[place] = FoldBytes(windowed.rows(), events, chosen);
  }
  for (const auto& [begin, chosen] : corrections) {
    stored.corrections[begin] = FoldBytes(windowed.rows(), events, chosen);
  }
  UploadIr upload(windowed, batch_end);
  upload.AddRows(events.batch, events.times, events.orders, uploaded);
  upload.incomplete = 7;
  upload.Encode(&stored.upload);
  return stored;
}

// One read as a fetcher does it. `prefix_end` is midnight: a prefix stands for the unwindowed
// output's past instead of the upload.
std::vector<types::Value> Read(const WindowedAggregator& windowed, const Stored& stored,
                               const testing::GeneratedEvents& events,
                               std::span<const uint32_t> rows, Timestamp query, OnlineStart start,
                               bool tiles_too_many) {
  OnlineWindows online(windowed, query, start);
  for (const auto& [place, bytes] : stored.tiles) {
    bool needed = false;
    for (const TileRange& range : online.needed_tiles()) {
      needed = needed || (range.layer == place.first && range.begin <= place.second &&
                          place.second < range.end);
    }
    const IR tile = DecodeIr(windowed.rows(), bytes, Timestamp()).value();
    if (needed || tiles_too_many) {
      EXPECT_EQ(online.AddTile(place.first, place.second, tile.data(), 0), needed);
    }
  }
  if (start.windowed != kBeginning) {
    const UploadIr upload = UploadIr::Decode(windowed, stored.upload).value();
    online.AddUpload(upload);
    for (const auto& [begin, bytes] : stored.corrections) {
      const IR correction = DecodeIr(windowed.rows(), bytes, Timestamp()).value();
      online.AddCorrection(begin, correction.data(), 0);
    }
    EXPECT_EQ(online.incomplete(), 7u);
  } else if (start.unwindowed != kBeginning) {
    std::vector<uint32_t> past;
    for (const uint32_t row : rows) {
      if (FromMillis(events.times[row]) < start.unwindowed) past.push_back(row);
    }
    IR prefix(windowed.rows());
    windowed.rows().UpdateOne(events.batch, events.times, events.orders, past, prefix.data());
    online.AddPrefix(prefix.data(), 0);
  }
  const types::Batch mine = events.batch.Take(rows);
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  for (const uint32_t row : rows) {
    times.push_back(events.times[row]);
    orders.push_back(events.orders[row]);
  }
  online.AddRows(mine, times, orders, 0);
  types::BatchBuilder builder(windowed.output_schema());
  online.AppendTo(&builder);
  return builder.Build().Row(0);
}

TEST(OnlineWindows, AnySplitIntoUploadTilesAndRowsEqualsTheNaiveTwin) {
  uint64_t with_upload = 0;
  uint64_t non_null = 0;
  testing::ForSeeds(4000, [&](Random& random) {
    const conf::GroupBy group_by = testing::RandomGroupBy(random, 2);
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    options.rows = random.Below(60);
    options.keys = 1;
    options.values = testing::RandomKindOfValues(random);
    constexpr int64_t kSpans[] = {86'400'000, 5 * 86'400'000LL, 45 * 86'400'000LL};
    options.span = kSpans[random.Below(3)];
    options.begin = random.OneIn(3) ? -options.span / 2 : kNow;
    const auto events = testing::RandomEvents(random, options);
    const auto rows = events.RowsOf(0);
    const WindowedAggregator windowed =
        WindowedAggregator::Bind(group_by, events.batch.schema()).value();
    const Timestamp batch_end = FromMillis(FloorMillis(
        testing::RandomTime(random, options.begin, options.span + kDay.count()), kDay.count()));
    std::vector<bool> late;
    for (size_t row = 0; row < options.rows; ++row) late.push_back(random.OneIn(5));
    const Stored stored = Store(windowed, events, rows, batch_end, late);
    for (int i = 0; i < 8; ++i) {
      const Timestamp query =
          FromMillis(testing::RandomTime(random, options.begin, options.span + 3 * kDay.count()));
      OnlineStart start;
      if (UploadIr::Covers(windowed, batch_end, query)) {
        start = {batch_end, batch_end};
        ++with_upload;
      } else if (random.OneIn(2)) {
        start.unwindowed = FloorTo(query, kDay) - random.Between(0, 2) * kDay;
      }
      const auto answer = Read(windowed, stored, events, rows, query, start, random.OneIn(2));
      const auto naive = testing::NaiveOutputs(group_by, events.batch, events.times, events.orders,
                                               rows, ToMillis(query));
      for (size_t o = 0; o < naive.size(); ++o) {
        const size_t aggregation = conf::OutputsOf(group_by)[o].aggregation;
        EXPECT_TRUE(
            testing::AgreesWithNaive(group_by.aggregations[aggregation], answer[o], naive[o]))
            << PrintJson(ToJson(answer[o])) << " and not " << PrintJson(ToJson(naive[o])) << " is "
            << windowed.outputs()[o].name << " at " << ToMillis(query) << ", batch end "
            << ToMillis(batch_end) << ", start " << ToMillis(start.windowed);
        non_null += naive[o].is_null() ? 0 : 1;
      }
    }
  });
  if (testing::DefaultCases()) {
    EXPECT_GT(with_upload, 500u);
    EXPECT_GT(non_null, 5000u);
  }
}

TEST(OnlineWindows, AddsIncompleteCountsOfWhatLanded) {
  conf::GroupBy group_by;
  group_by.aggregations = {
      testing::AggregationOf("long", conf::Operation::kCount, {{1, conf::TimeUnit::kHours}})};
  const WindowedAggregator windowed =
      WindowedAggregator::Bind(group_by, testing::EveryScalar()).value();
  const IR tile(windowed.rows());
  const Timestamp query = FromMillis(kNow);
  OnlineWindows online(windowed, query);
  const Timestamp inside = RawHead(query) - kFiveMinutes;
  EXPECT_TRUE(online.AddTile(Layer::kFiveMinutes, inside, tile.data(), 2) ||
              online.AddTile(Layer::kHour, TileStart(inside, Layer::kHour), tile.data(), 2));
  EXPECT_EQ(online.incomplete(), 2u);
  EXPECT_FALSE(online.AddTile(Layer::kFiveMinutes, query + kDay, tile.data(), 5));
  EXPECT_FALSE(online.AddTile(Layer::kDay, TileStart(query, Layer::kDay), tile.data(), 5));
  online.AddPrefix(tile.data(), 5);  // No unwindowed output takes it.
  EXPECT_EQ(online.incomplete(), 2u);
}

}  // namespace
}  // namespace catena::aggregate
