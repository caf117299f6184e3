// SPDX-License-Identifier: Apache-2.0
// Writes the rows of a step into days of its table and marks each day with the step's meaning
// and with what the left partition was.
//
//   order    a day is written, then marked; days come in the order of the calls
//   threads  one job at a time: the runner holds the table's lock

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"

namespace catena::batch {

class PartitionOutput {
 public:
  static Result<PartitionOutput> Open(const BatchContext& context, const plan::Step& step,
                                      StepReport* report);
  // `left`: the print of the left partition, taken before it was read; "" without a left side.
  Status Write(Date day, const types::Batch& rows, const std::string& left);

 private:
  PartitionOutput(table::Table table, std::string meaning, Progress* progress, StepReport* report)
      : table_(std::move(table)),
        meaning_(std::move(meaning)),
        progress_(progress),
        report_(report) {}

  table::Table table_;
  std::string meaning_;
  Progress* progress_;
  StepReport* report_;
};

// The part of a report that the plan already knows.
StepReport BeginReport(const plan::Step& step);

}  // namespace catena::batch
