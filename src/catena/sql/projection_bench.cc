// SPDX-License-Identifier: Apache-2.0
// What Bind costs, and one Apply by batch size; and how fast rows pass.
#include <benchmark/benchmark.h>

#include "catena/sql/projection.h"

namespace catena::sql {
namespace {

const types::Schema kSchema{{{"user", types::Kind::kString},
                             {"amount", types::Kind::kLong},
                             {"rate", types::Kind::kDouble},
                             {"at", types::Kind::kLong}}};

types::Batch Rows(int64_t count) {
  types::BatchBuilder builder(kSchema, static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    builder.column(0)->AppendText("user number " + std::to_string(i % 1000));
    builder.column(1)->Append<int64_t>(i);
    builder.column(2)->Append<double>(static_cast<double>(i) / 7);
    builder.column(3)->Append<int64_t>(1700000000000 + i);
  }
  return builder.Build();
}

conf::Query QueryOf(bool computed) {
  conf::Query query;
  query.has_selects = true;
  query.selects.emplace_back("user", conf::Expression{"user", "user"});
  query.time_column = {"at", "\"at\""};
  if (computed) {
    for (const char* text :
         {"amount * 2 + 1", "CASE WHEN rate > 3 THEN user END", "coalesce(amount, 0) / 100"}) {
      query.selects.emplace_back("x" + std::to_string(query.selects.size()),
                                 conf::Expression{text, text});
    }
    query.wheres.push_back({"amount % 10 <> 3", "amount % 10 <> 3"});
  }
  return query;
}

void Apply(benchmark::State& state, bool computed) {
  const auto database = Database::Open({}).value();
  const conf::Query query = QueryOf(computed);
  auto projection = Projection::Bind(database.get(), query, kSchema).value();
  const types::Batch rows = Rows(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(projection.Apply(rows).value());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Bind(benchmark::State& state) {
  const auto database = Database::Open({}).value();
  const conf::Query query = QueryOf(true);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Projection::Bind(database.get(), query, kSchema).value());
  }
}

void Computed(benchmark::State& state) { Apply(state, true); }
void Plain(benchmark::State& state) { Apply(state, false); }
BENCHMARK(Bind);
BENCHMARK(Computed)->Arg(1)->Arg(16)->Arg(256)->Arg(2048)->Arg(65536)->Arg(1000000);
BENCHMARK(Plain)->Arg(16)->Arg(65536);

}  // namespace
}  // namespace catena::sql
