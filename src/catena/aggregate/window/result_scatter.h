// SPDX-License-Identifier: Apache-2.0
// ResultScatter: a column of the results of an operation, written in any order of rows;
// AppendResult: a column of results one behind the other.
//
//   input    IRs of one operation
//   output   Finalize or AppendTo of each
//   null     an empty IR, a result that is NaN or infinite, a row that was not put
//   threads  like any value; the operation outlives it

#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "catena/aggregate/operation.h"

namespace catena::aggregate {

// The value of `ir`, or nothing when the result is null.
template <typename Op>
inline auto ResultOf(const Op& op, const typename Op::IR& ir) {
  auto result = op.Finalize(ir);
  if constexpr (std::is_floating_point_v<typename Op::Output>) {
    if (result && !std::isfinite(*result)) result.reset();
  }
  return result;
}

template <typename Op>
inline void AppendResult(const Op& op, const typename Op::IR& ir, types::Column* into) {
  if constexpr (requires { op.AppendTo(ir, into); }) {
    if (op.IsEmpty(ir)) {
      into->AppendNull();
    } else {
      op.AppendTo(ir, into);
    }
  } else if (const auto result = ResultOf(op, ir); !result) {
    into->AppendNull();
  } else if constexpr (std::is_same_v<typename Op::Output, std::string_view>) {
    into->AppendText(*result);
  } else {
    into->Append<typename Op::Output>(*result);
  }
}

// The same inside of a map, where numbers need not be finite.
template <typename Op>
inline void AppendRawResult(const Op& op, const typename Op::IR& ir, types::Column* into) {
  if constexpr (requires { op.AppendRawTo(ir, into); }) {
    if (op.IsEmpty(ir)) return into->AppendNull();
    op.AppendRawTo(ir, into);
  } else if constexpr (std::is_floating_point_v<typename Op::Output>) {
    if (op.IsEmpty(ir)) return into->AppendNull();
    into->Append<typename Op::Output>(*op.Finalize(ir));
  } else {
    AppendResult(op, ir, into);
  }
}

// A column of `rows` results that are written in any order of rows.
template <typename Op>
class ResultScatter {
 public:
  ResultScatter(const Op& op, const types::DataType& type, size_t rows)
      : op_(op), column_(std::make_shared<types::Column>(type)) {
    if constexpr (kFixedWidth) {
      column_->ResizeNulls(rows);
      values_ = column_->template MutableValues<typename Op::Output>().data();
      validity_ = column_->MutableValidity().data();
    } else {
      place_.assign(rows, kNowhere);
    }
  }
  void Put(uint32_t row, const typename Op::IR& ir) {
    if constexpr (kFixedWidth) {
      if (const auto result = ResultOf(op_, ir)) {
        values_[row] = *result;
        validity_[row] = 1;
      }
    } else if (!op_.IsEmpty(ir)) {
      place_[row] = static_cast<uint32_t>(column_->size());
      AppendResult(op_, ir, column_.get());
    }
  }
  // Fetches what Put(row, ...) will write.
  void Fetch(uint32_t row) const {
    if constexpr (kFixedWidth) {
      __builtin_prefetch(values_ + row, 1);
      __builtin_prefetch(validity_ + row, 1);
    }
  }
  std::shared_ptr<types::Column> Take() {
    if constexpr (!kFixedWidth) {
      const auto null_row = static_cast<uint32_t>(column_->size());
      column_->AppendNull();
      for (uint32_t& place : place_) place = place == kNowhere ? null_row : place;
      return std::make_shared<types::Column>(column_->Take(place_));
    }
    column_->CountNulls();
    return std::move(column_);
  }

 private:
  static constexpr bool kFixedWidth = requires {
    requires std::is_arithmetic_v<typename Op::Output>;
  };
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

  const Op& op_;
  std::shared_ptr<types::Column> column_;
  typename std::conditional_t<kFixedWidth, typename Op::Output*, void*> values_ = nullptr;
  uint8_t* validity_ = nullptr;
  std::vector<uint32_t> place_;
};

}  // namespace catena::aggregate
