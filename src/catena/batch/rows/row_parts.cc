// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/row_parts.h"

#include <algorithm>

#include "catena/base/parallel.h"

namespace catena::batch {

RowParts::RowParts(std::vector<uint16_t> part_of_row, size_t parts, int threads)
    : part_of_row_(std::move(part_of_row)), begin_(parts + 1, 0) {
  CATENA_CHECK(parts < kNone && part_of_row_.size() < UINT32_MAX, "parts and rows can be counted");
  const size_t strides = (rows() + kStride - 1) / kStride;
  next_.assign(strides * parts, 0);
  ParallelEach(strides, threads, [&](size_t stride) {
    uint32_t* counts = next_.data() + stride * parts;
    const size_t end = std::min(rows(), (stride + 1) * kStride);
    for (size_t row = stride * kStride; row < end; ++row) {
      if (part_of_row_[row] != kNone) ++counts[part_of_row_[row]];
    }
  });
  std::vector<uint32_t> counts(parts, 0);
  for (size_t i = 0; i < next_.size(); ++i) {
    const uint32_t before = counts[i % parts];
    counts[i % parts] += next_[i];
    next_[i] = before;
  }
  for (size_t part = 0; part < parts; ++part) begin_[part + 1] = begin_[part] + counts[part];
  for (size_t i = 0; i < next_.size(); ++i) next_[i] += begin_[i % parts];
}

}  // namespace catena::batch
