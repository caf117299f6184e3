// SPDX-License-Identifier: Apache-2.0
// `catena staging-query-backfill`: the missing days of a StagingQuery's table.
#include <fmt/format.h>

#include <memory>

#include "catena/batch/sources/staging_query.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"

namespace catena::cli {
namespace {

Result<int> Backfill(const BatchFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  if (given.step_days && (*given.step_days < 1 || *given.step_days > 36500)) {
    return InvalidConf("--step-days is at least 1: " + std::to_string(*given.step_days));
  }
  CATENA_TRY(const std::string path, ConfPath(settings, given.conf_path));
  CATENA_TRY(const conf::StagingQuery staging_query, conf::ReadStagingQuery(path));
  CATENA_TRY(BatchJob job, BatchJob::OpenTables(settings, given, staging_query.metadata.name, path,
                                                BatchJob::Work::kSql));
  if (given.dry_run) {
    CATENA_TRY(const plan::BackfillPlan plan,
               batch::PlanStagingQuery(job.context(), staging_query, job.asked()));
    fmt::print("{}", plan::PrintPlan(plan));
    return 0;
  }
  batch::RunReport report;
  const Status outcome =
      batch::RunStagingQuery(job.context(), staging_query, job.asked(),
                             static_cast<int32_t>(given.step_days.value_or(0)), &report);
  CATENA_RETURN_IF_ERROR(job.Finish(given, report, outcome));
  return 0;
}

std::shared_ptr<BatchFlags> Declare(Flags* flags) {
  auto given = std::make_shared<BatchFlags>();
  DeclareBatch(flags, given.get());
  flags->Text("--start-partition-override DATE", &given->start_date,
              "First day, YYYY-MM-DD; the conf's own when absent.");
  flags->Whole("--step-days N", &given->step_days,
               "Run the query for at most so many days at once.");
  flags->Switch("--recompute", &given->recompute, "Compute the days whatever is there.");
  return given;
}

}  // namespace

Command StagingQueryBackfillCommand() {
  return {"staging-query-backfill",
          "Tables",
          "Compute the table of a StagingQuery: the rows of a query, day by day.",
          "Only days that are missing, or that another query made, or whose tables had other "
          "partitions then, are computed; they may be holes. A table whose ds is kept between "
          "start_date and end_date wherever the query reads it counts for its own day; one that "
          "was written again otherwise makes every day from there on anew. A day of which the "
          "query gives no rows is a hole.",
          "  catena staging-query-backfill --conf-path production/staging_queries/risk/daily.v1 "
          "--end-date 2026-11-20\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = Declare(flags);
            return [given, common] { return Backfill(*given, *common); };
          }};
}

}  // namespace catena::cli
