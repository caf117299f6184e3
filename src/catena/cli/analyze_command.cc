// SPDX-License-Identifier: Apache-2.0
// `catena analyze`: keys, skew and nulls of what a conf reads, and about what a backfill costs.
#include <fmt/format.h>

#include <memory>

#include "catena/batch/preview/analysis.h"
#include "catena/batch/preview/plan_estimate.h"
#include "catena/batch/runner.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"

namespace catena::cli {
namespace {

struct AnalyzeFlags {
  BatchFlags batch;
  std::optional<int64_t> heavy;
  std::optional<double> sample;
  bool json = false;
};

Result<int> AnalyzeConf(const AnalyzeFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  if (given.heavy && (*given.heavy < 0 || *given.heavy > 10000)) {
    return InvalidConf("--heavy-hitters is between 0 and 10000: " + std::to_string(*given.heavy));
  }
  if (given.sample && !(*given.sample > 0 && *given.sample <= 1)) {
    return InvalidConf("--sample is a share of the rows, above 0 and at most 1: " +
                       std::to_string(*given.sample));
  }
  CATENA_TRY(BatchJob job, BatchJob::Open(settings, given.batch));
  table::PartitionRange range = table::PartitionRange::All();
  range.last = job.asked().end;
  if (job.asked().start) range.first = *job.asked().start;
  const batch::AnalyzeOptions options{static_cast<size_t>(given.heavy.value_or(10)),
                                      given.sample.value_or(1)};
  CATENA_TRY(const auto analyses, batch::Analyze(job.context(), job.conf(), range, options));
  auto plan = batch::PlanBackfill(job.context(), job.conf(), job.asked());
  if (plan.ok()) CATENA_RETURN_IF_ERROR(batch::EstimatePlan(job.context(), &*plan));
  if (given.json) {
    Json json = {{"rows", batch::AnalysisToJson(analyses)}, {"plan", Json()}};
    if (plan.ok()) json["plan"] = plan::PlanToJson(*plan);
    if (!plan.ok()) json["plan_error"] = plan.error().message;
    fmt::print("{}\n", PrettyJson(json));
    return 0;
  }
  fmt::print("{}\nA backfill would do:\n{}", batch::PrintAnalysis(analyses),
             plan.ok() ? plan::PrintPlan(*plan) : "nothing: " + plan.error().message + "\n");
  return 0;
}

}  // namespace

Command AnalyzeCommand() {
  return {
      "analyze",
      "Define",
      "Count keys, heavy hitters and nulls of what a conf reads; estimate its backfill.",
      "Looks at the rows of the left side and of every source after their selects and wheres, "
      "so it tells in advance which key is hot, which join key is mostly null and what a "
      "backfill of the days would read and write; and the earliest and latest event time. Counts "
      "are exact; with --sample the keys are those of a share of the rows, which takes less "
      "memory.",
      "  catena analyze production/joins/fraud/final.v1 --end-date 2026-11-20\n"
      "  catena analyze group_bys/fraud/user_risk.v1 --end-date 2026-11-20 --json\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<AnalyzeFlags>();
        flags->Text("CONF,--conf-path", &given->batch.conf_path,
                    "Compiled conf: a path, or one below <repo>/production.", Need::kRequired);
        flags->Text("--start-partition-override DATE", &given->batch.start_date,
                    "First day looked at, YYYY-MM-DD; the tables' first when absent.");
        flags->Text("--end-date DATE", &given->batch.end_date,
                    "Last day, included, YYYY-MM-DD; yesterday (UTC) when absent.");
        flags->Whole("--heavy-hitters N", &given->heavy,
                     "So many keys with the most rows are listed; 10 when absent.");
        flags->Number("--sample RATIO", &given->sample,
                      "Count the keys of about this share of the rows, the same ones each time; 1 "
                      "when absent.");
        flags->Switch("--json", &given->json, "Print JSON.");
        return [given, common] { return AnalyzeConf(*given, *common); };
      }};
}

}  // namespace catena::cli
