// SPDX-License-Identifier: Apache-2.0
// ChainStage: one chain as two processes, with the enriched rows in a topic between.
//
//     whole       payments -> gate, enrich ------------------> fold            one process
//     enrich      payments -> gate, enrich -> enriched topic
//     aggregate                               enriched topic -> fold
//
// What a chain looks up must be fresh where it is enriched, so the stage `enrich` streams the right
// sides of its Joins too, and nothing else; `aggregate` folds what was asked for, and nothing else.
//
//   input    the plan of the whole
//   output   the tasks of one stage
//   errors   kInvalidConf: no chain was asked for, so that there is nothing to enrich

#pragma once

#include <cstdint>

#include "catena/plan/streaming_plan.h"

namespace catena::plan {

enum class ChainStage : uint8_t { kWhole, kEnrich, kAggregate };

// Of `enrich` the tasks whose rows are to be published have their Join in `published`.
struct StagedPlan {
  StreamingPlan plan;
  std::set<std::string> published;
};
Result<StagedPlan> PlanChainStage(StreamingPlan whole, ChainStage stage);

}  // namespace catena::plan
