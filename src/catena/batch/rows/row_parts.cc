// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/row_parts.h"

namespace catena::batch {

RowParts::RowParts(std::vector<uint16_t> part_of_row, size_t parts)
    : part_of_row_(std::move(part_of_row)), begin_(parts + 1, 0) {
  CATENA_CHECK(parts < kNone && part_of_row_.size() < UINT32_MAX, "parts and rows can be counted");
  std::vector<uint32_t> counts(parts, 0);
  for (size_t row = 0; row < part_of_row_.size(); ++row) {
    if (row % kStride == 0) next_.insert(next_.end(), counts.begin(), counts.end());
    if (part_of_row_[row] != kNone) ++counts[part_of_row_[row]];
  }
  for (size_t part = 0; part < parts; ++part) begin_[part + 1] = begin_[part] + counts[part];
  for (size_t i = 0; i < next_.size(); ++i) next_[i] += begin_[i % parts];
}

}  // namespace catena::batch
