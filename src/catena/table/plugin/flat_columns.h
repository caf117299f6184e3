// SPDX-License-Identifier: Apache-2.0
// Columns of scalars straight into the column writers of Parquet: the fast twin of WriteTable for
// rows without LIST, MAP and STRUCT, whose levels are the validity bytes that we have. Inside the
// plugin only.
//
//   errors   what the file cannot take is thrown by Parquet
//   threads  any, each with a file of its own

#pragma once

#include <cstdint>
#include <span>

#include "catena/types/batch.h"

namespace parquet {
class ParquetFileWriter;
}

namespace catena::table {

bool IsFlat(const types::Schema& schema);

// Rows of `batches`, all of one flat schema and checked (arrow_columns.h), in order, in row groups
// of `row_group_rows`.
void WriteFlat(std::span<const types::Batch> batches, int64_t row_group_rows,
               parquet::ParquetFileWriter* file);

}  // namespace catena::table
