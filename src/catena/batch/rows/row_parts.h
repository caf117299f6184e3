// SPDX-License-Identifier: Apache-2.0
// RowParts: rows told apart into parts and put back into their order, in streams.
//
//     rows      r0 r1 r2 r3 r4 r5      parts  1 0 1 - 0 2
//     parted    r1 r4 | r0 r2 | r5     part after part, within a part in the order of the rows
//
// Both ways the rows are walked once from front to back, beside one place a part. Some thousand
// such places stay in the cache; going to each row where it lies would miss it for each of them.
//
//   null     rows of no part are not parted, and are left as they are when parts are put back
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "catena/types/batch.h"

namespace catena::batch {

// Whether a row of such a column is one value in one array.
bool HasFixedWidth(const types::DataType& type);

class RowParts {
 public:
  static constexpr uint16_t kNone = UINT16_MAX;
  static constexpr uint32_t kNowhere = UINT32_MAX;

  // part_of_row[row] < parts, or kNone.
  RowParts(std::vector<uint16_t> part_of_row, size_t parts);

  // Rows of all parts; those of `part` are parted to [begin(part), begin(part + 1)).
  size_t size() const { return begin_.back(); }
  size_t begin(size_t part) const { return begin_[part]; }

  template <typename T>
  std::vector<T> Part(std::span<const T> values) const {
    CATENA_CHECK(values.size() == part_of_row_.size(), "a value a row");
    std::vector<T> parted(size());
    Walk([&](size_t row, size_t at) { parted[at] = values[row]; });
    return parted;
  }
  types::Column Part(const types::Column& column) const;

  // Calls visit(row, at) for every row of a part: parted[at] is what was at `row`.
  template <typename Visit>
  void Walk(const Visit& visit) const {
    std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (size_t row = 0; row < part_of_row_.size(); ++row) {
      if (part_of_row_[row] != kNone) visit(row, next[part_of_row_[row]]++);
    }
  }

  // To where each of rows [first, last) is parted; kNowhere: it is of no part.
  std::vector<uint32_t> PlacesOf(size_t first, size_t last) const;
  // Row i of `into`, which HasFixedWidth, becomes what of row first + i is in the pieces, a piece a
  // part; places[i] is its place.
  void Unite(std::span<const types::ColumnPtr> pieces, size_t first,
             std::span<const uint32_t> places, types::Column* into) const;

 private:
  // How far the parts have come is remembered once in so many rows.
  static constexpr size_t kStride = size_t{1} << 20;

  std::vector<uint16_t> part_of_row_;
  std::vector<uint32_t> begin_;
  std::vector<uint32_t> next_;  // By stride, then by part: the place of its next row.
};

}  // namespace catena::batch
