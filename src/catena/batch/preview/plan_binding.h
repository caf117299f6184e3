// SPDX-License-Identifier: Apache-2.0
// BindPlan: whether the tables that a plan reads have the columns that its confs ask for, and its
// Joins are what could be computed from them, before the first step runs.
//
//   input    tables of Joins that the plan computes are not looked at: they are not there yet, or
//            not as they will be
//   errors   those of source_rows.h and join_backfill.h, with the names of the step and of the
//            GroupBy in front

#pragma once

#include "catena/batch/context.h"

namespace catena::batch {

Status BindPlan(const BatchContext& context, const plan::BackfillPlan& plan);

}  // namespace catena::batch
