// SPDX-License-Identifier: Apache-2.0
// IncrementalFeatures: a GroupBy's values at the end of days, from hops of a day that are kept.
//
//     window 3d, day 03-07    events of   03-05   03-06   03-07
//                             hops        kept    kept    computed now
//
// A hop is what the aggregations make of one key's events of one day. `<table>_daily_inc` has, in
// the partition of a day, the hops of the rows that landed in that partition of the sources; rows
// that landed late belong to an earlier day than their partition, so the event's day is a column.
// The values are those of daily_features.h, bit by bit: folds do not depend on their order.
// STORED FORMAT: key columns, `_day` LONG (days since 1970), `_ir` BINARY (aggregate/ir_codec.h).
//
//   input    what isIncremental is for: events, not cumulative, windows of whole days
//   output   as daily_features.h; a hop is computed again when the definition or a file of its
//            partition in a source changed. Keys and hops of the range are held in memory
//   errors   kUnsupported: other GroupBys; kUnavailable: another job writes the hops; kCorruption:
//            hops that do not decode; those of the tables
//   source   Chronon GroupBy.computeIncrementalDf, fromIncrementalDf

#pragma once

#include "catena/batch/daily/daily_features.h"
#include "catena/batch/run_report.h"

namespace catena::batch {

// "ns.table_daily_inc".
std::string HopsTable(const conf::GroupBy& group_by);

// `range` is not empty. What was done about the hops is in the notes of the report.
Result<DailyFeatures> ComputeIncrementalFeatures(const BatchContext& context,
                                                 const conf::GroupBy& group_by,
                                                 const table::PartitionRange& range,
                                                 StepReport* report);

}  // namespace catena::batch
