// SPDX-License-Identifier: Apache-2.0
// One column of one row group of a Parquet file: values and nulls as pages.
//
//     [dictionary page]  data page:  definition levels | values
//
//   input    rows of scalar columns of one type, in pieces
//   output   numbers PLAIN; texts by dictionary where few differ, else PLAIN; one data page.
//            BYTE and SHORT are INT32, TIMESTAMP microseconds, as DuckDB writes them
//   null     a definition level of 0, and no value
//   errors   kInvalidData: a TIMESTAMP that microseconds do not hold
//   source   parquet-format: Encodings.md, parquet.thrift

#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/table/parquet/compression.h"
#include "catena/types/column.h"

namespace catena::table {

// Rows [begin, end) of a column.
struct ColumnPiece {
  const types::Column* column = nullptr;
  size_t begin = 0;
  size_t end = 0;
};

// As parquet.thrift numbers them.
struct ParquetType {
  int32_t physical = 0;
  std::optional<int32_t> converted;
};
// Nothing for lists, maps and structs.
std::optional<ParquetType> ParquetTypeOf(const types::DataType& type);

struct ChunkFacts {
  size_t rows = 0;
  size_t nulls = 0;
  bool dictionary = false;
  size_t dictionary_bytes = 0;    // Of the whole dictionary page in the file.
  size_t compressed_bytes = 0;    // Of all pages in the file, headers too.
  size_t uncompressed_bytes = 0;  // The same, had they not been compressed.
  std::string least, greatest;    // Integers only, as PLAIN; empty when there is no value.
};

// Appends the pages to `out`.
Result<ChunkFacts> AppendChunk(std::span<const ColumnPiece> pieces, Compressor* compressor,
                               std::string* out);

}  // namespace catena::table
