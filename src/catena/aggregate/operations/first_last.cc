// SPDX-License-Identifier: Apache-2.0
// FIRST, LAST: the oldest and the newest input by event time.
//
//   input   any value, a list, a map or a struct as a whole; nulls are passed over
//   IR      {time, source order, value, filled}
//   output  the type of the input; null when the window holds no input, or the value is NaN or
//           infinite (within a list or a map both stay); maps by key
//   order   among inputs of one time both keep the one of the smallest source order: the first
//           encountered
//   source  Chronon First, Last (TimedAggregators.scala)

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

template <typename T, bool kNewest>
struct Outermost {
  static constexpr bool kWhole = std::is_same_v<T, Cell>;
  using Input = T;
  using Output = std::conditional_t<kWhole, void, T>;
  struct IR {
    EventPosition position;
    StoredValue<T> value{};
    bool filled = false;
  };

  types::DataType type;

  void Update(IR& ir, Input input, EventPosition position) const noexcept {
    if (!Wins(ir, position)) return;
    ir.position = position;
    Store(input, &ir.value);
    ir.filled = true;
  }
  void Merge(IR& into, const IR& from) const noexcept {
    if (from.filled && Wins(into, from.position)) into = from;
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.filled; }
  std::optional<T> Finalize(const IR& ir) const noexcept requires(!kWhole) {
    if (!ir.filled) return std::nullopt;
    return T(ir.value);
  }
  void AppendTo(const IR& ir, types::Column* into) const requires(kWhole) {
    AppendStored<T>(ir.value, into);
  }
  void Encode(const IR& ir, Timestamp since, std::string* out) const {
    EncodePosition(ir.position.time, ir.position.order, since, out);
    EncodeValue(ir.value, out);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    ir.filled = true;
    return DecodePosition(reader, ir.position.time, ir.position.order) &&
           DecodeStored<T>(reader, type, &ir.value);
  }

 private:
  static bool Wins(const IR& ir, EventPosition position) noexcept {
    if (!ir.filled) return true;
    if (position.time == ir.position.time) return position.order < ir.position.order;
    return kNewest ? position.time > ir.position.time : position.time < ir.position.time;
  }
};

template <bool kNewest>
Result<KernelPtr> BindOutermost(const BindRequest& request) {
  return ForWhole(request.input, [&]<typename P>() -> KernelPtr {
    return MakeKernel<P>(Outermost<P, kNewest>{request.input}, request.input);
  });
}

}  // namespace

extern const OperationEntry kFirst;
extern const OperationEntry kLast;
const OperationEntry kFirst{"FIRST", "The oldest input.", kAnyWhole, BindOutermost<false>, true};
const OperationEntry kLast{"LAST", "The newest input.", kAnyWhole, BindOutermost<true>, true};

}  // namespace catena::aggregate
