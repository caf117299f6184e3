// SPDX-License-Identifier: Apache-2.0
// DailyFeatures: a GroupBy's values at the end of days, one row a key and day.
//
//     day 03-07:   events before 03-08T00:00, windows ending there; of entities the snapshot 03-07
//
//   output  key columns, then outputs without prefix (without aggregations the value columns); rows
//           by (day, key bytes). A key has a row when at least one of its events lies inside the
//           longest window (before the day's end when unwindowed), or when the snapshot has it
//   null    an empty window, as everywhere
//   source  Chronon GroupBy.snapshotEvents, snapshotEntities

#pragma once

#include <optional>

#include "catena/batch/group_by_rows.h"
#include "catena/batch/rows/scattered_columns.h"

namespace catena::batch {

struct DailyFeatures {
  // Rows [begin, end).
  types::Batch Take(size_t begin, size_t end) const;

  // Answers that are put in order when they are taken: of which group each row is.
  struct Answered {
    types::Batch keys;  // A row a group.
    std::vector<uint32_t> groups;
    ScatteredColumns columns;
  };
  std::optional<Answered> answered;
  types::Batch rows;       // All of them, where nothing is in `answered`.
  std::vector<Date> days;  // By row, ascending.
  Date last;               // That is answered.
  size_t key_columns = 0;  // The first columns of a row.
  std::map<int32_t, int64_t> cut;
  uint64_t rows_read = 0;
  bool kept = false;  // The rows were in memory, sorted by the step before (sorted_events.h).
};

// Of the first days of `range`, which is not empty, as many as the memory limit takes, one at
// least.
Result<DailyFeatures> ComputeDailyFeatures(const BatchContext& context,
                                           const conf::GroupBy& group_by,
                                           const table::PartitionRange& range);

// The days of a source that values at the ends of `range` need.
table::PartitionRange SourceRange(const conf::GroupBy& group_by,
                                  const table::PartitionRange& range);

}  // namespace catena::batch
