// SPDX-License-Identifier: Apache-2.0
// Rows per second of a scan and of a write: 14 days of 5 columns.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>

#include "catena/table/table.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDays = 14;
constexpr int64_t kRowsPerDay = 200000;

const types::Schema kSchema{{{"user", types::Kind::kLong},
                             {"merchant", types::Kind::kString},
                             {"amount", types::Kind::kDouble},
                             {"ts", types::Kind::kLong},
                             {"category", types::Kind::kString}}};

types::Batch Rows(int64_t first) {
  types::BatchBuilder builder(kSchema, kRowsPerDay);
  for (int64_t i = first; i < first + kRowsPerDay; ++i) {
    builder.column(0)->Append<int64_t>(i * 7919 % 50000);
    builder.column(1)->AppendText("merchant_" + std::to_string(i * 31 % 10000));
    builder.column(2)->Append<double>(static_cast<double>(i % 9973) / 100);
    builder.column(3)->Append<int64_t>(1700000000000 + i * 10);
    builder.column(4)->AppendText(i % 3 == 0 ? "food" : "travel");
  }
  return builder.Build();
}

class Warehoused {
 public:
  Warehoused() : root_(fs::temp_directory_path() / ("catena_bench_" + std::to_string(getpid()))) {
    database = sql::Database::Open({}).value();
    table.emplace(Warehouse::Create(root_, database.get()).value().Find("b.t").value());
  }
  ~Warehoused() { fs::remove_all(root_); }
  void Fill() {
    for (int64_t day = 0; day < kDays; ++day) Write(day);
  }
  void Write(int64_t day) {
    CATENA_CHECK(
        table->WritePartition(Date{20000} + static_cast<int32_t>(day), Rows(day * kRowsPerDay))
            .ok(),
        "write");
  }
  std::unique_ptr<sql::Database> database;
  std::optional<Table> table;

 private:
  fs::path root_;
};

void Scan(benchmark::State& state) {
  Warehoused warehoused;
  warehoused.Fill();
  conf::Query query;
  query.time_column = {"ts", "ts"};
  if (state.range(0) == 1) {
    query.has_selects = true;
    query.selects.emplace_back("user", conf::Expression{"user", "user"});
    query.selects.emplace_back("cents", conf::Expression{"amount * 100", "amount * 100"});
    query.wheres.push_back({"category = 'food'", "category = 'food'"});
  }
  ReadOptions options;
  options.with_ds = state.range(0) == 2;
  for (auto _ : state) {
    CATENA_CHECK(warehoused.table
                     ->ScanQuery(query, options,
                                 [](types::Batch batch) {
                                   benchmark::DoNotOptimize(batch.rows());
                                   return Status();
                                 })
                     .ok(),
                 "scan");
  }
  state.SetItemsProcessed(state.iterations() * kDays * kRowsPerDay);
}
BENCHMARK(Scan)
    ->ArgName("all:0,selects:1,ds:2")
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void Write(benchmark::State& state) {
  Warehoused warehoused;
  const types::Batch rows = Rows(0);
  for (auto _ : state) {
    CATENA_CHECK(warehoused.table->WritePartition(Date{20000}, rows).ok(), "write");
  }
  state.SetItemsProcessed(state.iterations() * kRowsPerDay);
}
BENCHMARK(Write)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace catena::table
