// SPDX-License-Identifier: Apache-2.0
// Answers: the windows of every query, point in time, on all threads.
//
//     events, queries    told apart by their chunks, in streams (chunked_events.h, row_parts.h)
//     a chunk            sorted by group and time, then swept (aggregate/window/sawtooth): small
//                        arrays that stay in the cache
//     of a large group   several chunks, ranges of time; each sweep begins with the events that its
//                        first windows reach. Only where answers do not show where a sweep began
//                        (Kernel::exact)
//
//   output   a column of windowed.output_schema() an output, placed at the queries' rows
//   null     an empty window; rows of no group are not placed
//   order    ties in time go by `event_orders`, then by row; in `grouped_events` by its order
//   memory   the events again, and the columns

#pragma once

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/batch/rows/chunked_events.h"
#include "catena/batch/rows/scattered_columns.h"

namespace catena::batch {

struct Asking {
  size_t groups = 0;
  types::Batch events;
  std::span<const int64_t> event_times;    // By row of `events`.
  std::span<const uint64_t> event_orders;  // The same; empty: ties go by row.
  std::span<const uint32_t> event_groups;  // The same.
  // Instead of orders and groups, when a row is in several groups: sorted within.
  const Groups* grouped_events = nullptr;
  std::span<const int64_t> query_times;    // By row of the answers.
  std::span<const uint32_t> query_groups;  // The same; kNoGroup: no answer.
};

// Of events, the columns that are aggregated, as ChunkedEvents take them.
types::Batch InputsOf(const aggregate::WindowedAggregator& windowed, const types::Batch& events);
// Whoever asks in several goes: groups as the events have them, a row an answer.
void Answer(const aggregate::WindowedAggregator& windowed, const ChunkedEvents& events,
            const TimedRows& queries, int threads, ScatteredColumns* answers);
// Frees the events' columns that nobody else holds as it goes.
void Answer(const aggregate::WindowedAggregator& windowed, Asking asking, int threads,
            ScatteredColumns* answers);

}  // namespace catena::batch
