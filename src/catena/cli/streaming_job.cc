// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/streaming_job.h"

#include <fmt/format.h>
#include <malloc.h>

#include <cstdio>
#include <thread>

#include "catena/cli/storage.h"
#include "catena/plan/streaming_plan.h"
#include "catena/streaming/publish/publish_options.h"
#include "catena/streaming/stream_options.h"

namespace catena::cli {
namespace {

constexpr Millis kLook{20};
constexpr int kLargeBytes = 256 << 10;
constexpr int kArenas = 4;

// What one thread takes another one frees: what was folded, when it was committed. The allocator
// keeps such memory for the thread that took it, and of large blocks ever larger ones: under load
// as much again as the state.
void GiveFreedMemoryBack() {
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  mallopt(M_ARENA_MAX, kArenas);
}

// None without a plan.
std::vector<std::shared_ptr<const conf::GroupBy>> StreamedBy(
    const Result<plan::StreamingPlan>& plan) {
  std::vector<std::shared_ptr<const conf::GroupBy>> group_bys;
  if (!plan.ok()) return group_bys;
  for (const plan::StreamTask& task : plan->tasks) {
    group_bys.insert(group_bys.end(), task.group_bys.begin(), task.group_bys.end());
  }
  return group_bys;
}

}  // namespace

Status StreamingJob::Open(const Settings& settings, const std::vector<conf::Conf>& confs,
                          kv::KVStore* store, const StreamingRun& run) {
  GiveFreedMemoryBack();
  streaming::StreamJobOptions options;
  const auto plan = plan::PlanStreaming(confs);
  // A parameter that nobody could take is told first.
  CATENA_TRY(const auto parameters, streaming::StreamParametersOf(settings, StreamedBy(plan)));
  CATENA_TRY(options.stream, streaming::ReadStreamOptions(parameters));
  CATENA_RETURN_IF_ERROR(plan.status());
  CATENA_TRY(options.published, streaming::PublishedJoinsOf(settings, *plan));
  options.topics_default = settings.topics_default;
  options.kafka = settings.kafka;
  options.allow_gap = run.allow_gap;
  options.stage = run.stage;
  if (run.share) options.share = topic::JoinPartitionShare;
  CATENA_TRY(database_, OpenDatabase(settings));
  const auto schemas = [database = database_.get(),
                        settings](const std::string& name) -> Result<types::Schema> {
    CATENA_TRY(const auto warehouse, OpenWarehouse(settings, database));
    CATENA_TRY(const auto table, warehouse.Find(name));
    return table.SchemaOf();
  };
  CATENA_TRY(job_, streaming::StreamJob::Open(confs, options, schemas, store, database_.get(),
                                              &SystemClock()));
  return Status();
}

Status StreamingJob::Run(const StopSignals& signals) {
  const std::jthread announcer([&](std::stop_token quit) {
    while (!quit.stop_requested() && !job_->CaughtUp()) {
      if (signals.Sleep(kLook)) return;
    }
    if (quit.stop_requested()) return;
    fmt::print("ready\n");
    std::fflush(stdout);
  });
  return job_->Run(signals.token());
}

}  // namespace catena::cli
