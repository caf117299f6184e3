// SPDX-License-Identifier: Apache-2.0
// Join backfill: one step of a plan: the missing days of a Join's table.
//
//   input    left rows of the planned days; right sides as join_part.h reads them
//   output   keys that parts use, `ts`, other left columns, part columns in conf order, then
//            _topic_partition and _offset when the left carries them; one row a left row, in left
//            order, in the left row's partition. Each day appears whole or not at all
//   errors   kInvalidConf: two output columns of one name, a row id that the left lacks; those of
//            the tables
//   source   Chronon Join.scala; names and order of columns observed (docs/concepts)

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"

namespace catena::batch {

// What RunJoinStep would find wrong with the Join and the tables that it reads, found without a
// row.
Status BindJoin(const BatchContext& context, const conf::Join& join);

Result<StepReport> RunJoinStep(const BatchContext& context, const plan::Step& step);

}  // namespace catena::batch
