// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/preview/plan_binding.h"

#include <algorithm>
#include <set>

#include "catena/batch/join_backfill.h"
#include "catena/batch/join_part.h"
#include "catena/batch/source_rows.h"

namespace catena::batch {
namespace {

bool IsThere(const std::vector<conf::Source>& sources, const std::set<std::string>& computed) {
  return std::none_of(sources.begin(), sources.end(), [&](const conf::Source& source) {
    return computed.contains(conf::TableOf(source));
  });
}

Status BindGroupBy(const BatchContext& context, const conf::GroupBy& group_by,
                   const std::set<std::string>& computed) {
  if (!IsThere(group_by.sources, computed)) return Status();
  const conf::JoinPart part{std::make_shared<const conf::GroupBy>(group_by), {}, "", ""};
  return SchemaOfPart(context, part).status();
}

// Without what other steps of the plan compute.
Status BindJoin(const BatchContext& context, const conf::Join& join,
                const std::set<std::string>& computed) {
  conf::Join there = join;
  std::erase_if(there.join_parts, [&](const conf::JoinPart& part) {
    return !IsThere(part.group_by->sources, computed);
  });
  // These read columns of any part.
  if (there.join_parts.size() < join.join_parts.size()) {
    there.derivations.clear();
    there.bootstraps.clear();
  }
  for (const conf::JoinPart& part : there.join_parts) {
    CATENA_RETURN_IF_ERROR(BindGroupBy(context, *part.group_by, computed));
  }
  return IsThere({join.left}, computed) ? batch::BindJoin(context, there) : Status();
}

}  // namespace

Status BindPlan(const BatchContext& context, const plan::BackfillPlan& plan) {
  std::set<std::string> computed;
  for (const plan::Step& step : plan.steps) {
    if (!step.compute.empty()) computed.insert(step.table);
  }
  for (const plan::Step& step : plan.steps) {
    if (step.compute.empty()) continue;
    if (step.join != nullptr) {
      CATENA_RETURN_IF_ERROR(BindJoin(context, *step.join, computed).WithContext(step.name));
    }
    if (step.group_by != nullptr) {
      CATENA_RETURN_IF_ERROR(BindGroupBy(context, *step.group_by, computed).WithContext(step.name));
    }
  }
  return Status();
}

}  // namespace catena::batch
