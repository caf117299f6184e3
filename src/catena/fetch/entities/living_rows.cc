// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/entities/living_rows.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "catena/aggregate/window/sawtooth.h"
#include "catena/base/bytes.h"
#include "catena/fetch/entities/lives.h"
#include "catena/fetch/online_state.h"

namespace catena::fetch {
namespace {

// Every row that the key ever had since the snapshot; answers those that live.
Result<std::vector<EntityRow>> LivingRows(const KeyLife& life) {
  std::vector<EntityRow> rows;
  if (!life.snapshot.empty()) {
    CATENA_TRY(rows, DecodeEntityRows(life.snapshot));
  }
  std::vector<uint32_t> snapshot(rows.size());
  std::iota(snapshot.begin(), snapshot.end(), 0);
  std::vector<Mutation> mutations;
  bool changes = false;
  for (const kv::FlatAnswers::Value& value : life.mutations) {
    CATENA_TRY(const MutationRow mutation, DecodeMutationRow(value.bytes));
    mutations.push_back(
        {0, ToMillis(value.time), mutation.is_before, static_cast<uint32_t>(rows.size())});
    rows.push_back(mutation.row);
    changes = changes || mutation.is_before;
  }
  if (!life.has_time) {
    const int64_t end_of_snapshot = ToMillis(FloorTo(life.as_of, kDay)) - 1;
    for (EntityRow& row : rows) row.event_time = end_of_snapshot;
  }
  if (!changes) return rows;
  std::vector<int64_t> died(rows.size(), INT64_MAX);
  for (const Mutation& mutation : mutations) {
    if (mutation.reversal) died[mutation.row] = mutation.time;
  }
  std::sort(mutations.begin(), mutations.end(), ComesBefore);
  const auto identity = [&](uint32_t row) {
    std::string bytes;
    AppendZigzag(&bytes, rows[row].event_time);
    return bytes.append(rows[row].row);
  };
  EndLives(mutations, snapshot, identity, died);
  std::vector<EntityRow> living;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (died[row] == INT64_MAX) living.push_back(rows[row]);
  }
  return living;
}

}  // namespace

// One query over one group of the sweep that backfills run.
Status AppendLiving(const aggregate::WindowedAggregator& windowed, const types::RowCodec& inputs,
                    const KeyLife& life, std::span<types::Column* const> columns) {
  CATENA_TRY(const std::vector<EntityRow> living, LivingRows(life));
  types::BatchBuilder builder(inputs.schema(), living.size());
  std::vector<int64_t> times;
  for (const EntityRow& row : living) {
    CATENA_RETURN_IF_ERROR(inputs.DecodeInto(row.row, &builder));
    times.push_back(row.event_time);
  }
  const types::Batch events = builder.Build();
  std::vector<uint64_t> orders(living.size());
  std::iota(orders.begin(), orders.end(), 0);
  std::vector<uint32_t> by_time(living.size());
  std::iota(by_time.begin(), by_time.end(), 0);
  std::stable_sort(by_time.begin(), by_time.end(),
                   [&](uint32_t a, uint32_t b) { return times[a] < times[b]; });
  const std::vector<uint32_t> event_begin{0, static_cast<uint32_t>(living.size())};
  const std::vector<uint32_t> query_begin{0, 1};
  const int64_t query_time = ToMillis(life.as_of);
  const uint32_t query_row = 0;
  const auto answers = aggregate::AnswerQueries(windowed, {.events = &events,
                                                           .event_times = times,
                                                           .event_orders = orders,
                                                           .event_rows = by_time,
                                                           .event_begin = event_begin,
                                                           .query_times = {&query_time, 1},
                                                           .query_rows = {&query_row, 1},
                                                           .query_begin = query_begin,
                                                           .output_rows = 1});
  for (size_t i = 0; i < columns.size(); ++i) columns[i]->AppendFrom(*answers[i], 0);
  return Status();
}

}  // namespace catena::fetch
