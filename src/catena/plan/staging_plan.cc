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

Result<BackfillPlan> PlanStagingQuery(const conf::StagingQuery& staging_query,
                                      const DaysAsked& asked, const Inventory& inventory) {
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
  Freshness freshness(inventory);
  std::map<std::string, std::vector<Date>> gone;
  for (Date day = start; day <= asked.end; day = day + 1) {
    const Verdict& verdict = freshness.Of(staging_query, day);
    if (verdict.compute || asked.recompute) {
      step.compute.push_back({day, verdict.compute.value_or(Why::kAsked), verdict.changed});
      step.marks[day] = verdict.expected;
      continue;
    }
    step.reuse.push_back(day);
    for (const std::string& table : verdict.gone) gone[table].push_back(day);
  }
  for (const auto& [table, kept] : gone) {
    step.notes.push_back(
        "days are kept as they are, because the table no longer has all partitions that they were "
        "made from; --recompute makes them from those that it has: " +
        table + ": " + PrintDays(kept));
  }
  return BackfillPlan{{std::move(step)}, freshness.adopted()};
}

}  // namespace catena::plan
