// SPDX-License-Identifier: Apache-2.0
// FlatFile: rows without LIST, MAP and STRUCT, written as one Parquet file.
//
// DuckDB writes any rows, in about twice the CPU seconds: it copies and looks at every value
// several times, to choose among encodings that features do not need (decision 16). It is the twin
// of this writer, and writes what this does not.
//
//   output   a file that is read as DuckDB's would be: the same columns, types, nulls and row
//   groups errors   kUnavailable: the file system; those of column_chunk.h, with the column memory
//   one column of one row group, twice source   apache/parquet-format, parquet.thrift

#pragma once

#include <string>
#include <vector>

#include "catena/sql/database.h"
#include "catena/table/batch_slice.h"

namespace catena::table {

// Whether WriteFlatFile can: nested columns and other codecs than zstd are DuckDB's.
bool IsFlat(const types::Schema& schema, const sql::ParquetOptions& options);

// `slices` are of `schema`, whose STRING columns hold UTF-8.
Status WriteFlatFile(const types::Schema& schema, const std::vector<BatchSlice>& slices,
                     const std::string& path, const sql::ParquetOptions& options);

}  // namespace catena::table
