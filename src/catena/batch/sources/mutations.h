// SPDX-License-Identifier: Apache-2.0
// Answers of a TEMPORAL GroupBy of entities: the snapshot of the day before, as the day's mutations
// have changed it by the time of the query.
//
//     snapshot of 03-09               a 1   b 2
//     mutations of 03-10   08:00      before a 1, after a 5
//                          11:00      after c 3
//     a query at 09:00 sees           a 5   b 2
//
// A row lives from its mutation (of a snapshot, from before the day) until a before-image that is
// equal to it in key, time and inputs (fetch/entities/lives.h). Nothing is subtracted: the rows
// that live are folded, so every operation works, LAST and TOP_K as well as SUM. A before-image
// without its row changes nothing, and is counted in the log.
//
//   input    `snapshots`: rows by (key, day) groups of `keys`; queries by left row: the group of
//            (key, day before the query) or kNoGroup, and the time. Mutation tables have the
//            selects of the source and its mutation time (LONG milliseconds, column `mutation_ts`
//            when the conf names none) and reversal (BOOLEAN, `is_before`); a day's partition holds
//            the mutations of the day
//   output   one column an output, a value a left row: rows with born < q <= died, and of them
//            those that a window at q takes by their event time
//   limits   a stretch of a key's day between two mutations is folded anew when a query falls into
//            it: at most 2^28 rows over all stretches of one pass, else kUnsupported
//   source   Chronon GroupBy.temporalEntities, SawtoothMutationAggregator; rows that left a window
//            leave it here (docs/differences-from-chronon.md)

#pragma once

#include <span>
#include <vector>

#include "catena/batch/group_by_rows.h"
#include "catena/batch/rows/scattered_columns.h"

namespace catena::batch {

struct MutationQueries {
  std::span<const uint32_t> groups;
  std::span<const int64_t> times;
};

// `range`: the days of the queries, and of the partitions of mutations that are read.
Status AnswerThroughMutations(const BatchContext& context, const conf::GroupBy& group_by,
                              const aggregate::WindowedAggregator& windowed,
                              const table::PartitionRange& range, const GroupByRows& snapshots,
                              const KeyIndex& keys, const MutationQueries& queries,
                              ScatteredColumns* answers);

}  // namespace catena::batch
