// SPDX-License-Identifier: Apache-2.0
// ColumnReader, UpdateRow, FoldRows: how rows of a column get into the IR of an operation.
//
// Written for an operation as operation_kernel.h describes one, and inlined into every loop over
// it.
//
//   null    passed over
//   threads pure; the IR belongs to the caller

#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <type_traits>

#include "catena/aggregate/operation.h"

namespace catena::aggregate {

// The physical type of a column whose values do not matter, only whether they are there.
struct AnyValue {};

// One row of a column that the operation reads itself: a list, a map, or a value with its bucket.
struct Cell {
  const types::Column* column = nullptr;
  const types::Column* bucket = nullptr;
  uint32_t row = 0;
};

// Values of a column of physical type P: an integer, float, double, string_view, AnyValue or Cell.
template <typename P>
class ColumnReader {
 public:
  explicit ColumnReader(const KernelInput& input)
      : column_(*input.column),
        bucket_(input.bucket),
        validity_(column_.has_nulls() ? column_.validity() : nullptr) {
    if constexpr (std::is_arithmetic_v<P>) values_ = column_.template Values<P>().data();
  }
  bool has_nulls() const { return validity_ != nullptr; }
  bool IsNull(uint32_t row) const { return validity_ != nullptr && validity_[row] == 0; }
  // The numbers of rows [begin, end).
  std::span<const P> Range(uint32_t begin, uint32_t end) const {
    return {values_ + begin, values_ + end};
  }
  P At(uint32_t row) const {
    if constexpr (std::is_arithmetic_v<P>) {
      return values_[row];
    } else if constexpr (std::is_same_v<P, std::string_view>) {
      return column_.Text(row);
    } else if constexpr (std::is_same_v<P, Cell>) {
      return Cell{&column_, bucket_, row};
    } else {
      return AnyValue{};
    }
  }

 private:
  const types::Column& column_;
  const types::Column* bucket_;
  const uint8_t* validity_;
  const P* values_ = nullptr;
};

template <typename Op>
inline constexpr bool kRemovable = requires(const Op op, typename Op::IR ir,
                                            const typename Op::IR part) {
  op.Remove(ir, part);
};

template <typename Op>
inline constexpr bool kPrepares = requires {
  typename Op::Prepared;
};

template <typename Op, typename P>
inline constexpr bool kUpdatesMany = requires(const Op op, typename Op::IR ir,
                                              std::span<const P> values) {
  op.UpdateMany(ir, values);
}
|| requires(const Op op, typename Op::IR ir) { op.UpdateMany(ir, size_t{1}); };

// From so many rows on, UpdateMany is worth its set-up.
inline constexpr size_t kManyRows = 32;

template <typename Op, typename P>
inline void UpdateAt(const Op& op, typename Op::IR& ir, P value, EventPosition position) {
  if constexpr (requires { op.Update(ir, typename Op::Input(value), position); }) {
    op.Update(ir, static_cast<typename Op::Input>(value), position);
  } else {
    op.Update(ir, static_cast<typename Op::Input>(value));
  }
}

// So many slots or results are fetched before they are written; a miss takes about as long as so
// many updates.
inline constexpr size_t kFetchedAhead = 16;

// Row `row`, which is not null.
template <typename Op, typename P>
inline void UpdateRow(const Op& op, typename Op::IR& ir, P value, const KernelInput& input,
                      uint32_t row) {
  if constexpr (requires { op.Update(ir, typename Op::Input(value), EventPosition{}); }) {
    op.Update(ir, static_cast<typename Op::Input>(value),
              EventPosition{input.event_times[row], input.source_orders[row]});
  } else {
    op.Update(ir, static_cast<typename Op::Input>(value));
  }
}

template <typename Op, typename P, typename RowAt>
void GatherRows(const Op& op, const ColumnReader<P>& reader, size_t count, RowAt row_at,
                typename Op::IR& ir) {
  constexpr size_t kGathered = 512;
  P gathered[kGathered];
  for (size_t i = 0; i < count;) {
    size_t inputs = 0;
    for (const size_t end = std::min(count, i + kGathered); i < end; ++i) {
      gathered[inputs] = reader.At(row_at(i));
      inputs += reader.IsNull(row_at(i)) ? 0 : 1;
    }
    if (inputs > 0) op.UpdateMany(ir, std::span<const P>(gathered, inputs));
  }
}

// Folds rows row_at(0) to row_at(count - 1). Where the operation takes many inputs at once, those
// that are not null are gathered first.
template <typename Op, typename P, typename RowAt>
inline void FoldRows(const Op& op, const KernelInput& input, const ColumnReader<P>& reader,
                     size_t count, RowAt row_at, typename Op::IR& ir) {
  if constexpr (kUpdatesMany<Op, P> && std::is_same_v<P, AnyValue>) {
    size_t inputs = count;
    if (reader.has_nulls()) {
      for (size_t i = 0; i < count; ++i) inputs -= reader.IsNull(row_at(i)) ? 1 : 0;
    }
    op.UpdateMany(ir, inputs);
    return;
  } else if constexpr (kUpdatesMany<Op, P>) {
    if (count >= kManyRows) {
      GatherRows(op, reader, count, row_at, ir);
      return;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = row_at(i);
    if (!reader.IsNull(row)) UpdateRow(op, ir, reader.At(row), input, row);
  }
}

}  // namespace catena::aggregate
