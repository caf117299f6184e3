// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/batch_job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "catena/base/file.h"
#include "catena/base/log.h"

namespace catena::cli {
namespace {

constexpr int kBarColumns = 30;
constexpr const char* kClearLine = "\r\x1b[K";

// A line per step, for logs and pipes.
class LineProgress : public batch::Progress {
 public:
  void OnStep(const plan::Step& step, size_t index, size_t steps) override {
    fmt::print(stderr, "step {}/{}: {} {}: {} days to compute, {} reused ({})\n", index + 1, steps,
               plan::StepKindName(step.kind), step.name, step.compute.size(), step.reuse.size(),
               step.because);
  }
  void OnRows(uint64_t, uint64_t) override {}
};

class BarProgress : public batch::Progress {
 public:
  ~BarProgress() override { fmt::print(stderr, "{}", kClearLine); }
  void OnStep(const plan::Step& step, size_t index, size_t steps) override {
    name_ = fmt::format("{}/{} {} {}", index + 1, steps, plan::StepKindName(step.kind), step.name);
    drawn_ = -1;
    OnRows(0, 0);
  }
  void OnRows(uint64_t done, uint64_t total) override {
    const double part =
        total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const int filled = static_cast<int>(part * kBarColumns);
    const int64_t shown = total == 0 ? static_cast<int64_t>(done >> 14) : int64_t{filled} * 1000;
    if (shown == drawn_) return;
    drawn_ = shown;
    fmt::print(stderr, "{}[{}{}] {}  {} rows", kClearLine, std::string(filled, '#'),
               std::string(kBarColumns - filled, '.'), name_, done);
    std::fflush(stderr);
  }

 private:
  std::string name_;
  int64_t drawn_ = -1;
};

Result<Date> ReadDate(const char* flag, const std::string& text) {
  auto date = ParseDate(text);
  if (!date.ok()) return InvalidConf(std::string(flag) + ": " + date.error().message);
  return date;
}

}  // namespace

BatchJob::BatchJob() = default;
BatchJob::~BatchJob() = default;
BatchJob::BatchJob(BatchJob&&) noexcept = default;

void DeclareBatch(Flags* flags, BatchFlags* given) {
  flags->Text("--conf-path FILE", &given->conf_path,
              "Compiled conf: a path, or one below <repo>/production.", Need::kRequired);
  flags->Text("--end-date DATE", &given->end_date,
              "Last day, included, YYYY-MM-DD; yesterday (UTC) when absent.");
  flags->Switch("--dry-run", &given->dry_run, "Print the plan and stop.");
  flags->Text("--report FILE", &given->report, "Write what was done as JSON.");
}

Result<BatchJob> BatchJob::Open(const Settings& settings, const BatchFlags& given) {
  BatchJob job;
  CATENA_TRY(job.conf_, OpenConf(settings, given.conf_path));
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
  CATENA_TRY(job.database_, OpenDatabase(settings));
  auto warehouse = table::Warehouse::Open(settings.warehouse, job.database_.get());
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
    job.progress_ = std::make_unique<BarProgress>();
  } else {
    job.progress_ = std::make_unique<LineProgress>();
  }
  job.context_ = {job.database_.get(), job.warehouse_.get(), &SystemClock(), job.progress_.get()};
  for (const std::string& sentence : job.conf_.inferred) {
    CATENA_LOG_DEBUG("inferred", "{}", sentence);
  }
  return job;
}

Status BatchJob::Finish(const BatchFlags& given, const batch::RunReport& report) {
  context_.progress = nullptr;
  progress_.reset();
  fmt::print("{}", batch::PrintReport(report));
  if (given.report.empty()) return Status();
  return ReplaceFile(given.report, PrettyJson(batch::ReportToJson(report)) + "\n");
}

}  // namespace catena::cli
