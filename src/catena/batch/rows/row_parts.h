// SPDX-License-Identifier: Apache-2.0
// RowParts: where rows go that are told apart into parts, in streams.
//
//     rows      r0 r1 r2 r3 r4 r5      parts  1 0 1 - 0 2
//     parted    r1 r4 | r0 r2 | r5     part after part, within a part in the order of the rows
//
// To part rows, and to put them back, they are walked from front to back, beside one place a part.
// Some thousand such places stay in the cache; going to each row where it lies would miss it for
// each of them.
//
//   threads  const calls may run concurrently

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "catena/base/check.h"

namespace catena::batch {

class RowParts {
 public:
  static constexpr uint16_t kNone = UINT16_MAX;
  // How far the parts have come is remembered once in so many rows, where a walk begins cheaply.
  static constexpr size_t kStride = size_t{1} << 17;

  // part_of_row[row] < parts, or kNone.
  RowParts(std::vector<uint16_t> part_of_row, size_t parts, int threads = 1);

  // Rows of all parts; those of `part` are parted to [begin(part), begin(part + 1)).
  size_t size() const { return begin_.back(); }
  size_t begin(size_t part) const { return begin_[part]; }
  size_t rows() const { return part_of_row_.size(); }
  size_t parts() const { return begin_.size() - 1; }
  uint16_t part(size_t row) const { return part_of_row_[row]; }

  // Calls visit(row, at) for every row of [first, last) that is of a part: it is parted to `at`.
  template <typename Visit>
  void Walk(size_t first, size_t last, const Visit& visit) const {
    CATENA_CHECK(first <= last && last <= rows(), "a walk is over rows");
    if (first == last) return;
    const auto known = next_.begin() + static_cast<ptrdiff_t>(first / kStride * parts());
    std::vector<uint32_t> next(known, known + static_cast<ptrdiff_t>(parts()));
    for (size_t row = first / kStride * kStride; row < first; ++row) {
      if (part_of_row_[row] != kNone) ++next[part_of_row_[row]];
    }
    for (size_t row = first; row < last; ++row) {
      if (part_of_row_[row] != kNone) visit(row, next[part_of_row_[row]]++);
    }
  }

 private:
  std::vector<uint16_t> part_of_row_;
  std::vector<uint32_t> begin_;
  std::vector<uint32_t> next_;  // By stride, then by part: the place of its next row.
};

}  // namespace catena::batch
