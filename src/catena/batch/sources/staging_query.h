// SPDX-License-Identifier: Apache-2.0
// StagingQuery backfill: the missing days of its table, run of days by run of days.
//
//   input    the days of plan/staging_plan.h, planned under the lock of the table; every table of
//            the warehouse that the query reads is there as namespace.table, its day in column `ds`
//   output   rows in the partition that their `ds` says. A day without rows stays a hole, and the
//            report says so: what is not there yet may still come
//   again    days whose inputs changed are computed again; a day of which the query then gives no
//            rows is taken away
//   errors   kUnsupported: setups, createView; kInvalidConf: never translated, a macro, SQL that
//            does not bind, no `ds` in the answer; kNotFound: a table; kInvalidData: a `ds` that
//            is no date, or lies outside the days that the query was asked for
//   source   Chronon StagingQuery.scala

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"
#include "catena/conf/staging_query.h"

namespace catena::batch {

Result<plan::BackfillPlan> PlanStagingQuery(const BatchContext& context,
                                            const conf::StagingQuery& staging_query,
                                            const plan::DaysAsked& asked);

// `step_days`: at most so many days at once; 0: whole runs of missing days. What was done before an
// error is in the report.
Status RunStagingQuery(const BatchContext& context, const conf::StagingQuery& staging_query,
                       const plan::DaysAsked& asked, int32_t step_days, RunReport* report);

}  // namespace catena::batch
