// SPDX-License-Identifier: Apache-2.0
// ScatteredColumns: columns whose rows come in pieces, in any order of rows, and are put in order
// once, at the end.
//
//     pieces     a b | c d e | f        in the order of Add
//     places     2 0 5 - 1 ...          row r of the result is row places[r] of all pieces
//
//   null     rows that were never placed
//   threads  one at a time; Take uses several

#pragma once

#include <cstdint>
#include <vector>

#include "catena/types/batch.h"

namespace catena::batch {

class ScatteredColumns {
 public:
  ScatteredColumns(types::Schema schema, size_t rows);

  // Where the first row of the next piece stands.
  uint32_t next() const { return next_; }
  // One column a field of the schema, all of one length.
  void Add(std::vector<types::ColumnPtr> piece);
  void Place(size_t row, uint32_t at) { places_[row] = at; }
  // Column by column, freeing the pieces. Nothing is left.
  types::Batch Take(int threads);

 private:
  types::Schema schema_;
  std::vector<std::vector<types::ColumnPtr>> pieces_;  // By column.
  std::vector<uint32_t> places_;
  uint32_t next_ = 0;
};

}  // namespace catena::batch
