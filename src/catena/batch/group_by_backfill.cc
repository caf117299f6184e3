// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_backfill.h"

#include <algorithm>

#include "catena/batch/daily/incremental_features.h"
#include "catena/batch/join/derived_columns.h"
#include "catena/batch/partition_output.h"
#include "catena/batch/rows/batch_pieces.h"

namespace catena::batch {

Result<StepReport> RunGroupByStep(const BatchContext& context, const plan::Step& step) {
  StepReport report = BeginReport(step);
  if (step.compute.empty()) return report;
  CATENA_TRY(PartitionOutput output,
             PartitionOutput::Open(context, step, step.group_by->metadata, &report));
  std::vector<Date> days;
  for (const plan::PlannedDay& planned : step.compute) days.push_back(planned.day);
  for (const table::PartitionRange& range : table::ToRanges(days)) {
    CATENA_TRY(DailyFeatures features,
               step.group_by->is_incremental
                   ? ComputeIncrementalFeatures(context, *step.group_by, range, &report)
                   : ComputeDailyFeatures(context, *step.group_by, range));
    CATENA_TRY(features.rows, DeriveDaily(context, *step.group_by, features.rows,
                                          features.key_columns, features.days));
    report.rows_read += features.rows_read;
    std::vector<PartitionOutput::DayRows> runs;
    for (const Date day : range) {
      const auto [first, last] = std::equal_range(features.days.begin(), features.days.end(), day);
      runs.push_back({day, static_cast<size_t>(first - features.days.begin()),
                      static_cast<size_t>(last - features.days.begin()), ""});
    }
    CATENA_RETURN_IF_ERROR(output.WriteDays(
        context, runs, [&](const PartitionOutput::DayRows& day) -> Result<types::Batch> {
          return CutOut(features.rows, day.begin, day.end);
        }));
  }
  return report;
}

}  // namespace catena::batch
