// SPDX-License-Identifier: Apache-2.0
// PlainSumFold: {sum, count} in doubles: what SUM and AVERAGE of floating numbers keep with the
// argument sum = plain, a third of the size of an exact sum and as fast as a loop of additions.
//
//   input   double, FLOAT widened
//   bound   the sum of n inputs, folded and merged in any order, differs from the exact one by at
//           most (n - 1) * 2^-53 / (1 - n * 2^-53) times the sum of their magnitudes, as long as
//           no partial sum overflows
//   order   shows in the last digits: batch and stream may differ within the bound; so nothing can
//           be removed
//   errors  Decode answers false for bytes that Encode would not write
//   source  Higham, "Accuracy and Stability of Numerical Algorithms" (2002), 4.2

#pragma once

#include "catena/aggregate/dense_fold.h"
#include "catena/aggregate/operation.h"
#include "catena/aggregate/operations/counted_sum.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {

struct PlainSumFold : CountedSum<double, double> {
  using Output = double;
  static constexpr bool kOrderShows = true;

  template <typename T>
  void UpdateMany(IR& ir, std::span<const T> inputs) const noexcept {
    ir.sum += PlainSum(inputs);
    ir.count += static_cast<int64_t>(inputs.size());
  }
  void Encode(const IR& ir, std::string* out) const { AppendDouble(out, ir.sum); }
  bool Decode(IrReader* reader, IR& ir) const {
    ir.sum = reader->Double();
    return reader->ok();
  }
};

// The argument sum of SUM and AVERAGE: exact, which is the default, or plain.
inline Result<bool> AsksForPlainSum(const BindRequest& request) {
  const auto argument = request.arguments->find("sum");
  if (argument == request.arguments->end() || argument->second == "exact") return false;
  if (argument->second == "plain") return true;
  return InvalidConf("argument sum of SUM and AVERAGE must be exact or plain: " + argument->second);
}

}  // namespace catena::aggregate
