// SPDX-License-Identifier: Apache-2.0
// WriteParquet: rows in memory as one file of Parquet, by Arrow's writer.
//
// DuckDB reads Parquet, and writes what comes of a SELECT; what kernels made is in columns already,
// which this writer takes as they lie (docs/decisions/0018-arrow-writes-parquet.md). It is in a
// library that is loaded by the first call, from lib/ beside the program's bin/.
//
//   output   BOOLEAN to BINARY, DATE, LIST, MAP and STRUCT as Parquet's type of that name;
//            TIMESTAMP in microseconds, of no zone; every column may hold nulls. Equal rows make
//            equal bytes
//   errors   kInvalidData: text that is not UTF-8, a TIMESTAMP beyond microseconds, a MAP whose key
//            is null, by column and row; kInvalidConf: options that are none; kUnavailable: the
//            path and the system's words; kUnsupported: the library is not there
//   threads  any, each with a path of its own

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "catena/types/batch.h"

namespace catena::table {

struct ParquetOptions {
  std::string compression = "zstd";  // zstd, gzip, snappy, lz4_raw, uncompressed.
  // 1 to 22, of zstd. Features hardly compress: level 3 takes a fifth more CPU seconds for files
  // that are 7 % smaller (bench/batch.py's, 1 M rows).
  int zstd_level = 1;
  // Of the encodings: 2 writes differences of integers and the bytes of doubles side by side, which
  // takes less CPU than 1 and which some readers cannot read. Texts have dictionaries in both.
  int version = 1;
  int64_t row_group_rows = 122880;
};

// kInvalidConf names what of them no file can be written with.
Status CheckParquetOptions(const ParquetOptions& options);

// Rows of `batches`, all of `schema`, in order, as a file at `path`, overwritten; no rows make a
// file of no rows. The file is not synced. Gives the CRC-32C of `before` and then of its bytes.
Result<uint32_t> WriteParquet(const types::Schema& schema, std::span<const types::Batch> batches,
                              const std::string& path, const ParquetOptions& options = {},
                              uint32_t before = 0);

}  // namespace catena::table
