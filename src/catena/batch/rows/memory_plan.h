// SPDX-License-Identifier: Apache-2.0
// How much of a step is in memory at once: BatchContext::memory_bytes, divided.
//
//     half      left rows and the columns that parts add: a Join takes as many days as fit
//     quarter   what a GroupBy aggregates: as many passes as it takes, each of a part of the keys
//     quarter   rows kept for a later step (kept_rows.h)
//
// DuckDB has a limit of its own beside that. Rows are estimated from the sizes of files: a table's
// rows are spread over its days as its bytes are, and a text counts as 32 bytes.
//
//   limits   one day of left rows, and the rows of one key, are always taken whole
//   errors   those of the tables

#pragma once

#include "catena/batch/context.h"
#include "catena/conf/source.h"

namespace catena::batch {

// Of a row, with what goes along: time, day, group.
uint64_t BytesOfRow(const types::Schema& schema);

// `range` in as many parts as it takes that the left rows of each, of `row_bytes`, fit.
Result<std::vector<table::PartitionRange>> DaysAtATime(const BatchContext& context,
                                                       const conf::Source& left,
                                                       const table::PartitionRange& range,
                                                       uint64_t row_bytes);

// Into how many shares the keys of what a GroupBy reads must be split.
Result<uint32_t> SharesOf(const BatchContext& context, const conf::GroupBy& group_by,
                          const types::Schema& rows, const table::PartitionRange& range);

}  // namespace catena::batch
