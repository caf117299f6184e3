// SPDX-License-Identifier: Apache-2.0
// ExactSumFold: the part that SUM and AVERAGE of floating numbers share: {exact sum, count}.
//
//   input   double, FLOAT widened
//   IR      {sum, count}; the count tells a sum of zero from no input
//   order   none: the sum is exact until Finalize, which each operation adds for itself
//   errors  Decode answers false for bytes that Encode would not write

#pragma once

#include "catena/aggregate/dense_fold.h"
#include "catena/aggregate/stored_value.h"

namespace catena::aggregate {

struct ExactSumFold {
  using Input = double;
  using Output = double;
  struct IR {
    ExactSum sum;
    int64_t count = 0;
  };

  void Update(IR& ir, Input input) const noexcept {
    ir.sum.Add(input);
    ++ir.count;
  }
  template <typename T>
  void UpdateMany(IR& ir, std::span<const T> inputs) const noexcept {
    AddAll(inputs, &ir.sum);
    ir.count += static_cast<int64_t>(inputs.size());
  }
  void Merge(IR& into, const IR& from) const noexcept {
    into.sum.Merge(from.sum);
    into.count += from.count;
  }
  void Remove(IR& ir, Input input) const noexcept {
    ir.sum.Remove(input);
    --ir.count;
  }
  void Remove(IR& from, const IR& part) const noexcept {
    from.sum.Subtract(part.sum);
    from.count -= part.count;
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.count == 0; }
  void Encode(const IR& ir, std::string* out) const {
    AppendVarint(out, static_cast<uint64_t>(ir.count));
    ir.sum.Encode(out);
  }
  bool Decode(ByteReader* reader, IR& ir) const {
    return DecodeCount(reader, ir.count) && ir.sum.Decode(reader);
  }
};

}  // namespace catena::aggregate
