// SPDX-License-Identifier: Apache-2.0
// The point-in-time sweep: SUM, COUNT, AVERAGE and MAX of a double in windows of 1 h, 24 h and 7 d,
// for every event of 14 days one query at its own time: 12 features of past events a query.
//
//   one_key     all events of one key
//   many_keys   20 events a key; the keys' events lie together
//   scattered   the same, and the answers go to rows in the order of time, not of keys
//   exact       as many_keys, with exact windows: what SQL's RANGE frames say
//
// Items are queries. `answer` is the total of COUNT over 7 days for the first 10,000 keys, which
// bench/aggregate.py compares with DuckDB's; every 10,000th query is checked by the definition.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "catena/aggregate/window/resolution.h"
#include "catena/aggregate/window/sawtooth.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

constexpr uint32_t kEvents = 1'000'000;
constexpr int64_t kBegin = 1'704'067'200'000;

struct Sweep {
  types::Batch batch;
  std::vector<int64_t> times;  // By position: group after group, sorted within.
  std::vector<uint64_t> orders;
  std::vector<uint32_t> positions;
  std::vector<uint32_t> group_begin;
  std::vector<int64_t> query_times;  // By output row.
  std::vector<uint32_t> query_rows;  // By position.

  Sweep(uint32_t keys, bool scattered) {
    const uint32_t per_key = kEvents / keys;
    types::BatchBuilder builder(types::Schema{{{"v", types::Kind::kDouble}}}, kEvents);
    const int64_t span = 14 * kDay.count();
    for (uint32_t key = 0; key < keys; ++key) {
      group_begin.push_back(key * per_key);
      const auto first = static_cast<ptrdiff_t>(times.size());
      for (uint32_t i = 0; i < per_key; ++i) {
        const uint64_t mixed = (uint64_t{key} * per_key + i) * 2'654'435'761 % 1'000'003;
        times.push_back(kBegin + static_cast<int64_t>(mixed) * span / 1'000'003);
      }
      std::sort(times.begin() + first, times.end());
    }
    for (const int64_t time : times) {
      builder.column(0)->Append<double>(static_cast<double>(time % 100'000) / 100.0);
    }
    group_begin.push_back(kEvents);
    batch = builder.Build();
    positions.resize(kEvents);
    std::iota(positions.begin(), positions.end(), 0U);
    orders.assign(positions.begin(), positions.end());
    query_rows = positions;
    if (scattered) {
      std::vector<uint32_t> by_time = positions;
      std::stable_sort(by_time.begin(), by_time.end(),
                       [this](uint32_t a, uint32_t b) { return times[a] < times[b]; });
      for (uint32_t row = 0; row < kEvents; ++row) query_rows[by_time[row]] = row;
    }
    query_times.resize(kEvents);
    for (uint32_t i = 0; i < kEvents; ++i) query_times[query_rows[i]] = times[i];
  }
  SawtoothInput input() const {
    return {&batch,      times,      orders,      positions, group_begin,
            query_times, query_rows, group_begin, kEvents};
  }
};

conf::GroupBy FourAggregationsInThreeWindows(bool exact) {
  conf::GroupBy group_by;
  group_by.exact_windows = exact;
  for (const auto operation : {conf::Operation::kSum, conf::Operation::kCount,
                               conf::Operation::kAverage, conf::Operation::kMax}) {
    group_by.aggregations.push_back(testing::AggregationOf(
        "v", operation,
        {{1, conf::TimeUnit::kHours}, {24, conf::TimeUnit::kHours}, {7, conf::TimeUnit::kDays}}));
  }
  return group_by;
}

// One query's answers by the definition; false when one is wrong.
bool CheckQuery(const Sweep& sweep, const WindowedAggregator& windowed,
                const std::vector<types::ColumnPtr>& columns, uint32_t position) {
  const auto group = std::upper_bound(sweep.group_begin.begin(), sweep.group_begin.end(), position);
  const auto values = sweep.batch.column(0).Values<double>();
  for (size_t w = 0; w < 3; ++w) {
    const int64_t query = sweep.times[position];
    const Millis length = *windowed.windows()[w];
    const int64_t tail = ToMillis(windowed.exact_windows() ? FromMillis(query) - length
                                                           : WindowTail(FromMillis(query), length));
    double sum = 0;
    int64_t count = 0;
    double most = -1;
    for (uint32_t i = *(group - 1); i < *group; ++i) {
      if (sweep.times[i] < tail || sweep.times[i] >= query) continue;
      sum += values[i];
      ++count;
      most = std::max(most, values[i]);
    }
    const double expected[] = {sum, static_cast<double>(count), sum / static_cast<double>(count),
                               most};
    for (size_t operation = 0; operation < 4; ++operation) {
      const types::Value value = columns[operation * 3 + w]->ValueAt(sweep.query_rows[position]);
      const auto* integer = std::get_if<int64_t>(&value.data);
      const auto* number = std::get_if<double>(&value.data);
      const double answer = integer != nullptr  ? static_cast<double>(*integer)
                            : number != nullptr ? *number
                                                : 0.0;
      if (count == 0 ? !value.is_null()
                     : std::fabs(answer - expected[operation]) > 1e-9 * expected[operation]) {
        return false;
      }
    }
  }
  return true;
}

void SweepFourByThree(benchmark::State& state, uint32_t keys, bool scattered, bool exact) {
  const Sweep sweep(keys, scattered);
  const WindowedAggregator windowed =
      WindowedAggregator::Bind(FourAggregationsInThreeWindows(exact), sweep.batch.schema()).value();
  std::vector<types::ColumnPtr> columns;
  for (auto _ : state) columns = AnswerQueries(windowed, sweep.input());
  for (uint32_t position = 0; position < kEvents; position += 10'000) {
    if (!CheckQuery(sweep, windowed, columns, position)) {
      state.SkipWithError("a wrong answer");
      return;
    }
  }
  double total = 0;
  const auto counts = columns[5]->Values<int64_t>();
  const uint32_t end = sweep.group_begin[std::min(keys, 10'000U)];
  for (uint32_t i = 0; i < end; ++i) total += static_cast<double>(counts[sweep.query_rows[i]]);
  state.SetItemsProcessed(state.iterations() * kEvents);
  state.counters["answer"] = total;
}

constexpr uint32_t kManyKeys = kEvents / 20;
BENCHMARK_CAPTURE(SweepFourByThree, one_key, 1, false, false)
    ->Name("sweep/one_key")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SweepFourByThree, many_keys, kManyKeys, false, false)
    ->Name("sweep/many_keys")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SweepFourByThree, scattered, kManyKeys, true, false)
    ->Name("sweep/scattered")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SweepFourByThree, exact, kManyKeys, false, true)
    ->Name("sweep/exact")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace catena::aggregate
