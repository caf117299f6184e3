// SPDX-License-Identifier: Apache-2.0
// Sawtooth: every output of every query, point in time, in one sweep (batch).
//
// Rows are handed over in groups, one per key: the group's events sorted by (time, source order),
// its queries sorted by time. Answers are scattered to the queries' own rows, so the result lines
// up with the left table and is never joined back by key.
//
// SNAPSHOT accuracy is the same call with every query time floored to its day by the caller.
//
//   input    columns of `events` by name, as RowAggregator; times in milliseconds
//   output   one column per output, output_rows long; null where the window is empty and where no
//            query asked for the row
//   window   an event at t counts for a query at q when WindowTail(q, w) <= t < q (resolution.h);
//            with exact windows when q - w <= t < q
//   cost     sweep_walk.h finds all windows once, sweep.h folds them for each aggregation
//   errors   none; groups that are not sorted are a bug (checked in debug builds)
//   threads  pure; groups may be split over calls and threads at will
//   source   Chronon SawtoothAggregator; sliding fold: Tangwongsan et al., DABA/TwoStacks (2017)

#pragma once

#include <span>
#include <vector>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/types/batch.h"

namespace catena::aggregate {

struct SawtoothInput {
  const types::Batch* events = nullptr;
  std::span<const int64_t> event_times;    // By row of `events`.
  std::span<const uint64_t> event_orders;  // By row of `events`.
  std::span<const uint32_t> event_rows;    // Rows of `events`, group after group, sorted within.
  std::span<const uint32_t> event_begin;   // Group g has event_rows[event_begin[g], [g + 1]).
  std::span<const int64_t> query_times;    // By output row.
  std::span<const uint32_t> query_rows;    // Output rows, group after group, sorted by time within.
  std::span<const uint32_t> query_begin;   // Group g has query_rows[query_begin[g], [g + 1]).
  size_t output_rows = 0;                  // Rows of the left table, asked for or not.
};

std::vector<types::ColumnPtr> AnswerQueries(const WindowedAggregator& windowed,
                                            const SawtoothInput& input);

}  // namespace catena::aggregate
