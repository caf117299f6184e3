// SPDX-License-Identifier: Apache-2.0
// `catena group-by-upload`: a day's values of a GroupBy into the online store.
#include <memory>

#include "catena/batch/runner.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"
#include "catena/streaming/stream_options.h"

namespace catena::cli {
namespace {

Result<int> Upload(const BatchFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(BatchJob job, BatchJob::Open(settings, given));
  if (job.conf().group_by() == nullptr) {
    return InvalidConf(
        "an upload is of a GroupBy, this conf is a Join; upload its parts one by "
        "one: " +
        given.conf_path);
  }
  // Before the store is opened: what cannot be uploaded makes no store.
  CATENA_TRY(const plan::BackfillPlan plan,
             batch::PlanUpload(job.context(), job.conf(), job.asked().end, given.allow_holes));
  if (given.dry_run) {
    CATENA_RETURN_IF_ERROR(job.PrintDryRun(given, plan));
    return 0;
  }
  CATENA_TRY(
      const auto parameters,
      streaming::StreamParametersOf(
          settings, {&std::get<std::shared_ptr<const conf::GroupBy>>(job.conf().definition), 1}));
  CATENA_TRY(const auto stream, streaming::ReadStreamOptions(parameters));
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kJoin));
  batch::UploadOptions options;
  options.as_of_retention = stream.as_of_retention;
  options.allow_holes = given.allow_holes;
  batch::RunReport report;
  const Status outcome =
      batch::RunUpload(job.context(), job.conf(), job.asked().end, store.get(), options, &report);
  CATENA_RETURN_IF_ERROR(job.Finish(given, report, outcome));
  return 0;
}

}  // namespace

Command GroupByUploadCommand() {
  return {"group-by-upload",
          "Tables",
          "Upload a GroupBy's values at the end of a day into the online store.",
          "Publishing is one atomic switch; a stream adds what came after. The store may be owned "
          "by a running `group-by-streaming` or `serve --stream`: the upload then goes through it.",
          "  catena group-by-upload --conf-path production/group_bys/fraud/user_risk.v1 --end-date "
          "2026-11-20\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<BatchFlags>();
            DeclareBatch(flags, given.get());
            flags->Switch("--allow-holes", &given->allow_holes,
                          "Days that a source table lacks have no rows; without it they are "
                          "refused.");
            return [given, common] { return Upload(*given, *common); };
          }};
}

}  // namespace catena::cli
