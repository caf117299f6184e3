// SPDX-License-Identifier: Apache-2.0
// BatchJob: what `join`, `group-by-backfill` and `group-by-upload` have in common: their flags, the
// database and warehouse they work with, how they tell progress, and their report.
//
//   output   on a terminal a bar, else a line per step; at the end what was computed and reused.
//            A report of every run, also of one that failed, is kept as JSON in --report FILE, else
//            below <warehouse>/_reports

#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"
#include "catena/cli/flags.h"
#include "catena/cli/storage.h"

namespace catena::cli {

struct BatchFlags {
  std::string conf_path;
  std::vector<std::string> with;  // Further confs of the same job.
  std::string end_date;
  std::string start_date;
  std::optional<int64_t> step_days;
  std::string memory_limit;
  std::string report;
  bool dry_run = false;
  bool allow_holes = false;
  bool run_first_hole = false;  // Chronon's; holes are always filled.
  bool recompute = false;
  bool unset_semantic_hash = false;
};

void DeclareBatch(Flags* flags, BatchFlags* given);

class BatchJob {
 public:
  BatchJob();
  ~BatchJob();
  BatchJob(BatchJob&&) noexcept;

  // Reads the flags and opens everything; `end_date` absent is yesterday.
  static Result<BatchJob> Open(const Settings& settings, const BatchFlags& given);
  // Whose work fills the cores and the memory: DuckDB scans, casts and writes when it is ours.
  enum class Work : uint8_t { kOurs, kSql };
  // The same without the conf, which is of another kind: its name and path, for the report.
  static Result<BatchJob> OpenTables(const Settings& settings, const BatchFlags& given,
                                     const std::string& name, const std::string& path, Work work);
  const batch::BatchContext& context() const { return context_; }
  const conf::Conf& conf() const { return confs_.front(); }
  // That one and those of --with.
  std::span<const conf::Conf> confs() const { return confs_; }
  const plan::DaysAsked& asked() const { return asked_; }
  // Clears the bar, keeps the report and prints it; gives `outcome` back.
  Status Finish(const BatchFlags& given, const batch::RunReport& report, const Status& outcome);
  // The plan with its estimates.
  Status PrintDryRun(const BatchFlags& given, plan::BackfillPlan plan) const;
  // Names the last day when nobody did.
  void PrintDayChosen(const BatchFlags& given) const;

 private:
  Status KeepReport(const BatchFlags& given, Json report, const Status& outcome) const;

  std::vector<conf::Conf> confs_;
  std::string name_;
  std::string path_;
  plan::DaysAsked asked_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<table::Warehouse> warehouse_;
  std::unique_ptr<batch::Progress> progress_;
  Timestamp started_;
  batch::BatchContext context_;
};

}  // namespace catena::cli
