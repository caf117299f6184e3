// SPDX-License-Identifier: Apache-2.0
// CountedSum: {sum, count}, what SUM and AVERAGE keep where a number of fixed size holds the sum.
//
//   input   InputT
//   IR      Sum: unsigned (modulo 2^64), __int128, or double, whose additions round; the count
//   tells
//           a sum of zero from no input
//   order   none but of a double's, from which nothing can be removed therefore
//
// An operation on top adds UpdateMany, Finalize, Encode and Decode.

#pragma once

#include <cstdint>
#include <type_traits>

namespace catena::aggregate {

template <typename InputT, typename Sum>
struct CountedSum {
  using Input = InputT;
  struct IR {
    Sum sum = 0;
    int64_t count = 0;
  };
  static constexpr bool kSubtractsAtOnce = true;

  void Update(IR& ir, Input input) const noexcept {
    ir.sum += static_cast<Sum>(input);
    ++ir.count;
  }
  void Merge(IR& into, const IR& from) const noexcept {
    into.sum += from.sum;
    into.count += from.count;
  }
  void Remove(IR& ir, Input input) const noexcept requires(!std::is_floating_point_v<Sum>) {
    ir.sum -= static_cast<Sum>(input);
    --ir.count;
  }
  void Remove(IR& from, const IR& part) const noexcept requires(!std::is_floating_point_v<Sum>) {
    from.sum -= part.sum;
    from.count -= part.count;
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.count == 0; }
  int64_t CountOf(const IR& ir) const noexcept { return ir.count; }
  bool SetCount(IR& ir, int64_t count) const noexcept {
    ir.count = count;
    return true;
  }
};

}  // namespace catena::aggregate
