// SPDX-License-Identifier: Apache-2.0
// SUM: the inputs added up.
//
//   input   BOOLEAN (true is 1), BYTE, SHORT, INT, LONG: wraps around as Chronon's does;
//           FLOAT, DOUBLE: exact, so that no order of additions shows in the result
//   argument  sum: exact (the default) or plain (plain_sum_fold.h: faster, with an error bound)
//   IR      {sum, count}; the count tells a sum of zero from no input
//   output  LONG of integers, DOUBLE of the others, in the unit of the input; null when the window
//           holds no input, NaN or an infinity
//   source  Chronon Sum (SimpleAggregators.scala), semantics.md on overflow

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/operations/counted_sum.h"
#include "catena/aggregate/operations/exact_sum_fold.h"
#include "catena/aggregate/operations/plain_sum_fold.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

struct IntegerSum : CountedSum<int64_t, uint64_t> {
  using Output = int64_t;

  template <typename T>
  void UpdateMany(IR& ir, std::span<const T> inputs) const noexcept {
    ir.sum += WrappedSum(inputs);
    ir.count += static_cast<int64_t>(inputs.size());
  }
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count == 0) return std::nullopt;
    return static_cast<int64_t>(ir.sum);
  }
  void Encode(const IR& ir, std::string* out) const {
    AppendZigzag(out, static_cast<int64_t>(ir.sum));
  }
  bool Decode(IrReader* reader, IR& ir) const {
    ir.sum = static_cast<uint64_t>(reader->Zigzag());
    return true;
  }
};

struct DoubleSum : ExactSumFold {
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count() == 0) return std::nullopt;
    return ir.Round();
  }
};

struct PlainSum : PlainSumFold {
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count == 0) return std::nullopt;
    return ir.sum;
  }
};

Result<KernelPtr> BindSum(const BindRequest& request) {
  CATENA_TRY(const bool plain, AsksForPlainSum(request));
  if (request.input.kind == types::Kind::kBool) {
    return MakeKernel<int8_t>(IntegerSum{}, types::Kind::kLong);
  }
  return ForNumber(request.input, [plain]<typename P>() -> KernelPtr {
    if constexpr (std::is_floating_point_v<P>) {
      if (plain) return MakeKernel<P>(PlainSum{}, types::Kind::kDouble);
      return MakeKernel<P>(DoubleSum{}, types::Kind::kDouble);
    } else {
      return MakeKernel<P>(IntegerSum{}, types::Kind::kLong);
    }
  });
}

}  // namespace

extern const OperationEntry kSum;
const OperationEntry kSum{"SUM", "The inputs added up.", "numbers and BOOLEAN", BindSum};

}  // namespace catena::aggregate
