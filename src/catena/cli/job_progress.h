// SPDX-License-Identifier: Apache-2.0
// How far a batch job is: rows, rows a second, bytes written, and how long it will still take.
//
//   input    the plan's estimates; what the running step says
//   output   on a terminal one line that is drawn anew; else a line a step, and within a long step
//            a line every ten seconds
//   threads  as batch::Progress

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "catena/batch/context.h"

namespace catena::cli {

// What a person is told, as numbers.
class JobMeter {
 public:
  explicit JobMeter(const Clock* clock) : clock_(clock), start_(clock->Now()) {}

  void BeginPlan(const plan::BackfillPlan& plan);
  void BeginStep(size_t index);
  void SetStepRows(uint64_t done);
  void AddPartition(uint64_t rows, uint64_t bytes);

  // Of the plan's estimate, 0 to 1; absent while there is none.
  std::optional<double> Part() const;
  // "12000 of about 50000 rows, 8100 rows/s, 1.2 MB, 00:05 left".
  std::string Text() const;
  double Seconds() const;

 private:
  uint64_t RowsDone() const;

  const Clock* clock_;
  Timestamp start_;
  std::vector<uint64_t> rows_planned_;  // By step.
  size_t step_ = 0;
  uint64_t rows_before_ = 0;  // Of the steps before this one.
  uint64_t step_rows_ = 0;
  uint64_t step_rows_written_ = 0;
  uint64_t bytes_ = 0;
};

std::unique_ptr<batch::Progress> MakeBarProgress(const Clock* clock);
std::unique_ptr<batch::Progress> MakeLineProgress(const Clock* clock);

}  // namespace catena::cli
