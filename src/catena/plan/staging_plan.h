// SPDX-License-Identifier: Apache-2.0
// StagingPlan: which days of a StagingQuery's table are missing, or made by another query or from
// other partitions of the tables that it reads (freshness.h).
//
//   input    the days asked for (both included; without a start the conf's startPartition, or the
//            end alone when historicalBackfill is false), and what its table and those that it
//            reads hold
//   output   one step, whose days may be holes
//   errors   kInvalidConf: no start, an empty range
//   source   Chronon StagingQuery.computeStagingQuery, which computes holes as well

#pragma once

#include "catena/conf/staging_query.h"
#include "catena/plan/backfill_plan.h"

namespace catena::plan {

Result<BackfillPlan> PlanStagingQuery(const conf::StagingQuery& staging_query,
                                      const DaysAsked& asked, const Inventory& inventory);

}  // namespace catena::plan
