// SPDX-License-Identifier: Apache-2.0
// BatchContext: what every batch job works with; and Progress, how it tells how far it is.
//
//   threads  Progress is called by one thread at a time, not always the same

#pragma once

#include <cstdint>
#include <string_view>

#include "catena/base/clock.h"
#include "catena/batch/rows/kept_rows.h"
#include "catena/plan/backfill_plan.h"
#include "catena/sql/database.h"
#include "catena/table/table.h"

namespace catena::batch {

class SourceTimes;

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void OnPlan(const plan::BackfillPlan& plan) = 0;
  virtual void OnStep(const plan::Step& step, size_t index, size_t steps) = 0;
  // Rows of the running step; `total` is 0 while it is not known.
  virtual void OnRows(uint64_t done, uint64_t total) = 0;
  // A day of the running step is in place.
  virtual void OnPartition(Date day, uint64_t rows, uint64_t bytes) = 0;
};

// All pointers outlive the jobs; `progress` may be null.
struct BatchContext {
  sql::Database* database = nullptr;
  const table::Warehouse* warehouse = nullptr;
  const Clock* clock = nullptr;
  Progress* progress = nullptr;
  // What a job's own rows may take, beside DuckDB's; see rows/memory_plan.h.
  uint64_t memory_bytes = uint64_t{1} << 30;
  KeptRows* kept = nullptr;      // RunPlan's; may be null.
  SourceTimes* times = nullptr;  // What the running step reads is told; may be null.
};

}  // namespace catena::batch
