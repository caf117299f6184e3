// SPDX-License-Identifier: Apache-2.0
// FlatIr: which IR rows own no memory, so that a copy of their bytes is that state.
//
//   input    IR rows of `rows`
//   output   true for rows of sums, counts and extremes of numbers, and the like; false where it
//            cannot be told
//   threads  immutable

#pragma once

#include <vector>

#include "catena/aggregate/row_aggregator.h"

namespace catena::aggregate {

class FlatIr {
 public:
  explicit FlatIr(const RowAggregator& rows);

  bool IsFlat(const std::byte* ir) const noexcept;

 private:
  bool may_be_ = true;
  std::vector<size_t> exact_sums_;  // Their offsets: those of rare numbers own an accumulator.
};

}  // namespace catena::aggregate
