// SPDX-License-Identifier: Apache-2.0
// GroupBy backfill: one step of a plan: the missing days of a GroupBy's daily feature table.
//
//   output   daily_features.h: key columns, outputs; one day a partition
//   errors   those of the tables; kUnsupported names what can not be done yet

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"

namespace catena::batch {

Result<StepReport> RunGroupByStep(const BatchContext& context, const plan::Step& step);

}  // namespace catena::batch
