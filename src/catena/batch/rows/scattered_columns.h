// SPDX-License-Identifier: Apache-2.0
// ScatteredColumns: columns whose rows come in pieces, in any order of rows, and are put in order
// once, at the end.
//
//     pieces     a b | c d e | f
//     rows       2 0   5 1 4   7        row i of a piece is row rows[i] of the result
//
//   null     rows of no piece
//   threads  one at a time; Take uses several

#pragma once

#include <cstdint>
#include <vector>

#include "catena/types/batch.h"

namespace catena::batch {

class ScatteredColumns {
 public:
  ScatteredColumns(types::Schema schema, size_t rows);

  // One column a field of the schema; no row twice in all pieces.
  void Add(const std::vector<types::ColumnPtr>& piece, std::vector<uint32_t> rows);
  // Column by column, freeing the pieces. Nothing is left.
  types::Batch Take(int threads);

 private:
  types::ColumnPtr Scatter(size_t field, std::vector<types::ColumnPtr> pieces) const;

  types::Schema schema_;
  size_t rows_;
  std::vector<std::vector<types::ColumnPtr>> pieces_;  // By column.
  std::vector<std::vector<uint32_t>> places_;          // By piece.
};

}  // namespace catena::batch
