// SPDX-License-Identifier: Apache-2.0
// RunReport: what a batch job did, step by step; printed, and stored as JSON.

#pragma once

#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/plan/backfill_plan.h"

namespace catena::batch {

enum class StepOutcome : uint8_t { kDone, kFailed, kSkipped };

struct StepReport {
  std::string kind;   // plan::StepKindName.
  std::string name;   // Of the Join or GroupBy.
  std::string table;  // Written; of an upload the dataset.
  std::vector<Date> computed;
  std::vector<Date> reused;
  uint64_t rows = 0;       // Written.
  uint64_t rows_read = 0;  // Of the left side, or of the sources.
  uint64_t bytes = 0;      // Of the files or values written.
  double seconds = 0;
  std::vector<std::string> notes;  // "2 days were stale: ...", for people.
  StepOutcome outcome = StepOutcome::kDone;
  std::string reason;  // Why it failed, or was skipped; empty when it is done.
};

struct RunReport {
  std::vector<StepReport> steps;
  double seconds = 0;
};

Json ReportToJson(const RunReport& report);
// A line per step.
std::string PrintReport(const RunReport& report);

}  // namespace catena::batch
