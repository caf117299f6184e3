// SPDX-License-Identifier: Apache-2.0
// Answers: the windows of every query, point in time, on all threads.
//
//     groups    g0 g1 | g2 | g3 g4 g5 | ...      chunks of whole groups
//     a chunk   events and queries are gathered into small arrays that stay in the cache,
//               swept (aggregate/window/sawtooth); the answers of all go to their rows at the end
//
//   output   a column of windowed.output_schema() an output, placed at the queries' rows
//   null     an empty window; rows of no group are not placed
//   order    ties in time go by the order of the group's rows
//   memory   the columns, and per thread one chunk; a chunk is one group where that is larger

#pragma once

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/batch/rows/key_index.h"
#include "catena/batch/rows/scattered_columns.h"

namespace catena::batch {

struct Asking {
  const types::Batch* events = nullptr;
  std::span<const int64_t> event_times;    // By row of `events`.
  const Groups* event_groups = nullptr;    // Rows of `events`, in the order of their ties.
  std::span<const int64_t> query_times;    // By row of the answers.
  std::span<const uint32_t> query_groups;  // The same; kNoGroup: no answer.
};

void Answer(const aggregate::WindowedAggregator& windowed, const Asking& asking, int threads,
            ScatteredColumns* answers);

}  // namespace catena::batch
