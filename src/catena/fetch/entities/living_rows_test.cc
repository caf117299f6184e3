// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/entities/living_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <set>

#include "catena/fetch/online_state.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::fetch {
namespace {

constexpr int64_t kBatchEnd = 20'000 * kDay.count();

// What one key of a table goes through: rows of `events`, of which some are chosen again and again.
struct Life {
  struct Image {
    int64_t time = 0;
    bool is_before = false;
    uint32_t row = 0;
  };
  std::vector<uint32_t> snapshot;
  std::vector<Image> mutations;  // By time; of one instant as they came.
};

Life RandomLife(Random& random, size_t rows) {
  Life life;
  if (rows == 0) return life;
  // Few rows for many images: equal rows, and before-images of them, repeated and late.
  const uint64_t choices = 1 + random.Below(rows);
  const auto row = [&] { return static_cast<uint32_t>(random.Below(choices)); };
  for (uint64_t i = random.Below(12); i > 0; --i) life.snapshot.push_back(row());
  const int64_t instants = random.OneIn(2) ? 5 : 2 * kDay.count();
  for (uint64_t i = random.Below(30); i > 0; --i) {
    life.mutations.push_back({kBatchEnd + random.Between(0, instants), random.OneIn(2), row()});
  }
  std::stable_sort(life.mutations.begin(), life.mutations.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  return life;
}

class RowBytes {
 public:
  RowBytes(const types::RowCodec& codec, const testing::GeneratedEvents& events)
      : codec_(codec), events_(events) {
    for (const types::Field& field : codec.schema().fields) {
      columns_.push_back(*events.batch.schema().Find(field.name));
    }
  }
  std::string operator()(uint32_t row) const {
    std::string bytes;
    codec_.Encode(events_.batch, columns_, row, &bytes);
    return bytes;
  }

 private:
  const types::RowCodec& codec_;
  const testing::GeneratedEvents& events_;
  std::vector<size_t> columns_;
};

// The naive twin: instant by instant, a list of rows; each with the place at which it came.
std::vector<std::pair<uint32_t, uint64_t>> NaiveLiving(const Life& life, int64_t as_of,
                                                       const testing::GeneratedEvents& events,
                                                       const RowBytes& bytes_of, bool has_time) {
  std::vector<std::pair<uint32_t, uint64_t>> living;
  for (const uint32_t row : life.snapshot) living.emplace_back(row, living.size());
  std::set<int64_t> instants;
  for (const Life::Image& image : life.mutations) instants.insert(image.time);
  for (const int64_t time : instants) {
    if (time >= as_of) break;
    for (const bool before : {false, true}) {
      for (size_t i = 0; i < life.mutations.size(); ++i) {
        const Life::Image& image = life.mutations[i];
        if (image.time != time || image.is_before != before) continue;
        if (!before) {
          living.emplace_back(image.row, life.snapshot.size() + i);
          continue;
        }
        const auto equal = std::find_if(living.begin(), living.end(), [&](const auto& row) {
          const bool same_time = !has_time || events.times[row.first] == events.times[image.row];
          return same_time && bytes_of(row.first) == bytes_of(image.row);
        });
        if (equal != living.end()) living.erase(equal);
      }
    }
  }
  return living;
}

struct Stored {
  std::string snapshot;
  std::deque<std::string> bytes;
  std::vector<kv::FlatAnswers::Value> mutations;  // Of them.
};

Stored Store(const Life& life, int64_t as_of, const testing::GeneratedEvents& events,
             const RowBytes& bytes_of) {
  Stored stored;
  std::vector<std::string> rows;
  for (const uint32_t row : life.snapshot) rows.push_back(bytes_of(row));
  std::vector<EntityRow> kept;
  for (size_t i = 0; i < rows.size(); ++i)
    kept.push_back({events.times[life.snapshot[i]], rows[i]});
  EncodeEntityRows(kept, &stored.snapshot);
  for (size_t i = 0; i < life.mutations.size(); ++i) {
    const Life::Image& image = life.mutations[i];
    if (image.time >= as_of) continue;
    const std::string row = bytes_of(image.row);
    std::string& value = stored.bytes.emplace_back();
    EncodeMutationRow({image.is_before, {events.times[image.row], row}}, &value);
    stored.mutations.push_back(
        {FromMillis(image.time), MutationSequence(i, image.is_before), value});
  }
  return stored;
}

TEST(LivingRowsTest, EveryOperationEqualsTheNaiveTwin) {
  uint64_t non_null = 0;
  testing::ForSeeds(3000, [&](Random& random) {
    const conf::GroupBy group_by = testing::RandomGroupBy(random, 2);
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    options.rows = random.Below(20);
    options.keys = 1;
    options.values = testing::RandomKindOfValues(random);
    options.begin = kBatchEnd - (random.OneIn(2) ? 1 : 30) * kDay.count();
    options.span = kBatchEnd + 2 * kDay.count() - options.begin;
    const auto events = testing::RandomEvents(random, options);
    const auto windowed =
        aggregate::WindowedAggregator::Bind(group_by, events.batch.schema()).value();
    const types::RowCodec codec(windowed.rows().input_schema());
    const RowBytes bytes_of(codec, events);
    const Life life = RandomLife(random, options.rows);
    for (int i = 0; i < 4; ++i) {
      const bool has_time = !random.OneIn(4);
      int64_t as_of = kBatchEnd + random.Between(0, 3 * kDay.count());
      if (!life.mutations.empty() && random.OneIn(2)) {
        as_of = life.mutations[random.Below(life.mutations.size())].time + random.Between(0, 1);
      }
      const Stored stored = Store(life, as_of, events, bytes_of);
      types::BatchBuilder builder(windowed.output_schema());
      std::vector<types::Column*> columns;
      for (size_t c = 0; c < windowed.outputs().size(); ++c) columns.push_back(builder.column(c));
      ASSERT_TRUE(AppendLiving(windowed, codec,
                               {stored.snapshot, stored.mutations, FromMillis(as_of), has_time},
                               columns)
                      .ok());
      const std::vector<types::Value> answer = builder.Build().Row(0);
      std::vector<uint32_t> rows;
      std::vector<int64_t> times;
      std::vector<uint64_t> orders;
      for (const auto& [row, order] : NaiveLiving(life, as_of, events, bytes_of, has_time)) {
        rows.push_back(row);
        times.push_back(has_time ? events.times[row] : FloorMillis(as_of, kDay.count()) - 1);
        orders.push_back(order);
      }
      std::vector<uint32_t> all(rows.size());
      std::iota(all.begin(), all.end(), 0);
      const auto naive =
          testing::NaiveOutputs(group_by, events.batch.Take(rows), times, orders, all, as_of);
      for (size_t o = 0; o < naive.size(); ++o) {
        const size_t aggregation = conf::OutputsOf(group_by)[o].aggregation;
        EXPECT_TRUE(
            testing::AgreesWithNaive(group_by.aggregations[aggregation], answer[o], naive[o]))
            << PrintJson(ToJson(answer[o])) << " and not " << PrintJson(ToJson(naive[o])) << " is "
            << windowed.outputs()[o].name << " at " << as_of;
        non_null += naive[o].is_null() ? 0 : 1;
      }
    }
  });
  if (testing::DefaultCases()) {
    EXPECT_GT(non_null, 3000u);
  }
}

TEST(LivingRowsTest, BytesThatAreNoRowsAreRefused) {
  conf::GroupBy group_by;
  group_by.aggregations = {testing::AggregationOf("long", conf::Operation::kCount, {})};
  const auto windowed =
      aggregate::WindowedAggregator::Bind(group_by, testing::EveryScalar()).value();
  const types::RowCodec codec(windowed.rows().input_schema());
  types::BatchBuilder builder(windowed.output_schema());
  std::vector<types::Column*> columns{builder.column(0)};
  const auto refused = [&](std::string_view snapshot, const std::string& mutation) {
    const std::vector<kv::FlatAnswers::Value> mutations{{FromMillis(kBatchEnd), 1, mutation}};
    const Status status = AppendLiving(
        windowed, codec, {snapshot, mutations, FromMillis(kBatchEnd + 1), true}, columns);
    return !status.ok() && status.error().code == ErrorCode::kCorruption;
  };
  EXPECT_TRUE(refused("\x02", std::string("\x02\0\0", 3)));
  EXPECT_TRUE(refused(std::string_view("\x01\x02\x01\x07", 4), std::string("\x02\0\0", 3)));
  EXPECT_TRUE(refused("\x01", "\x02\x07"));
  EXPECT_FALSE(refused("\x01", std::string("\x02\0\0", 3)));
}

}  // namespace
}  // namespace catena::fetch
