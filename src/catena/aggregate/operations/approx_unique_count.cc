// SPDX-License-Identifier: Apache-2.0
// APPROX_UNIQUE_COUNT: about how many different inputs, in little memory.
//
//   input     any scalar. Integers of any width, booleans, dates and timestamps are hashed as 64
//             bits, floating numbers as doubles: -0.0 equals 0.0, NaN equals NaN. Empty text is an
//             input, but no value
//   argument  k, from 4 to 16, default 8: 2^k rows in the sketch
//   IR        a CPC sketch (coupons.h); Merge is exact, in any order
//   output    LONG, the estimate without its fraction; relative standard error 0.69 / sqrt(2^k),
//             4.3 % by default. Null when the window holds no input
//   source    Chronon ApproxDistinctCount (SimpleAggregators.scala): same hash, seed and estimator.
//             There a sketch that was never merged is estimated otherwise (HIP), so the answer
//             depends on the mode; here it is always that of a merged one

#include "catena/aggregate/operation_arguments.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/sketch/boxed.h"
#include "catena/aggregate/sketch/coupons.h"
#include "catena/aggregate/value_order.h"

namespace catena::aggregate {
namespace {

constexpr size_t kDefaultLgK = 8;

template <typename T>
struct ApproxUniqueCount {
  using Input = T;
  using Output = int64_t;
  struct IR {
    Boxed<Coupons> coupons;
  };

  uint8_t lg_k = 0;

  void Update(IR& ir, Input input) const {
    Coupons& coupons = ir.coupons.Make(lg_k);
    if constexpr (std::is_same_v<T, std::string_view>) {
      if (!input.empty()) coupons.Add(input);
    } else {
      const Input value = input == Input(0) ? Input(0) : Canonical(input);
      coupons.Add({reinterpret_cast<const char*>(&value), sizeof(value)});
    }
  }
  void Merge(IR& into, const IR& from) const {
    if (from.coupons) into.coupons.Make(lg_k).Merge(*from.coupons);
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.coupons; }
  std::optional<Output> Finalize(const IR& ir) const {
    if (!ir.coupons) return std::nullopt;
    return static_cast<int64_t>(ir.coupons->Estimate());
  }
  void Encode(const IR& ir, std::string* out) const {
    std::string sketch;
    ir.coupons->Encode(&sketch);
    AppendSized(out, sketch);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    return ir.coupons.Make(lg_k).Decode(reader->Sized());
  }
};

Result<KernelPtr> BindApproxUniqueCount(const BindRequest& request) {
  CATENA_TRY(const size_t k, ArgumentK(request, "APPROX_UNIQUE_COUNT", Coupons::kLeastLgK,
                                       kDefaultLgK, Coupons::kMostLgK));
  const auto lg_k = static_cast<uint8_t>(k);
  return ForScalar(request.input, [lg_k]<typename P>() -> KernelPtr {
    if constexpr (std::is_integral_v<P>) {
      return MakeKernel<P>(ApproxUniqueCount<int64_t>{lg_k}, types::Kind::kLong);
    } else if constexpr (std::is_floating_point_v<P>) {
      return MakeKernel<P>(ApproxUniqueCount<double>{lg_k}, types::Kind::kLong);
    } else {
      return MakeKernel<P>(ApproxUniqueCount<P>{lg_k}, types::Kind::kLong);
    }
  });
}

}  // namespace

extern const OperationEntry kApproxUniqueCount;
const OperationEntry kApproxUniqueCount{
    "APPROX_UNIQUE_COUNT",
    "About how many inputs differ.",
    "any scalar",
    BindApproxUniqueCount,
    false,
    "k, the logarithm of the sketch's size, from 4 to 16; else 8"};

}  // namespace catena::aggregate
