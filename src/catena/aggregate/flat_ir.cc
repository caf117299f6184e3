// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/flat_ir.h"

#include <algorithm>
#include <new>

#include "catena/aggregate/exact_sum.h"

namespace catena::aggregate {
namespace {

enum class Owns : uint8_t { kNothing, kAccumulator, kWhoKnows };

Owns OwnedBy(const BaseAggregation& base, const types::DataType& input) {
  const bool is_nested = !input.children.empty() || !base.bucket.empty() || base.element_wise;
  if (is_nested) return Owns::kWhoKnows;
  switch (base.operation) {
    case conf::Operation::kCount:
      return Owns::kNothing;
    case conf::Operation::kFirst:
    case conf::Operation::kLast:
    case conf::Operation::kMin:
    case conf::Operation::kMax:
      return input.IsText() ? Owns::kWhoKnows : Owns::kNothing;
    case conf::Operation::kSum:
    case conf::Operation::kAverage:
      if (!input.IsFloating()) return Owns::kNothing;
      // Of a plain sum, which is smaller, there is nothing to own.
      return base.kernel->layout().bytes == sizeof(ExactSum) ? Owns::kAccumulator : Owns::kNothing;
    default:
      return Owns::kWhoKnows;
  }
}

}  // namespace

FlatIr::FlatIr(const RowAggregator& rows) {
  for (const BaseAggregation& base : rows.aggregations()) {
    const Owns owns = OwnedBy(base, rows.input_schema().fields[base.input_index].type);
    may_be_ = may_be_ && owns != Owns::kWhoKnows;
    if (owns == Owns::kAccumulator) exact_sums_.push_back(base.offset);
  }
}

bool FlatIr::IsFlat(const std::byte* ir) const noexcept {
  return may_be_ && std::all_of(exact_sums_.begin(), exact_sums_.end(), [ir](size_t offset) {
           return std::launder(reinterpret_cast<const ExactSum*>(ir + offset))->is_inline();
         });
}

}  // namespace catena::aggregate
