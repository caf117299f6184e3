// SPDX-License-Identifier: Apache-2.0
// `catena explain`: what would run for a conf, online and offline, and why.
#include <fmt/format.h>

#include <memory>

#include "catena/batch/runner.h"
#include "catena/cli/batch_job.h"
#include "catena/cli/commands.h"
#include "catena/plan/streaming_plan.h"

namespace catena::cli {
namespace {

void PrintConf(const conf::Conf& conf) {
  const bool is_join = conf.join() != nullptr;
  fmt::print("{} {}\n", is_join ? "Join" : "GroupBy", conf.metadata().name);
  if (!conf.inferred.empty()) fmt::print("\nInferred by the compiler:\n");
  for (const std::string& sentence : conf.inferred) fmt::print("  {}\n", sentence);
}

Result<int> Explain(const BatchFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const conf::Conf conf, OpenConf(settings, given.conf_path));
  PrintConf(conf);
  fmt::print("\nStream (catena group-by-streaming):\n");
  const auto streaming = plan::PlanStreaming(std::span(&conf, 1));
  fmt::print("{}\n",
             streaming.ok() ? streaming->ToString() : "  none: " + streaming.error().message);
  const bool is_join = conf.join() != nullptr;
  fmt::print("\nTables (catena {}):\n", is_join ? "join" : "group-by-backfill");
  auto job = BatchJob::Open(settings, given);
  if (!job.ok()) {
    fmt::print("  none: {}\n", job.error().message);
    return 0;
  }
  job->PrintDayChosen(given);
  const auto backfill = batch::PlanBackfill(job->context(), job->conf(), job->asked());
  fmt::print("{}\n",
             backfill.ok() ? plan::PrintPlan(*backfill) : "  none: " + backfill.error().message);
  return 0;
}

}  // namespace

Command ExplainCommand() {
  return {"explain",
          "Define",
          "Say what would run for a conf, online and offline, and why.",
          "",
          "  catena explain production/group_bys/fraud/user_risk.v1\n"
          "  catena explain joins/fraud/final.v1 --end-date 2026-11-20\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<BatchFlags>();
            flags->Text("CONF,--conf-path", &given->conf_path, "Compiled conf.", Need::kRequired);
            flags->Text("--end-date DATE", &given->end_date,
                        "Last day of the backfill; yesterday (UTC) when absent.");
            return [given, common] { return Explain(*given, *common); };
          }};
}

}  // namespace catena::cli
