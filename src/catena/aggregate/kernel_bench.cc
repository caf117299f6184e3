// SPDX-License-Identifier: Apache-2.0
// Update, merge and finalize of every kind of operation, and its limits in the same run.
//
//   update/one_key        every row into one IR
//   limit/one_key         the plain loop over the same array
//   update/million_keys   every row into its key's IR, and in turn with it, as `memory`, rows a
//                         second of adding a number to the same memory at the same places
//   merge, finalize       100,000 IRs
//
// Every benchmark counts rows (or IRs) a second of CPU and says `answer`, the total of its results;
// bench/aggregate.py compares that with DuckDB's for the same rows, which row i says: v below.

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/operation_catalog.h"

namespace catena::aggregate {
namespace {

constexpr int64_t kRows = 2'000'000;
constexpr int64_t kKeys = 1'000'000;
constexpr size_t kMerged = 100'000;

int64_t ValueOf(int64_t row) { return row * 2'654'435'761 % 1'000'003; }
int64_t KeyOf(int64_t row) { return (row * row % 1'000'003 * 7'919 + row) % kKeys; }

struct Events {
  types::Batch batch;
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  std::vector<uint32_t> rows;

  Events() {
    types::BatchBuilder builder(types::Schema{{{"double", types::Kind::kDouble},
                                               {"float", types::Kind::kFloat},
                                               {"long", types::Kind::kLong},
                                               {"int", types::Kind::kInt},
                                               {"string", types::Kind::kString},
                                               {"thousand", types::Kind::kLong}}},
                                kRows);
    for (int64_t row = 0; row < kRows; ++row) {
      const int64_t v = ValueOf(row);
      builder.column(0)->Append<double>(static_cast<double>(v) / 100.0);
      builder.column(1)->Append<float>(static_cast<float>(v) / 128.0F);
      builder.column(2)->Append<int64_t>(v);
      builder.column(3)->Append<int32_t>(static_cast<int32_t>(v));
      builder.column(4)->AppendText("item " + std::to_string(v % 1000));
      builder.column(5)->Append<int64_t>(v % 1000);
      times.push_back(row);
      orders.push_back(static_cast<uint64_t>(row));
      rows.push_back(static_cast<uint32_t>(row));
    }
    batch = builder.Build();
  }
};

const Events& TheEvents() {
  static const Events events;
  return events;
}

struct Case {
  conf::Operation operation;
  std::string column;
  std::map<std::string, std::string> arguments = {};

  std::string name() const {
    const std::string how = arguments.contains("sum") ? " " + arguments.at("sum") : "";
    return conf::OperationName(operation) + how + "/" + column;
  }
  RowAggregator Bind() const {
    conf::GroupBy group_by;
    group_by.aggregations.emplace_back();
    group_by.aggregations[0].input_column = column;
    group_by.aggregations[0].operation = operation;
    group_by.aggregations[0].arguments = arguments;
    return RowAggregator::Bind(group_by, TheEvents().batch.schema()).value();
  }
};

std::vector<Case> Cases() {
  using conf::Operation;
  return {{Operation::kSum, "double"},
          {Operation::kSum, "double", {{"sum", "plain"}}},
          {Operation::kSum, "float"},
          {Operation::kSum, "long"},
          {Operation::kSum, "int"},
          {Operation::kCount, "long"},
          {Operation::kAverage, "double"},
          {Operation::kAverage, "long"},
          {Operation::kMin, "double"},
          {Operation::kMin, "long"},
          {Operation::kMax, "double"},
          {Operation::kMax, "long"},
          {Operation::kLast, "double"},
          {Operation::kVariance, "double"},
          {Operation::kLastK, "long", {{"k", "10"}}},
          {Operation::kTopK, "long", {{"k", "10"}}},
          {Operation::kUniqueCount, "thousand"},
          {Operation::kHistogram, "string"},
          {Operation::kApproxUniqueCount, "thousand"},
          {Operation::kApproxPercentile, "double"}};
}

double TotalOf(const types::Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  double total = 0;
  if (const auto* list = std::get_if<types::ValueList>(&value.data)) {
    for (const types::Value& element : *list) total += TotalOf(element);
  } else if (const auto* map = std::get_if<types::ValueMap>(&value.data)) {
    for (const auto& [key, mapped] : *map) total += 1 + TotalOf(mapped);
  }
  return total;
}

double TotalOf(const types::Column& column) {
  double total = 0;
  for (size_t row = 0; row < column.size(); ++row) total += TotalOf(column.ValueAt(row));
  return total;
}

double TotalOf(const RowAggregator& rows, std::span<const std::byte* const> irs) {
  types::Column column(rows.aggregations()[0].kernel->output_type());
  rows.Finalize(0, irs, &column);
  return TotalOf(column);
}

// The IR of every key, and by row that of its key.
struct Keyed {
  RowAggregator rows;
  IrPool pool;
  std::vector<std::byte*> by_row;
  std::vector<const std::byte*> all;

  explicit Keyed(const Case& one, int64_t keys = kKeys) : rows(one.Bind()), pool(rows) {
    for (int64_t key = 0; key < keys; ++key) all.push_back(pool.New());
    for (int64_t row = 0; row < kRows; ++row) {
      by_row.push_back(pool.at(static_cast<size_t>(KeyOf(row) % keys)));
    }
  }
  void Update() {
    const Events& events = TheEvents();
    rows.Update(events.batch, events.times, events.orders, events.rows, by_row);
  }
};

void Count(benchmark::State& state, int64_t items, double answer) {
  state.SetItemsProcessed(state.iterations() * items);
  state.counters["answer"] = answer;
}

void UpdateOneKey(benchmark::State& state, const Case& one) {
  const Events& events = TheEvents();
  const RowAggregator rows = one.Bind();
  IR ir(rows);
  for (auto _ : state) {
    rows.Reset(ir.data());
    rows.UpdateRange(events.batch, events.times, events.orders, 0, kRows, ir.data());
    benchmark::DoNotOptimize(ir.data());
    benchmark::ClobberMemory();
  }
  const std::byte* irs[] = {ir.data()};
  Count(state, kRows, TotalOf(rows, irs));
}

bool HasLimit(conf::Operation operation) {
  using conf::Operation;
  constexpr Operation kSimple[] = {Operation::kSum, Operation::kCount, Operation::kAverage,
                                   Operation::kMin, Operation::kMax};
  return std::find(std::begin(kSimple), std::end(kSimple), operation) != std::end(kSimple);
}

// Adds to every row's IR, as to a number, what leaves it as it is; which the compiler cannot know.
void AddToMemory(const std::vector<std::byte*>& by_row) {
  const auto values = TheEvents().batch.Find("long")->Values<int64_t>();
  int64_t none = 0;
  benchmark::DoNotOptimize(none);
  constexpr size_t kAhead = 16;
  for (size_t row = 0; row < by_row.size(); ++row) {
    if (row + kAhead < by_row.size()) __builtin_prefetch(by_row[row + kAhead], 1);
    int64_t number = 0;
    std::memcpy(&number, by_row[row], sizeof(number));
    number += values[row] & none;
    std::memcpy(by_row[row], &number, sizeof(number));
  }
  benchmark::ClobberMemory();
}

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The limit is taken in turn with the update, since what memory gives changes from second to second
// and from page to page.
void UpdateMillionKeys(benchmark::State& state, const Case& one) {
  Keyed keyed(one);
  keyed.Update();
  const double answer = TotalOf(keyed.rows, keyed.all);
  double limit_seconds = 0;
  for (auto _ : state) {
    keyed.Update();
    if (!HasLimit(one.operation)) continue;
    state.PauseTiming();
    const double began = CpuSeconds();
    AddToMemory(keyed.by_row);
    limit_seconds += CpuSeconds() - began;
    state.ResumeTiming();
  }
  Count(state, kRows, answer);
  if (limit_seconds > 0) {
    state.counters["memory"] = static_cast<double>(state.iterations()) * kRows / limit_seconds;
  }
}

void Merge(benchmark::State& state, const Case& one) {
  Keyed keyed(one, kMerged);
  keyed.Update();
  IrPool into(keyed.rows);
  std::vector<const std::byte*> all;
  for (size_t i = 0; i < kMerged; ++i) {
    all.push_back(into.New());
    keyed.rows.Merge(into.at(i), keyed.pool.at(i));
  }
  const double answer = TotalOf(keyed.rows, all);
  for (auto _ : state) {
    for (size_t i = 0; i < kMerged; ++i) keyed.rows.Merge(into.at(i), keyed.pool.at(i));
  }
  Count(state, kMerged, answer);
}

void Finalize(benchmark::State& state, const Case& one) {
  Keyed keyed(one, kMerged);
  keyed.Update();
  double answer = 0;
  for (auto _ : state) {
    types::Column column(keyed.rows.aggregations()[0].kernel->output_type(), kMerged);
    keyed.rows.Finalize(0, keyed.all, &column);
    benchmark::DoNotOptimize(column.validity());
    state.PauseTiming();
    answer = TotalOf(column);
    state.ResumeTiming();
  }
  Count(state, kMerged, answer);
}

// The loop that one would write by hand, compiled as everything else is.
template <typename T>
double PlainLoop(conf::Operation operation, std::span<const T> values) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
  Sum sum = 0;
  T best = values[0];
  switch (operation) {
    case conf::Operation::kSum:
      for (const T value : values) sum += static_cast<Sum>(value);
      return static_cast<double>(sum);
    case conf::Operation::kAverage:
      for (const T value : values) sum += static_cast<Sum>(value);
      return static_cast<double>(sum) / static_cast<double>(values.size());
    case conf::Operation::kMin:
      for (const T value : values) best = value < best ? value : best;
      return static_cast<double>(best);
    default:
      for (const T value : values) best = value > best ? value : best;
      return static_cast<double>(best);
  }
}

void LimitOneKey(benchmark::State& state, const Case& one) {
  const types::Column& column = *TheEvents().batch.Find(one.column);
  double answer = 0;
  for (auto _ : state) {
    if (one.operation == conf::Operation::kCount) {
      int64_t count = 0;
      for (size_t row = 0; row < column.size(); ++row) count += column.IsNull(row) ? 0 : 1;
      answer = static_cast<double>(count);
    } else if (one.column == "double") {
      answer = PlainLoop(one.operation, column.Values<double>());
    } else if (one.column == "float") {
      answer = PlainLoop(one.operation, column.Values<float>());
    } else if (one.column == "long") {
      answer = PlainLoop(one.operation, column.Values<int64_t>());
    } else {
      answer = PlainLoop(one.operation, column.Values<int32_t>());
    }
    benchmark::DoNotOptimize(answer);
    benchmark::ClobberMemory();
  }
  Count(state, kRows, answer);
}

const bool kRegistered = [] {
  using Body = void (*)(benchmark::State&, const Case&);
  const auto add = [](const std::string& name, Body body, const Case& one) {
    benchmark::RegisterBenchmark((name + "/" + one.name()).c_str(), [body,
                                                                     one](benchmark::State& state) {
      body(state, one);
    })->Unit(benchmark::kMillisecond);
  };
  for (const Case& one : Cases()) {
    add("update/one_key", UpdateOneKey, one);
    add("update/million_keys", UpdateMillionKeys, one);
    if (HasLimit(one.operation)) add("limit/one_key", LimitOneKey, one);
    add("merge", Merge, one);
    add("finalize", Finalize, one);
  }
  return true;
}();

}  // namespace
}  // namespace catena::aggregate
