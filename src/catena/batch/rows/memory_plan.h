// SPDX-License-Identifier: Apache-2.0
// How much of a step is in memory at once: BatchContext::memory_bytes, divided.
//
//     half      left rows and the columns that parts add: a Join takes as many days as fit; the
//               answers of a daily table: as many days as fit
//     quarter   what a GroupBy aggregates: as many passes as it takes, each of a part of the keys
//     quarter   rows kept for a later step (kept_rows.h)
//
// DuckDB has a limit of its own beside that. Rows are counted by the footers of files; what has no
// fixed width is as wide as in some rows of the largest day.
//
//   limits   one day of left rows or answers, and the rows of one key, are always taken whole
//   errors   those of the tables

#pragma once

#include "catena/batch/source_rows.h"
#include "catena/conf/join.h"

namespace catena::batch {

// Of a row of the source.
Result<uint64_t> BytesOfRow(const BatchContext& context, const conf::Source& source,
                            const SourceRequest& request);
// Of a left row, what the part adds to it.
Result<uint64_t> BytesOfPart(const BatchContext& context, const conf::JoinPart& part);

// `range` in as many parts as it takes that the left rows of each, of `row_bytes` and what goes
// along (time, day, group), fit.
Result<std::vector<table::PartitionRange>> DaysAtATime(const BatchContext& context,
                                                       const conf::Source& left,
                                                       const table::PartitionRange& range,
                                                       uint64_t row_bytes);

// Into how many shares the keys of what a GroupBy reads must be split.
Result<uint32_t> SharesOf(const BatchContext& context, const conf::GroupBy& group_by,
                          const types::Schema& rows, const table::PartitionRange& range);

// How many answers of `outputs` about rows of `row_bytes` one of so many shares may hold.
size_t AnswersAtATime(const BatchContext& context, const types::Schema& outputs, uint64_t row_bytes,
                      uint32_t shares);
// About, of one of the rows, which may be none.
uint64_t BytesOfRow(const types::Batch& rows);

}  // namespace catena::batch
