// SPDX-License-Identifier: Apache-2.0
// ExactSumFold: the part that SUM and AVERAGE of floating numbers share: {exact sum, count}.
//
//   input   double, FLOAT widened
//   IR      the exact sum with the count of inputs, which tells a sum of zero from no input
//   order   none: the sum is exact until Finalize, which each operation adds for itself
//   errors  Decode answers false for bytes that Encode would not write

#pragma once

#include "catena/aggregate/dense_fold.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {

struct ExactSumFold {
  using Input = double;
  using Output = double;
  using IR = ExactSum;
  static constexpr bool kSubtractsAtOnce = true;

  void Update(IR& ir, Input input) const noexcept {
    ir.Add(input);
    ir.Count(1);
  }
  template <typename T>
  void UpdateMany(IR& ir, std::span<const T> inputs) const noexcept {
    AddAll(inputs, &ir);
    ir.Count(static_cast<int64_t>(inputs.size()));
  }
  using Prepared = Addends;
  static constexpr size_t kPrepared = kAddends;
  template <typename T>
  bool Prepare(std::span<const T> inputs, Prepared* into) const noexcept {
    return ToAddends(inputs, into);
  }
  void UpdatePrepared(IR& ir, const Prepared& inputs, size_t i) const noexcept {
    ir.Add(inputs, i);
    ir.Count(1);
  }
  void Merge(IR& into, const IR& from) const noexcept { into.Merge(from); }
  void Remove(IR& ir, Input input) const noexcept {
    ir.Remove(input);
    ir.Count(-1);
  }
  void Remove(IR& from, const IR& part) const noexcept { from.Subtract(part); }
  bool IsEmpty(const IR& ir) const noexcept { return ir.count() == 0; }
  void Encode(const IR& ir, std::string* out) const { ir.Encode(out); }
  bool Decode(IrReader* reader, IR& ir) const { return ir.Decode(reader); }
  int64_t CountOf(const IR& ir) const noexcept { return ir.count(); }
  bool SetCount(IR& ir, int64_t count) const noexcept {
    ir.Count(count);
    return true;
  }
};

}  // namespace catena::aggregate
