// SPDX-License-Identifier: Apache-2.0
// ScatteredColumns: columns whose rows come in several goes, each some of the rows in an order of
// its own, and are put in order once, at the end.
//
//   null     rows of no go
//   threads  one at a time; Take uses several

#pragma once

#include <cstdint>
#include <vector>

#include "catena/batch/rows/row_parts.h"

namespace catena::batch {

class ScatteredColumns {
 public:
  static constexpr uint32_t kNowhere = UINT32_MAX;

  ScatteredColumns(types::Schema schema, size_t rows);

  // pieces[part]: a column a field, of the rows of the part. No row twice in all that is added.
  void Add(RowParts parts, std::vector<std::vector<types::ColumnPtr>> pieces);
  // Row `row` is row from[row] of `source`, a column a field; kNowhere: none of it.
  void Add(std::vector<types::ColumnPtr> source, std::vector<uint32_t> from);
  // Column by column, freeing what was added. Nothing is left.
  types::Batch Take(int threads);

 private:
  struct Go {
    RowParts parts;
    std::vector<uint32_t> from;                          // Empty: it came in parts.
    std::vector<std::vector<types::ColumnPtr>> columns;  // By field; by part, or the one source.
  };
  types::ColumnPtr Scatter(size_t field);

  types::Schema schema_;
  size_t rows_;
  std::vector<Go> goes_;
};

}  // namespace catena::batch
