// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_backfill.h"

#include <algorithm>

#include "catena/batch/daily/incremental_features.h"
#include "catena/batch/join/derived_columns.h"
#include "catena/batch/partition_output.h"

namespace catena::batch {
namespace {

// The days from `first` to the last that is answered.
Status WriteThrough(const BatchContext& context, const plan::Step& step, Date first,
                    const DailyFeatures& features, PartitionOutput* output) {
  std::vector<PartitionOutput::DayRows> runs;
  for (Date day = first; day <= features.last; day = day + 1) {
    const auto [begin, end] = std::equal_range(features.days.begin(), features.days.end(), day);
    runs.push_back({day, static_cast<size_t>(begin - features.days.begin()),
                    static_cast<size_t>(end - features.days.begin()), ""});
  }
  return output->WriteDays(context, runs, [&](const PartitionOutput::DayRows& day) {
    const std::span<const Date> days(features.days);
    return DeriveDaily(context, *step.group_by, features.Take(day.begin, day.end),
                       features.key_columns, days.subspan(day.begin, day.end - day.begin));
  });
}

}  // namespace

Result<StepReport> RunGroupByStep(const BatchContext& context, const plan::Step& step) {
  StepReport report = BeginReport(step);
  if (step.compute.empty()) return report;
  CATENA_TRY(PartitionOutput output,
             PartitionOutput::Open(context, step, step.group_by->metadata, &report));
  std::vector<Date> days;
  for (const plan::PlannedDay& planned : step.compute) days.push_back(planned.day);
  for (table::PartitionRange range : table::ToRanges(days)) {
    for (bool all = false; !all;) {
      CATENA_TRY(const DailyFeatures features,
                 step.group_by->is_incremental
                     ? ComputeIncrementalFeatures(context, *step.group_by, range, &report)
                     : ComputeDailyFeatures(context, *step.group_by, range));
      all = features.last == range.last;
      CATENA_RETURN_IF_ERROR(WriteThrough(context, step, range.first, features, &output));
      report.rows_read += features.rows_read;
      if (features.kept) {
        report.notes.push_back("rows that the step before had sorted were not read again: " +
                               std::to_string(features.rows_read));
      }
      range.first = features.last + 1;
    }
  }
  return report;
}

}  // namespace catena::batch
