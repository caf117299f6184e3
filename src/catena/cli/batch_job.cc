// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/batch_job.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "catena/base/file.h"
#include "catena/base/log.h"
#include "catena/batch/preview/plan_binding.h"
#include "catena/batch/preview/plan_estimate.h"
#include "catena/cli/job_progress.h"

namespace catena::cli {
namespace {

constexpr uint64_t kDuckDbShare = 4;
constexpr uint64_t kDuckDbEnough = uint64_t{256} << 20;
// Its Parquet writer compresses row groups beside that limit.
constexpr uint64_t kParquetWriter = uint64_t{32} << 20;
constexpr uint64_t kMemoryLeast = 128'000'000;

// Columns come and go. The allocator gives every large block back to the kernel, which clears it
// before it is given again: a tenth of a job's CPU seconds. Of freed memory an eighth of the limit
// is kept; of arenas, which threads have of their own, it would give back what they do not use.
void KeepFreedMemory(uint64_t limit) {
  const auto bytes = static_cast<int>(std::min<uint64_t>(limit / 8, INT_MAX));
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, bytes);
  mallopt(M_ARENA_MAX, 1);
}

Result<Date> ReadDate(const char* flag, const std::string& text) {
  auto date = ParseDate(text);
  if (!date.ok()) return InvalidConf(std::string(flag) + ": " + date.error().message);
  return date;
}

// One file a run; names sort by time.
Result<std::string> ReportPath(const table::Warehouse& warehouse, const std::string& name,
                               Timestamp started) {
  const std::string folder = warehouse.root() + "/_reports";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Unavailable("cannot make directory: " + folder + ": " + error.message());
  return fmt::format("{}/{}-{}-{}.json", folder, FormatTimestamp(started), conf::CleanName(name),
                     getpid());
}

}  // namespace

BatchJob::BatchJob() = default;
BatchJob::~BatchJob() = default;
BatchJob::BatchJob(BatchJob&&) noexcept = default;

void DeclareBatch(Flags* flags, BatchFlags* given) {
  flags->Text("--conf-path,CONF FILE", &given->conf_path,
              "Compiled conf: a path, or one below <repo>/production; also by position.",
              Need::kRequired);
  flags->Text("--end-date DATE", &given->end_date,
              "Last day, included, YYYY-MM-DD; yesterday (UTC) when absent.");
  flags->Text("--memory-limit BYTES", &given->memory_limit,
              "At most so much memory, as in 2GB or 512MiB; `memory_limit` of the settings when "
              "absent.");
  flags->Switch("--dry-run", &given->dry_run,
                "Print the plan, about how many rows and bytes it reads and writes, and stop.");
  flags->Text("--report FILE", &given->report,
              "Write what was done as JSON there; else below <warehouse>/_reports.");
}

Result<BatchJob> BatchJob::Open(const Settings& settings, const BatchFlags& given) {
  CATENA_TRY(conf::Conf conf, OpenConf(settings, given.conf_path));
  CATENA_TRY(BatchJob job,
             OpenTables(settings, given, conf.metadata().name, conf.path, Work::kOurs));
  job.confs_.push_back(std::move(conf));
  for (const std::string& path : given.with) {
    CATENA_TRY(conf::Conf further, OpenConf(settings, path));
    job.confs_.push_back(std::move(further));
  }
  for (const conf::Conf& each : job.confs_) {
    for (const std::string& sentence : each.inferred) CATENA_LOG_DEBUG("inferred", "{}", sentence);
  }
  return job;
}

