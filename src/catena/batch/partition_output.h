// SPDX-License-Identifier: Apache-2.0
// Writes the rows of a step into days of its table and marks each day with the step's meaning
// and with what the left partition was.
//
//   order    a day is written, then marked; days come in the order of the calls
//   threads  one job at a time: the table is locked for as long as this lives

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"

namespace catena::batch {

class PartitionOutput {
 public:
  // kUnavailable while another job writes the table.
  static Result<PartitionOutput> Open(const BatchContext& context, const plan::Step& step,
                                      StepReport* report);
  // `left`: the print of the left partition, taken before it was read; "" without a left side.
  Status Write(Date day, const types::Batch& rows, const std::string& left);

 private:
  PartitionOutput(table::Table table, FileLock lock, std::string meaning, StepReport* report)
      : table_(std::move(table)),
        lock_(std::move(lock)),
        meaning_(std::move(meaning)),
        report_(report) {}

  table::Table table_;
  FileLock lock_;
  std::string meaning_;
  StepReport* report_;
};

// The part of a report that the plan already knows.
StepReport BeginReport(const plan::Step& step);

}  // namespace catena::batch
