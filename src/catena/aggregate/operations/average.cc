// SPDX-License-Identifier: Apache-2.0
// AVERAGE: arithmetic mean of the inputs of one key within one window.
//
//   input   BYTE, SHORT, INT, LONG, FLOAT, DOUBLE
//   argument  sum: exact (the default) or plain (plain_sum_fold.h: faster, with an error bound)
//   IR      {sum, count}; both sums are exact, so that no order of additions shows in the result
//   output  DOUBLE, in the unit of the input: the correctly rounded sum divided by the count; null
//           when the window holds no input, NaN or an infinity
//   source  Chronon Average (SimpleAggregators.scala), which adds doubles and may differ in the
//           last digits

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/operations/counted_sum.h"
#include "catena/aggregate/operations/exact_sum_fold.h"
#include "catena/aggregate/operations/plain_sum_fold.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

struct IntegerAverage : CountedSum<int64_t, __int128> {  // 2^63 inputs of 2^63 fit.
  using Output = double;

  template <typename T>
  void UpdateMany(IR& ir, std::span<const T> inputs) const noexcept {
    ir.sum += WideSum(inputs);
    ir.count += static_cast<int64_t>(inputs.size());
  }
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count == 0) return std::nullopt;
    return static_cast<double>(ir.sum) / static_cast<double>(ir.count);
  }
  void Encode(const IR& ir, std::string* out) const {
    // Almost every sum fits 64 bits; the zigzag of the high half says so in one byte.
    const auto low = static_cast<int64_t>(ir.sum);
    AppendZigzag(out, low);
    AppendZigzag(out, static_cast<int64_t>(ir.sum >> 64) - (low >> 63));
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const int64_t low = reader->Zigzag();
    const int64_t high = reader->Zigzag();
    // Beyond the sum of `count` inputs lies nothing that Encode would write.
    if (high > kInputsMax || high < -kInputsMax) return false;
    ir.sum = static_cast<__int128>(high) * (__int128{1} << 64) + low;
    return true;
  }
  bool SetCount(IR& ir, int64_t count) const noexcept {
    ir.count = count;
    const __int128 largest = (__int128{1} << 63) * ir.count;
    return ir.sum <= largest && ir.sum >= -largest;
  }
};

struct DoubleAverage : ExactSumFold {
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count() == 0) return std::nullopt;
    return ir.Round() / static_cast<double>(ir.count());
  }
};

struct PlainAverage : PlainSumFold {
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count == 0) return std::nullopt;
    return ir.sum / static_cast<double>(ir.count);
  }
};

Result<KernelPtr> BindAverage(const BindRequest& request) {
  CATENA_TRY(const bool plain, AsksForPlainSum(request));
  return ForNumber(request.input, [plain]<typename P>() -> KernelPtr {
    if constexpr (std::is_floating_point_v<P>) {
      if (plain) return MakeKernel<P>(PlainAverage{}, types::Kind::kDouble);
      return MakeKernel<P>(DoubleAverage{}, types::Kind::kDouble);
    } else {
      return MakeKernel<P>(IntegerAverage{}, types::Kind::kDouble);
    }
  });
}

}  // namespace

extern const OperationEntry kAverage;
const OperationEntry kAverage{"AVERAGE", "Arithmetic mean of the inputs.", "numbers", BindAverage};

}  // namespace catena::aggregate
