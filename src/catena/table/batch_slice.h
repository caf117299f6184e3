// SPDX-License-Identifier: Apache-2.0
// BatchSlice: rows [begin, end) of a Batch, which need not be copied to be written.

#pragma once

#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "catena/types/batch.h"

namespace catena::table {

struct BatchSlice {
  types::Batch batch;
  size_t begin = 0;
  size_t end = 0;

  BatchSlice(types::Batch all)  // NOLINT: a Batch is the slice of all its rows
      : batch(std::move(all)), end(batch.rows()) {}
  BatchSlice(types::Batch of, size_t first, size_t last)
      : batch(std::move(of)), begin(first), end(last) {}

  size_t rows() const { return end - begin; }
  // As a Batch of its own; copied unless it is all of one.
  types::Batch Rows() const {
    if (rows() == batch.rows()) return batch;
    std::vector<uint32_t> chosen(rows());
    std::iota(chosen.begin(), chosen.end(), static_cast<uint32_t>(begin));
    return batch.Take(chosen);
  }
};

}  // namespace catena::table
