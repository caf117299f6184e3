// SPDX-License-Identifier: Apache-2.0
// Runner: plans a batch job from what the tables hold now, and executes exactly that plan.
//
// Every step is idempotent and every day appears whole or not at all, so a job that died is run
// again and does what is left.
//
//   errors   of planning, see plan/backfill_plan.h; of a step, with its name in front; steps before
//            it are done and stay
//   threads  one job belongs to one thread

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/group_by_upload.h"
#include "catena/batch/run_report.h"
#include "catena/conf/conf.h"

namespace catena::batch {

// A Join's table, or a GroupBy's daily table. `start` absent: from where the conf or the data
// begin.
Result<plan::BackfillPlan> PlanBackfill(const BatchContext& context, const conf::Conf& conf,
                                        const plan::DaysAsked& asked);
Result<plan::BackfillPlan> PlanUpload(const BatchContext& context, const conf::Conf& conf,
                                      Date end);

// `store` may be null when the plan uploads nothing.
Result<RunReport> RunPlan(const BatchContext& context, const plan::BackfillPlan& plan,
                          kv::KVStore* store = nullptr, const UploadOptions& options = {});

// Both at once.
Result<RunReport> Backfill(const BatchContext& context, const conf::Conf& conf,
                           const plan::DaysAsked& asked);
Result<RunReport> UploadGroupBy(const BatchContext& context, const conf::Conf& conf, Date end,
                                kv::KVStore* store, const UploadOptions& options = {});

}  // namespace catena::batch
