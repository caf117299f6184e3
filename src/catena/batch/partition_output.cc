// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/partition_output.h"

#include <algorithm>
#include <filesystem>

#include "catena/base/log.h"
#include "catena/base/parallel.h"
#include "catena/batch/parquet_options.h"
#include "catena/batch/table_meanings.h"

namespace catena::batch {
namespace {

// Marks are one file, so that writing all of them for every day would be quadratic.
constexpr size_t kFlushShare = 64;
// With so much memory a day more is written than there are threads: one waits for its disk.
constexpr uint64_t kPlentyOfMemory = uint64_t{1} << 30;

uint64_t BytesOf(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (entry.is_regular_file(ignored)) bytes += entry.file_size(ignored);
  }
  return bytes;
}

std::string Because(const plan::PlannedDay& planned) {
  switch (planned.why) {
    case plan::Why::kMissing:
      return "they were missing";
    case plan::Why::kStale:
      return "another definition had made them, or a job that did not end";
    case plan::Why::kLeftChanged:
      return "their left partition changed";
    case plan::Why::kLeftUnknown:
      return "it was not recorded which left partition had made them";
    case plan::Why::kInputsChanged:
      return "what they were made from changed: " + plan::PrintNames(planned.changed);
    case plan::Why::kAsked:
      return "it was asked for";
  }
  return "";
}

}  // namespace

Result<PartitionOutput> PartitionOutput::Open(const BatchContext& context, const plan::Step& step,
                                              const conf::MetaData& of, StepReport* report) {
  CATENA_TRY(table::Table table, context.warehouse->Find(step.table));
  auto parquet = ParquetOptionsOf(of.table_properties);
  if (!parquet.ok()) return parquet.error().WithContext(of.name + ".tableProperties");
  PartitionOutput output(std::move(table), *std::move(parquet), step, context.progress,
                         context.kept, report);
  CATENA_TRY(output.marks_, ReadMarks(output.table_));
  bool marked = false;
  for (const plan::PlannedDay& planned : step.compute) {
    marked = output.marks_.erase(planned.day) > 0 || marked;
  }
  if (marked) CATENA_RETURN_IF_ERROR(WriteMarks(output.table_, output.marks_));
  return output;
}

Status PartitionOutput::Write(Date day, const types::Batch& rows, const std::string& left) {
  CATENA_RETURN_IF_ERROR(WriteOne(day, rows, left));
  return Flush();
}

Status PartitionOutput::Flush() {
  if (unwritten_ == 0) return Status();
  unwritten_ = 0;
  return WriteMarks(table_, marks_);
}

Status PartitionOutput::WriteOne(Date day, const types::Batch& rows, const std::string& left) {
  CATENA_RETURN_IF_ERROR(table_.WritePartition(day, rows, parquet_));
  if (kept_ != nullptr) kept_->Keep(table_.name(), day, rows);
  const std::lock_guard lock(*mutex_);
  const auto planned = planned_.find(day);
  plan::DayMark& mark = marks_[day];
  mark = planned == planned_.end() ? plan::DayMark{meaning_, ""} : planned->second;
  if (!left.empty()) mark.left = left;
  ++unwritten_;
  if (unwritten_ * kFlushShare >= marks_.size()) CATENA_RETURN_IF_ERROR(Flush());
  const uint64_t bytes = BytesOf(table_.directory() + "/ds=" + FormatDate(day));
  report_->computed.push_back(day);
  report_->rows += rows.rows();
  report_->bytes += bytes;
  if (progress_ != nullptr) progress_->OnPartition(day, rows.rows(), bytes);
  CATENA_LOG_INFO("partition_written", "table={} ds={} rows={} bytes={}", table_.name(),
                  FormatDate(day), rows.rows(), bytes);
  return Status();
}

Status PartitionOutput::WriteDays(const BatchContext& context, const std::vector<DayRows>& days,
                                  const MakeRows& make) {
  uint64_t done = 0;
  uint64_t all = 0;
  for (const DayRows& day : days) all += day.end - day.begin;
  const bool one_waits = context.memory_bytes >= kPlentyOfMemory;
  const int threads = context.database->options().threads + (one_waits ? 1 : 0);
  CATENA_RETURN_IF_ERROR(ParallelFor(days.size(), threads, [&](size_t i) -> Status {
    const DayRows& of_day = days[i];
    CATENA_TRY(const types::Batch rows, make(of_day));
    CATENA_RETURN_IF_ERROR(WriteOne(of_day.day, rows, of_day.left));
    const std::lock_guard lock(*mutex_);
    done += of_day.end - of_day.begin;
    if (context.progress != nullptr) context.progress->OnRows(done, all);
    return Status();
  }));
  std::sort(report_->computed.begin(), report_->computed.end());
  return Flush();
}

StepReport BeginReport(const plan::Step& step) {
  StepReport report;
  report.kind = std::string(plan::StepKindName(step.kind));
  report.name = step.name;
  report.table = step.table;
  report.reused = step.reuse;
  std::map<std::string, std::vector<Date>> again;
  for (const plan::PlannedDay& planned : step.compute) {
    if (planned.why != plan::Why::kMissing) again[Because(planned)].push_back(planned.day);
  }
  for (const auto& [because, days] : again) {
    report.notes.push_back("computed again, because " + because + ": " + plan::PrintDays(days));
  }
  if (!step.reuse.empty()) {
    report.notes.push_back("reused as they are: " + plan::PrintDays(step.reuse));
    CATENA_LOG_INFO("partitions_reused", "table={} days={}", step.table,
                    plan::PrintDays(step.reuse));
  }
  return report;
}

}  // namespace catena::batch
