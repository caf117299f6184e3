// SPDX-License-Identifier: Apache-2.0
// ColumnChunk: the rows of one column in one row group, as Parquet's bytes.
//
//     [dictionary page] data page, data page, ...      page = Thrift header, then compressed
//     a data page       which rows are there, a bit a row; then the values of those
//
//   input    columns without elements (LIST, MAP and STRUCT have some); texts that are UTF-8
//   output   integers inside a narrow range and texts that repeat as numbers of a dictionary, all
//            else PLAIN. -0.0 and NaN stay what they are
//   errors   kInvalidData: an instant that Parquet's microseconds cannot hold, a text above 1 GiB
//   threads  one at a time; buffers are kept from chunk to chunk
//   source   apache/parquet-format, README.md, Encodings.md, parquet.thrift

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/result.h"
#include "catena/types/column.h"

namespace catena::table {

// Rows [begin, end) of a column.
struct ColumnSlice {
  const types::Column* column = nullptr;
  size_t begin = 0;
  size_t end = 0;
};

// Parquet's numbers for how a column is stored.
struct StoredType {
  int32_t physical = 0;
  std::optional<int32_t> converted;
};
StoredType StoredTypeOf(types::Kind kind);

struct ChunkFacts {
  uint64_t rows = 0;
  uint64_t nulls = 0;
  uint64_t raw_bytes = 0;  // With page headers, as are the next.
  uint64_t stored_bytes = 0;
  uint64_t dictionary_bytes = 0;                                      // 0: no dictionary.
  std::optional<std::pair<std::string, std::string>> least_greatest;  // Absent: not told.
};

class ChunkEncoder {
 public:
  // Absent: pages are not compressed.
  explicit ChunkEncoder(std::optional<int> zstd_level);
  ~ChunkEncoder();

  // Appends the slices, all of one type and at least one row in all, to `out`.
  Result<ChunkFacts> Append(std::span<const ColumnSlice> slices, std::string* out);

 private:
  struct Compressor;

  template <typename T, typename Stored>
  Status EncodeNumbers(std::span<const ColumnSlice> slices, std::string* out);
  template <typename Stored>
  bool EncodeNarrow(std::span<const Stored> values, std::string* out);
  void EncodeBools(std::span<const ColumnSlice> slices, std::string* out);
  Status EncodeTexts(std::span<const ColumnSlice> slices, std::string* out);
  bool EncodeRepeated(std::span<const std::string_view> texts, std::string* out);

  void GatherValidity(std::span<const ColumnSlice> slices);
  // Empties raw_ but for which of the rows are there.
  void BeginPage(size_t first_row, size_t end_row);
  void EndPage(size_t rows, int32_t encoding, std::string* out);
  // The values in raw_, then a page of all rows' codes_.
  void EndDictionary(size_t values, std::string* out);
  // `describe` fills in field `field` of the header.
  template <typename Describe>
  void PutPage(int32_t type, int16_t field, const Describe& describe, std::string* out);

  std::unique_ptr<Compressor> compressor_;
  ChunkFacts facts_;
  std::vector<uint8_t> validity_;  // By row; empty when all are there.
  std::vector<uint16_t> codes_;    // Of the values that are there.
  std::string raw_;                // The page.
};

}  // namespace catena::table
