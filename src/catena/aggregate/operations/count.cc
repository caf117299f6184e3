// SPDX-License-Identifier: Apache-2.0
// COUNT: how many inputs are not null.
//
//   input   any scalar column
//   IR      {count}
//   output  LONG; null when the window holds no input (never 0)
//   source  Chronon Count (SimpleAggregators.scala)

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

struct Count {
  using Input = AnyValue;
  using Output = int64_t;
  struct IR {
    int64_t count = 0;
  };
  static constexpr bool kSubtractsAtOnce = true;

  void Update(IR& ir, Input) const noexcept { ++ir.count; }
  void UpdateMany(IR& ir, size_t inputs) const noexcept {
    ir.count += static_cast<int64_t>(inputs);
  }
  void Merge(IR& into, const IR& from) const noexcept { into.count += from.count; }
  void Remove(IR& ir, Input) const noexcept { --ir.count; }
  void Remove(IR& from, const IR& part) const noexcept { from.count -= part.count; }
  bool IsEmpty(const IR& ir) const noexcept { return ir.count == 0; }
  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.count == 0) return std::nullopt;
    return ir.count;
  }
  void Encode(const IR&, std::string*) const {}
  bool Decode(IrReader*, IR&) const { return true; }
  int64_t CountOf(const IR& ir) const noexcept { return ir.count; }
  bool SetCount(IR& ir, int64_t count) const noexcept {
    ir.count = count;
    return true;
  }
};

Result<KernelPtr> BindCount(const BindRequest& request) {
  const bool scalar = request.input.children.empty();
  return scalar ? MakeKernel<AnyValue>(Count{}, types::Kind::kLong) : KernelPtr();
}

}  // namespace

extern const OperationEntry kCount;
const OperationEntry kCount{"COUNT", "How many inputs are not null.", "any scalar", BindCount};

}  // namespace catena::aggregate
