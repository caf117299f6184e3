// SPDX-License-Identifier: Apache-2.0
// `catena label-join`: what became known of a Join's rows, joined back to them.
#include <fmt/format.h>

#include <memory>

#include "catena/batch/join/label_join.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"

namespace catena::cli {
namespace {

Result<int> LabelJoin(const BatchFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(BatchJob job, BatchJob::Open(settings, given));
  if (given.dry_run) {
    CATENA_TRY(const plan::BackfillPlan plan,
               batch::PlanLabelJoin(job.context(), job.conf(), job.asked()));
    fmt::print("{}", plan::PrintPlan(plan));
    return 0;
  }
  batch::RunReport report;
  const Status outcome = batch::RunLabelJoin(job.context(), job.conf(), job.asked(), &report);
  CATENA_RETURN_IF_ERROR(job.Finish(given, report, outcome));
  return 0;
}

}  // namespace

Command LabelJoinCommand() {
  return {
      "label-join",
      "Tables",
      "Join the labels of a Join's labelPart back to its rows, as known on a day.",
      "The rows are those of the days that leftStartOffset and leftEndOffset say, counted back "
      "from --end-date, which is label_ds. Their days of the Join, and the labels, are computed "
      "first where they are missing. The labels go to <join>_labels/label_ds=.../ds=...; every "
      "label_ds is a version that stays. `catena sql` has them with the rows as <join>_labeled, "
      "and of each day the newest version alone as <join>_labeled_latest.",
      "  catena label-join --conf-path production/joins/fraud/final.v1 --end-date 2026-11-20\n"
      "  catena sql --output training.parquet \"SELECT * FROM fraud.final_v1_labeled_latest\"\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<BatchFlags>();
        DeclareBatch(flags, given.get());
        flags->Switch("--allow-holes", &given->allow_holes,
                      "Days that a source table lacks have no rows; without it they are refused.");
        return [given, common] { return LabelJoin(*given, *common); };
      }};
}

}  // namespace catena::cli
