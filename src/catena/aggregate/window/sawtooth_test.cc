// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sawtooth.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "catena/aggregate/window/prefix_sweep.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

struct Queries {
  std::vector<int64_t> times;  // By output row.
  std::vector<uint32_t> keys;  // By output row; a key beyond the events' has none.
  std::vector<bool> asked;
};

Queries RandomQueries(Random& random, const testing::GeneratorOptions& options, bool daily,
                      uint64_t count) {
  Queries queries;
  for (uint64_t n = count; n > 0; --n) {
    int64_t time = testing::RandomTime(random, options.begin, options.span + 3 * kDay.count());
    if (daily) time = FloorMillis(time, kDay.count());
    const bool again = !queries.times.empty() && random.OneIn(6);
    queries.times.push_back(again ? queries.times.back() : time);
    queries.keys.push_back(static_cast<uint32_t>(random.Below(options.keys + 1)));
    queries.asked.push_back(!random.OneIn(10));
  }
  return queries;
}

const conf::Aggregation& AggregationOf(const conf::GroupBy& group_by, size_t output) {
  return group_by.aggregations[conf::OutputsOf(group_by)[output].aggregation];
}

// The answers of AnswerQueries against those of the naive twin, row by row.
void CheckAgainstNaive(const conf::GroupBy& group_by, const testing::GeneratedEvents& events,
                       const Queries& queries, uint32_t keys) {
  const auto windowed = WindowedAggregator::Bind(group_by, events.batch.schema());
  ASSERT_TRUE(windowed.ok()) << windowed.error().message;
  SawtoothInput input;
  std::vector<uint32_t> event_rows, query_rows, event_begin{0}, query_begin{0};
  for (uint32_t key = 0; key <= keys; ++key) {
    for (const uint32_t row : events.SortedRowsOf(key)) event_rows.push_back(row);
    std::vector<uint32_t> mine;
    for (uint32_t row = 0; row < queries.times.size(); ++row) {
      if (queries.keys[row] == key && queries.asked[row]) mine.push_back(row);
    }
    std::stable_sort(mine.begin(), mine.end(),
                     [&](uint32_t a, uint32_t b) { return queries.times[a] < queries.times[b]; });
    query_rows.insert(query_rows.end(), mine.begin(), mine.end());
    event_begin.push_back(static_cast<uint32_t>(event_rows.size()));
    query_begin.push_back(static_cast<uint32_t>(query_rows.size()));
  }
  input.events = &events.batch;
  input.event_times = events.times;
  input.event_orders = events.orders;
  input.event_rows = event_rows;
  input.event_begin = event_begin;
  input.query_times = queries.times;
  input.query_rows = query_rows;
  input.query_begin = query_begin;
  input.output_rows = queries.times.size();
  const auto columns = AnswerQueries(*windowed, input);

  ASSERT_EQ(columns.size(), windowed->outputs().size());
  for (size_t row = 0; row < queries.times.size(); ++row) {
    std::vector<types::Value> naive(columns.size());
    if (queries.asked[row]) {
      naive = testing::NaiveOutputs(group_by, events.batch, events.times, events.orders,
                                    events.RowsOf(queries.keys[row]), queries.times[row]);
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      ASSERT_EQ(columns[i]->size(), queries.times.size());
      const types::Value answer = columns[i]->ValueAt(row);
      EXPECT_TRUE(testing::AgreesWithNaive(AggregationOf(group_by, i), answer, naive[i]))
          << windowed->outputs()[i].name << " of row " << row << " at " << queries.times[row]
          << ": " << PrintJson(ToJson(answer)) << " and not " << PrintJson(ToJson(naive[i]));
    }
  }
}

TEST(Sawtooth, EqualsTheNaiveTwin) {
  testing::ForSeeds(4000, [](Random& random) {
    conf::GroupBy group_by = testing::RandomGroupBy(random, 2);
    group_by.exact_windows = random.OneIn(3);
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    options.rows = random.Below(80);
    constexpr int64_t kSpans[] = {3'600'000, 86'400'000, 10 * 86'400'000LL, 60 * 86'400'000LL};
    options.span = kSpans[random.Below(4)];
    options.begin = random.OneIn(3) ? -options.span / 2 : 1'760'000'000'000;
    options.values = testing::RandomKindOfValues(random);
    const auto events = testing::RandomEvents(random, options);
    const auto queries = RandomQueries(random, options, random.OneIn(4), random.Below(40));
    CheckAgainstNaive(group_by, events, queries, options.keys);
  });
}

// More queries of a key than are walked at once, and long runs of events between queries.
TEST(Sawtooth, HotKeysEqualTheNaiveTwin) {
  testing::ForSeeds(30, [](Random& random) {
    conf::GroupBy group_by = testing::RandomGroupBy(random, 2);
    group_by.exact_windows = random.OneIn(3);
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    const bool queried = random.OneIn(2);
    options.rows = queried ? 60 : 1500;
    options.keys = queried ? 1 : 2;
    options.span = 2 * 86'400'000LL;
    options.values = testing::RandomKindOfValues(random);
    const auto events = testing::RandomEvents(random, options);
    const auto queries = RandomQueries(random, options, false, queried ? 4500 : 20);
    CheckAgainstNaive(group_by, events, queries, options.keys);
  });
}

// More events than there are folds kept of.
TEST(Sawtooth, VeryHotKeysEqualTheNaiveTwin) {
  testing::ForSeeds(3, [](Random& random) {
    conf::GroupBy group_by;
    group_by.exact_windows = random.OneIn(2);
    for (const auto operation :
         {conf::Operation::kSum, conf::Operation::kAverage, conf::Operation::kCount}) {
      group_by.aggregations.push_back(testing::AggregationOf(
          "double", operation, {{1, conf::TimeUnit::kHours}, {1, conf::TimeUnit::kDays}}));
    }
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    options.rows = kPrefixEventsMost + random.Below(2000);
    options.keys = 1;
    options.span = 2 * 86'400'000LL;
    options.values = testing::RandomKindOfValues(random);
    const auto events = testing::RandomEvents(random, options);
    const auto queries = RandomQueries(random, options, false, 10);
    CheckAgainstNaive(group_by, events, queries, options.keys);
  });
}

TEST(Sawtooth, TheHeadIsExclusiveAndTheTailInclusive) {
  conf::GroupBy group_by;
  group_by.aggregations = {
      testing::AggregationOf("v", conf::Operation::kSum, {{1, conf::TimeUnit::kHours}})};
  const types::Schema schema{{{"v", types::Kind::kLong}}};
  const WindowedAggregator windowed = WindowedAggregator::Bind(group_by, schema).value();
  types::BatchBuilder builder(schema);
  for (int64_t i = 0; i < 4; ++i) builder.column(0)->Append<int64_t>(int64_t{1} << i);
  const types::Batch events = builder.Build();
  // The query at 01:02 sees [00:00, 01:02).
  const std::vector<int64_t> times{-1, 0, 62 * 60'000 - 1, 62 * 60'000};
  const std::vector<uint64_t> orders{0, 1, 2, 3};
  const std::vector<uint32_t> rows{0, 1, 2, 3}, event_begin{0, 4}, query_begin{0, 1}, asked{0};
  const std::vector<int64_t> query{62 * 60'000};
  const auto columns = AnswerQueries(
      windowed, {&events, times, orders, rows, event_begin, query, asked, query_begin, 1});
  EXPECT_EQ(columns[0]->ValueAt(0), types::Value(int64_t{6}));
}

}  // namespace
}  // namespace catena::aggregate
