// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/staging_plan.h"

#include "catena/conf/output_names.h"

namespace catena::plan {
namespace {

Result<Date> StartOf(const conf::StagingQuery& staging_query, const DaysAsked& asked) {
  if (asked.start) return *asked.start;
  if (!staging_query.metadata.historical_backfill) return asked.end;
  if (!staging_query.start_partition.empty()) return ParseDate(staging_query.start_partition);
  return InvalidConf(
      "the StagingQuery does not say where its table begins; give it a startPartition, or "
      "--start-partition-override: " +
      staging_query.metadata.name);
}

}  // namespace

Result<Step> PlanStagingQuery(const conf::StagingQuery& staging_query, const DaysAsked& asked,
                              const Inventory& inventory) {
  CATENA_TRY(const Date start, StartOf(staging_query, asked));
  if (asked.end < start) {
    return InvalidConf("the range is empty: it starts " + FormatDate(start) + " and ends " +
                       FormatDate(asked.end));
  }
  Step step;
  step.kind = StepKind::kStagingQuery;
  step.name = staging_query.metadata.name;
  step.table = conf::OutputTable(staging_query.metadata);
  step.meaning = conf::MeaningOf(staging_query);
  step.through = asked.end;
  step.because = "asked for";
  const auto at = inventory.find(step.table);
  static const TableState kNothing;
  const TableState& state = at == inventory.end() ? kNothing : at->second;
  for (Date day = start; day <= asked.end; day = day + 1) {
    const auto mark = state.marks.find(day);
    const bool there = state.prints.contains(day);
    if (there && mark != state.marks.end() && mark->second.meaning == step.meaning) {
      step.reuse.push_back(day);
    } else {
      step.compute.push_back({day, there ? Why::kStale : Why::kMissing});
    }
  }
  return step;
}

}  // namespace catena::plan
