// SPDX-License-Identifier: Apache-2.0
// `catena join`, `catena group-by-backfill`: the missing days of a table, parents first.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "catena/batch/runner.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"

namespace catena::cli {
namespace {

// Runs of at most `step_days` of the days that the last step is asked for; one when there is no
// --step-days. Days of parents follow from each run's own plan.
std::vector<plan::DaysAsked> RunsOf(const plan::BackfillPlan& plan, const plan::DaysAsked& asked,
                                    std::optional<int64_t> step_days) {
  if (!step_days || plan.steps.empty()) return {asked};
  const plan::Step& last = plan.steps.back();
  std::optional<Date> first = asked.start;
  for (const plan::PlannedDay& day : last.compute)
    first = std::min(first.value_or(day.day), day.day);
  for (const Date day : last.reuse) first = std::min(first.value_or(day), day);
  if (!first) return {asked};
  std::vector<plan::DaysAsked> runs;
  const auto step = static_cast<int32_t>(*step_days);
  for (Date start = *first; start <= asked.end; start = start + step) {
    runs.push_back({start, std::min(asked.end, start + (step - 1))});
  }
  return runs;
}

Result<int> Backfill(const BatchFlags& given, const CommonFlags& common, bool is_join) {
  CATENA_TRY(const Settings settings, common.Load());
  if (given.step_days && (*given.step_days < 1 || *given.step_days > 36500)) {
    return InvalidConf("--step-days is at least 1: " + std::to_string(*given.step_days));
  }
  CATENA_TRY(BatchJob job, BatchJob::Open(settings, given));
  if ((job.conf().join() != nullptr) != is_join) {
    return InvalidConf(
        std::string("this conf is a ") +
        (is_join ? "GroupBy; run `catena group-by-backfill`: " : "Join; run `catena join`: ") +
        given.conf_path);
  }
  CATENA_TRY(const plan::BackfillPlan plan,
             batch::PlanBackfill(job.context(), job.conf(), job.asked()));
  if (given.dry_run) {
    fmt::print("{}", plan::PrintPlan(plan));
    return 0;
  }
  batch::RunReport report;
  for (const plan::DaysAsked& asked : RunsOf(plan, job.asked(), given.step_days)) {
    CATENA_TRY(batch::RunReport part, batch::Backfill(job.context(), job.conf(), asked));
    report.seconds += part.seconds;
    std::move(part.steps.begin(), part.steps.end(), std::back_inserter(report.steps));
  }
  CATENA_RETURN_IF_ERROR(job.Finish(given, report));
  return 0;
}

std::shared_ptr<BatchFlags> DeclareBackfill(Flags* flags) {
  auto given = std::make_shared<BatchFlags>();
  DeclareBatch(flags, given.get());
  flags->Text("--start-partition-override DATE", &given->start_date,
              "First day, YYYY-MM-DD; the conf's own or the data's first when absent.");
  flags->Whole("--step-days N", &given->step_days,
               "Compute at most so many days at once: less memory, more reading.");
  return given;
}

}  // namespace

Command JoinCommand() {
  return {"join",
          "Tables",
          "Compute a Join's table: every left row with its features at its time.",
          "Parent Joins of a chain are materialised first, each in its own table. Days that are "
          "there already, computed by the same definition from the same left partition, are "
          "reused, and the report says so.",
          "  catena join --conf-path production/joins/fraud/final.v1 --end-date 2026-11-20\n"
          "  catena join --conf-path joins/fraud/final.v1 --dry-run\n"
          "  catena join --conf-path joins/fraud/final.v1 --start-partition-override 2026-11-01 "
          "--step-days 5\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = DeclareBackfill(flags);
            return [given, common] { return Backfill(*given, *common, true); };
          }};
}

Command GroupByBackfillCommand() {
  return {"group-by-backfill",
          "Tables",
          "Compute a GroupBy's daily feature table.",
          "One row a key and day, with the values at the end of the day. A GroupBy over a "
          "JoinSource materialises its parent Join first.",
          "  catena group-by-backfill --conf-path production/group_bys/fraud/user_risk.v1 "
          "--end-date 2026-11-20\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = DeclareBackfill(flags);
            return [given, common] { return Backfill(*given, *common, false); };
          }};
}

}  // namespace catena::cli
