// SPDX-License-Identifier: Apache-2.0
// Our columns into DuckDB's vectors, and back. Inside this module only.
//
//   errors  VectorReader::Of: kUnsupported for a type we do not have. FillVector: kInvalidData for
//           an instant that microseconds cannot hold
//   threads no shared state

#pragma once

#include <duckdb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/types/column.h"

namespace catena::sql {

// How values of one DuckDB type become values of ours.
struct VectorReader {
  duckdb_type theirs = DUCKDB_TYPE_INVALID;
  types::DataType ours;
  std::vector<VectorReader> children;
  duckdb_type stored = DUCKDB_TYPE_INVALID;  // DECIMAL, ENUM: the type of the slots.
  double scale = 1;                          // DECIMAL: 10^scale.
  uint64_t array_size = 0;                   // ARRAY.
  std::vector<std::string> words;            // ENUM.

  // `column` is for the message.
  static Result<VectorReader> Of(duckdb_logical_type type, const std::string& column);
  // Rows [begin, begin + count) of `vector` at the end of `column`.
  void Append(duckdb_vector vector, uint64_t begin, uint64_t count, types::Column* column) const;
};

// The DuckDB type of ours; the caller destroys it.
duckdb_logical_type CreateType(const types::DataType& type);
// Rows [begin, begin + count) of `column` as rows [at, at + count) of `vector`. Long texts are not
// copied: the column must live for as long as the vector is read.
Status FillVector(const types::Column& column, uint64_t begin, uint64_t count, uint64_t at,
                  duckdb_vector vector);

// The first of rows [begin, end) of a STRING column that is not UTF-8, which DuckDB must never see.
std::optional<size_t> FirstInvalidText(const types::Column& column, size_t begin, size_t end);

}  // namespace catena::sql
