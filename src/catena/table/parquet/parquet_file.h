// SPDX-License-Identifier: Apache-2.0
// A Parquet file of scalar columns, written by ourselves.
//
// Why not DuckDB's COPY: it hashes every value of every column to look for a dictionary, which
// costs more than all the rest of a backfill; numbers of features hardly repeat.
//
//     PAR1 | row group: column chunk, column chunk, ... | row group ... | footer | size | PAR1
//
//   input    Batches of one schema, whose rows become the file's in order
//   output   every column optional; a row group has at most options.row_group_rows rows and 64 MiB
//            of text a column; the answer is the CRC-32C of the file, which is not synced
//   errors   kInvalidConf: unknown compression; kInvalidData: a text that is not UTF-8, a TIMESTAMP
//            that microseconds do not hold, one text of 2 GiB; kUnavailable: the file system
//   threads  pure but for the file
//   source   parquet-format: README.md, parquet.thrift

#pragma once

#include <span>
#include <string>

#include "catena/base/result.h"
#include "catena/sql/database.h"
#include "catena/types/batch.h"

namespace catena::table {

// False when a column is a list, map or struct: those are DuckDB's to write.
bool HasScalarsOnly(const types::Schema& schema);

Result<uint32_t> WriteParquetFile(const std::string& path, const types::Schema& schema,
                                  std::span<const types::Batch> batches,
                                  const sql::ParquetOptions& options);

}  // namespace catena::table
