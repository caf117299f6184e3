// SPDX-License-Identifier: Apache-2.0
// MIN, MAX: the smallest and the largest input.
//
//   input   any scalar; text is compared byte by byte, false < true, -0.0 < 0.0
//   IR      {value, filled}; one NaN makes the value NaN for good
//   output  the type of the input; null when the window holds no input or a NaN, or when an
//           infinity wins
//   source  Chronon Min, Max (SimpleAggregators.scala, which are Java's Math.min and Math.max)

#include "catena/aggregate/dense_fold.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"
#include "catena/aggregate/value_order.h"

namespace catena::aggregate {
namespace {

template <typename T, bool kMax>
struct Extremum {
  using Input = T;
  using Output = T;
  struct IR {
    StoredValue<T> value{};
    bool filled = false;
  };

  void Update(IR& ir, Input input) const noexcept {
    if (Wins(ir, input)) Take(ir, input);
  }
  void UpdateMany(IR& ir,
                  std::span<const T> inputs) const noexcept requires std::is_arithmetic_v<T> {
    Update(ir, ExtremeOf<T, kMax>(inputs));
  }
  void Merge(IR& into, const IR& from) const noexcept {
    if (from.filled && Wins(into, from.value)) Take(into, from.value);
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.filled; }
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (!ir.filled) return std::nullopt;
    return Output(ir.value);
  }
  void Encode(const IR& ir, std::string* out) const { EncodeValue(ir.value, out); }
  bool Decode(IrReader* reader, IR& ir) const {
    ir.filled = true;
    return DecodeValue(reader, ir.value) && IsCanonical(ir.value);
  }

 private:
  static bool Wins(const IR& ir, const Input& input) noexcept {
    if (!ir.filled) return true;
    if constexpr (std::is_floating_point_v<T>) {
      // Most inputs lose. These comparisons are guessed right, equal values or not.
      if ((kMax ? ir.value >= input : ir.value <= input) && input != 0) return false;
      if (std::isnan(ir.value)) return false;
      if (std::isnan(input)) return true;
    }
    return kMax ? ValueLess<Input>(ir.value, input) : ValueLess<Input>(input, ir.value);
  }
  static void Take(IR& ir, const Input& input) noexcept {
    ir.value = Canonical(input);
    ir.filled = true;
  }
};

template <bool kMax>
Result<KernelPtr> BindExtremum(const BindRequest& request) {
  return ForScalar(request.input, [&]<typename P>() -> KernelPtr {
    return MakeKernel<P>(Extremum<P, kMax>{}, request.input);
  });
}

}  // namespace

extern const OperationEntry kMin;
extern const OperationEntry kMax;
const OperationEntry kMin{"MIN", "The smallest input.", "any scalar", BindExtremum<false>};
const OperationEntry kMax{"MAX", "The largest input.", "any scalar", BindExtremum<true>};

}  // namespace catena::aggregate
