// SPDX-License-Identifier: Apache-2.0
// `catena join`, `catena group-by-backfill`: the missing days of a table, parents first.
#include <memory>

#include "catena/batch/runner.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"

namespace catena::cli {
namespace {

Status RunAll(const BatchJob& job, const BatchFlags& given, batch::RunReport* report) {
  for (const conf::Conf& conf : job.confs()) {
    if (!given.unset_semantic_hash) break;
    CATENA_RETURN_IF_ERROR(batch::TakeTablesForOwn(job.context(), conf));
  }
  if (!given.step_days) {
    return batch::RunBackfills(job.context(), job.confs(), job.asked(), report);
  }
  std::vector<plan::BackfillPlan> plans;
  for (const conf::Conf& conf : job.confs()) {
    CATENA_TRY(plan::BackfillPlan plan, batch::PlanBackfill(job.context(), conf, job.asked()));
    plans.push_back(std::move(plan));
  }
  const auto step_days = static_cast<int32_t>(*given.step_days);
  for (plan::Run& run : plan::RunsOf(plans, job.asked(), step_days)) {
    for (const batch::StepReport& step : report->steps) {
      run.asked.made[step.table].insert(step.computed.begin(), step.computed.end());
    }
    std::vector<conf::Conf> confs;
    for (const size_t i : run.plans) confs.push_back(job.confs()[i]);
    CATENA_RETURN_IF_ERROR(batch::RunBackfills(job.context(), confs, run.asked, report));
  }
  return Status();
}

Result<int> Backfill(const BatchFlags& given, const CommonFlags& common, bool is_join) {
  CATENA_TRY(const Settings settings, common.Load());
  if (given.step_days && (*given.step_days < 1 || *given.step_days > 36500)) {
    return InvalidConf("--step-days is at least 1: " + std::to_string(*given.step_days));
  }
  if (given.dry_run && given.unset_semantic_hash) {
    return InvalidConf("--unset-semantic-hash changes the tables, --dry-run changes nothing");
  }
  if (given.recompute && given.unset_semantic_hash) {
    return InvalidConf("--unset-semantic-hash keeps the days, --recompute computes them anew");
  }
  CATENA_TRY(BatchJob job, BatchJob::Open(settings, given));
  if ((job.conf().join() != nullptr) != is_join) {
    return InvalidConf(
        std::string("this conf is a ") +
        (is_join ? "GroupBy; run `catena group-by-backfill`: " : "Join; run `catena join`: ") +
        given.conf_path);
  }
  if (given.dry_run) {
    for (const conf::Conf& conf : job.confs()) {
      CATENA_TRY(const plan::BackfillPlan plan,
                 batch::PlanBackfill(job.context(), conf, job.asked()));
      CATENA_RETURN_IF_ERROR(job.PrintDryRun(given, plan));
    }
    return 0;
  }
  batch::RunReport report;
  const Status outcome = RunAll(job, given, &report);
  CATENA_RETURN_IF_ERROR(job.Finish(given, report, outcome));
  return 0;
}

std::shared_ptr<BatchFlags> DeclareBackfill(Flags* flags) {
  auto given = std::make_shared<BatchFlags>();
  DeclareBatch(flags, given.get());
  flags->Text("--start-partition-override DATE", &given->start_date,
              "First day, YYYY-MM-DD; the conf's own or the data's first when absent.");
  flags->Texts("--with CONF", &given->with,
               "Join or GroupBy whose table is computed in the same job, behind the first; rows of "
               "a parent that both read stay in memory. May be given again.");
  flags->Whole(
      "--step-days N", &given->step_days,
      "Compute at most so many days at once, of all confs, before the next: less memory, more "
      "reading.");
  flags->Switch("--allow-holes", &given->allow_holes,
                "Days that a source table lacks have no rows; without it they are refused.");
  flags->Switch("--run-first-hole", &given->run_first_hole,
                "Chronon's: fill the days before the first that is there. Always so here.");
  flags->Switch("--recompute", &given->recompute,
                "Compute the days whatever is there, and those of parent Joins that they read.");
  flags->Switch("--unset-semantic-hash", &given->unset_semantic_hash,
                "Keep days that another definition made, as if this one had made them.");
  return given;
}

}  // namespace

Command JoinCommand() {
  return {
      "join",
      "Tables",
      "Compute a Join's table: every left row with its features at its time.",
      "Parent Joins of a chain are materialised first, each in its own table. Days that are "
      "there already, computed by the same definition from the same partitions of its sources, are "
      "reused; what was computed again, and what had changed, is in the report. A day appears "
      "whole or not at all: a run that was killed "
      "is run again and does what is left. While a job runs, another one that would write one "
      "of its tables is refused with exit code 75.",
      "  catena join --conf-path production/joins/fraud/final.v1 --end-date 2026-11-20\n"
      "  catena join --conf-path joins/fraud/final.v1 --dry-run\n"
      "  catena join --conf-path joins/fraud/final.v1 --with group_bys/fraud/user_risk.v1\n"
      "  catena join --conf-path joins/fraud/final.v1 --start-partition-override 2026-11-01 "
      "--step-days 5\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = DeclareBackfill(flags);
        return [given, common] { return Backfill(*given, *common, true); };
      }};
}

namespace {

// Chronon computes a Join in two jobs so that its scheduler can retry each.
Command HalfOfJoin(const char* name, const char* summary) {
  Command command = JoinCommand();
  command.name = name;
  command.summary = summary;
  command.details =
      "For schedules that were written for Chronon, which computes a Join in two jobs, join-left "
      "and join-final. Here both are `catena join`: the first computes the days, the second reuses "
      "them.";
  command.examples = std::string("  catena ") + name +
                     " --conf-path production/joins/fraud/final.v1 --end-date 2026-11-20\n";
  return command;
}

}  // namespace

Command JoinLeftCommand() {
  return HalfOfJoin("join-left", "Chronon's first half of a Join; here the whole.");
}

Command JoinFinalCommand() {
  return HalfOfJoin("join-final", "Chronon's second half of a Join; here the whole.");
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
