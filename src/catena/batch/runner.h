// SPDX-License-Identifier: Apache-2.0
// Runner: plans a batch job from what the tables hold now, and executes exactly that plan.
//
// Every step is idempotent and every day appears whole or not at all, so a job that died is run
// again and does what is left. A job holds the lock of every table it writes from before it plans
// until it ends, so two jobs never compute one table at once:
//
//     plan -> lock what it writes -> plan again under the locks -> run
//
//   errors   of planning, see plan/backfill_plan.h; kUnavailable: another job writes one of the
//            tables; of a step, with its name in front; steps before it are done and stay, and the
//            report names those behind it, which are skipped
//   threads  one job belongs to one thread

#pragma once

#include <span>

#include "catena/batch/context.h"
#include "catena/batch/group_by_upload.h"
#include "catena/batch/run_report.h"
#include "catena/conf/conf.h"

namespace catena::batch {

// A Join's table, or a GroupBy's daily table. `start` absent: from where the conf or the data
// begin.
Result<plan::BackfillPlan> PlanBackfill(const BatchContext& context, const conf::Conf& conf,
                                        const plan::DaysAsked& asked);
Result<plan::BackfillPlan> PlanUpload(const BatchContext& context, const conf::Conf& conf, Date end,
                                      bool allow_holes = false);

// Plan, locks and run. What was done is added to `report` also when a step fails.
Status RunBackfill(const BatchContext& context, const conf::Conf& conf,
                   const plan::DaysAsked& asked, RunReport* report);
// The tables of several confs, one after the other, as one job: what it writes stays locked until
// it ends, and rows of a parent that one of them made are in memory for the next.
Status RunBackfills(const BatchContext& context, std::span<const conf::Conf> confs,
                    const plan::DaysAsked& asked, RunReport* report);
Status RunUpload(const BatchContext& context, const conf::Conf& conf, Date end, kv::KVStore* store,
                 const UploadOptions& options, RunReport* report);
// A plan as it is, without planning again. `store` may be null when it uploads nothing.
Status RunPlan(const BatchContext& context, const plan::BackfillPlan& plan, kv::KVStore* store,
               const UploadOptions& options, RunReport* report);

Result<RunReport> Backfill(const BatchContext& context, const conf::Conf& conf,
                           const plan::DaysAsked& asked);
Result<RunReport> UploadGroupBy(const BatchContext& context, const conf::Conf& conf, Date end,
                                kv::KVStore* store, const UploadOptions& options = {});

// plan::TakeForOwn, kept beside the tables.
Status TakeTablesForOwn(const BatchContext& context, const conf::Conf& conf);

}  // namespace catena::batch
