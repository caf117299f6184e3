// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/chain_stage.h"

#include <algorithm>

namespace catena::plan {
namespace {

using GroupBys = std::vector<std::shared_ptr<const conf::GroupBy>>;

void KeepNamed(const std::set<std::string>& names, GroupBys* group_bys) {
  std::erase_if(*group_bys, [&](const auto& each) { return !names.contains(each->metadata.name); });
}

bool IsAsked(const StreamingPlan& plan, const StreamTask& task) {
  return std::any_of(task.group_bys.begin(), task.group_bys.end(),
                     [&](const auto& each) { return plan.asked.contains(each->metadata.name); });
}

// Right sides stand before the chains that read them, so one pass from the end finds those of all.
StagedPlan Enrich(StreamingPlan plan) {
  StagedPlan staged;
  std::set<std::string> looked_up;
  for (size_t i = plan.tasks.size(); i-- > 0;) {
    StreamTask& task = plan.tasks[i];
    const bool publishes = !task.stages.empty() && IsAsked(plan, task);
    KeepNamed(looked_up, &task.group_bys);
    if (publishes) staged.published.insert(task.stages.back().join->metadata.name);
    if (publishes || !task.group_bys.empty()) {
      looked_up.insert(task.right_sides.begin(), task.right_sides.end());
    }
  }
  std::erase_if(plan.tasks, [&](const StreamTask& task) {
    const bool publishes =
        !task.stages.empty() && staged.published.contains(task.stages.back().join->metadata.name);
    return !publishes && task.group_bys.empty();
  });
  staged.plan = std::move(plan);
  return staged;
}

StagedPlan Aggregate(StreamingPlan plan) {
  for (StreamTask& task : plan.tasks) {
    KeepNamed(plan.asked, &task.group_bys);
    if (task.stages.empty()) continue;
    task.enriched_by = task.stages.back().join;
    task.stages.clear();
    task.right_sides.clear();
    task.left_query = nullptr;
  }
  std::erase_if(plan.tasks, [](const StreamTask& task) { return task.group_bys.empty(); });
  return {std::move(plan), {}};
}

}  // namespace

Result<StagedPlan> PlanChainStage(StreamingPlan whole, ChainStage stage) {
  for (StreamTask& task : whole.tasks) task.next_group_bys = task.group_bys;
  if (stage == ChainStage::kWhole) return StagedPlan{std::move(whole), {}};
  const bool has_chain = std::any_of(whole.tasks.begin(), whole.tasks.end(), [&](const auto& task) {
    return !task.stages.empty() && IsAsked(whole, task);
  });
  if (!has_chain) {
    return InvalidConf(
        "a stage is one of a chain, and no GroupBy of these confs has a JoinSource; stream them "
        "without --stage");
  }
  return stage == ChainStage::kEnrich ? Enrich(std::move(whole)) : Aggregate(std::move(whole));
}

}  // namespace catena::plan