Result<BatchJob> BatchJob::OpenTables(const Settings& settings, const BatchFlags& given,
                                      const std::string& name, const std::string& path, Work work) {
  BatchJob job;
  job.name_ = name;
  job.path_ = path;
  job.asked_.end = Date::Of(SystemClock().Now()) - 1;
  if (!given.end_date.empty()) {
    CATENA_TRY(job.asked_.end, ReadDate("--end-date", given.end_date));
  }
  if (!given.start_date.empty()) {
    CATENA_TRY(job.asked_.start, ReadDate("--start-partition-override", given.start_date));
    if (job.asked_.end < *job.asked_.start) {
      return InvalidConf("--start-partition-override is after --end-date: " + given.start_date +
                         ", " + FormatDate(job.asked_.end));
    }
  }
  // Before hours of work, not behind them.
  if (!given.report.empty()) {
    const auto folder = std::filesystem::absolute(given.report).parent_path();
    if (!std::filesystem::is_directory(folder)) {
      return InvalidConf("--report: no such folder: " + folder.string());
    }
  }
  job.asked_.allow_holes = given.allow_holes;
  job.asked_.recompute = given.recompute;
  Settings divided = settings;
  if (!given.memory_limit.empty()) divided.memory_limit = given.memory_limit;
  CATENA_TRY(const uint64_t memory, ParseBytes(divided.memory_limit));
  const bool ours = work == Work::kOurs;
  if (ours && memory < kMemoryLeast) {
    return InvalidConf("a job over tables needs a memory limit of 128MB at least: " +
                       divided.memory_limit);
  }
  // A row group a thread must fit beside what is scanned.
  const uint64_t of_duckdb =
      ours ? std::max(memory / kDuckDbShare, std::min(memory / 2, kDuckDbEnough)) : memory;
  divided.memory_limit = std::to_string(of_duckdb);
  CATENA_TRY(job.database_, OpenDatabase(divided, {}, ours));
  auto warehouse = OpenWarehouse(settings, job.database_.get());
  if (!warehouse.ok() && warehouse.error().code == ErrorCode::kNotFound) {
    return InvalidConf(
        "there are no tables yet; `catena table load FILE.csv NS.TABLE` or `catena "
        "topic archive` makes them in the warehouse: " +
        settings.warehouse);
  }
  if (!warehouse.ok()) return warehouse.error();
  job.warehouse_ = std::make_unique<table::Warehouse>(std::move(*warehouse));
  if (isatty(STDERR_FILENO) != 0) {
    setenv("CATENA_LOG", "warn", 0);  // Log lines would tear the bar.
    job.progress_ = MakeBarProgress(&SystemClock());
  } else {
    job.progress_ = MakeLineProgress(&SystemClock());
  }
  job.started_ = SystemClock().Now();
  job.context_ = {job.database_.get(), job.warehouse_.get(), &SystemClock(), job.progress_.get()};
  job.context_.memory_bytes = memory - of_duckdb - (ours ? kParquetWriter : 0);
  KeepFreedMemory(memory);
  return job;
}

Status BatchJob::Finish(const BatchFlags& given, const batch::RunReport& report,
                        const Status& outcome) {
  context_.progress = nullptr;
  progress_.reset();
  const Status kept = KeepReport(given, batch::ReportToJson(report), outcome);
  PrintDayChosen(given);
  fmt::print("{}", batch::PrintReport(report));
  if (!outcome.ok()) return outcome;
  return kept;
}

Status BatchJob::KeepReport(const BatchFlags& given, Json report, const Status& outcome) const {
  report["name"] = name_;
  report["conf"] = path_;
  report["start_date"] = asked_.start ? Json(FormatDate(*asked_.start)) : Json();
  report["end_date"] = FormatDate(asked_.end);
  report["started"] = FormatTimestamp(started_);
  report["ended"] = FormatTimestamp(SystemClock().Now());
  report["error"] = outcome.ok() ? Json() : Json(outcome.error().message);
  std::string path = given.report;
  if (path.empty()) {
    CATENA_TRY(path, ReportPath(*warehouse_, name_, started_));
  }
  CATENA_RETURN_IF_ERROR(ReplaceFile(path, PrettyJson(report) + "\n"));
  CATENA_LOG_INFO("report_kept", "path={}", path);
  return Status();
}

Status BatchJob::PrintDryRun(const BatchFlags& given, plan::BackfillPlan plan) const {
  CATENA_RETURN_IF_ERROR(batch::BindPlan(context_, plan));
  CATENA_RETURN_IF_ERROR(batch::EstimatePlan(context_, &plan));
  PrintDayChosen(given);
  fmt::print("{}", plan::PrintPlan(plan));
  return Status();
}

void BatchJob::PrintDayChosen(const BatchFlags& given) const {
  if (!given.end_date.empty()) return;
  fmt::print("through {}, which is yesterday; --end-date says another day\n",
             FormatDate(asked_.end));
}

}  // namespace catena::cli
