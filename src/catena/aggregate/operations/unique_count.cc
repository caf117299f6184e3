// SPDX-License-Identifier: Apache-2.0
// UNIQUE_COUNT: how many different inputs, exactly.
//
//   input   any scalar; -0.0 and 0.0 differ, NaN equals NaN
//   IR      every different value: sorted ones and, behind them, the newest unsorted, which are
//           sorted in when they are a quarter as many
//   output  LONG; null when the window holds no input (never 0)
//   source  Chronon UniqueCount (SimpleAggregators.scala)

#include <algorithm>

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"
#include "catena/aggregate/value_order.h"

namespace catena::aggregate {
namespace {

template <typename T>
struct UniqueCount {
  using Input = T;
  using Output = int64_t;
  struct IR {
    std::vector<StoredValue<T>> values;
    size_t sorted = 0;  // So many are sorted and different; the rest may repeat each other.
  };

  void Update(IR& ir, Input input) const {
    if (IsSorted(ir, input)) return;
    ir.values.push_back(StoredValue<T>(Canonical(input)));
    constexpr size_t kFewest = 16;
    if (ir.values.size() - ir.sorted > std::max(kFewest, ir.sorted / 4)) Sort(ir);
  }
  void Merge(IR& into, const IR& from) const {
    if (from.values.empty()) return;
    if (into.values.empty()) {
      into = from;
      return;
    }
    if (into.sorted != into.values.size()) Sort(into);
    into.values.insert(into.values.end(), from.values.begin(), from.values.end());
    // What is sorted there is merged; what is not comes last.
    const auto middle = into.values.begin() + static_cast<ptrdiff_t>(into.sorted);
    const auto end = middle + static_cast<ptrdiff_t>(from.sorted);
    std::inplace_merge(into.values.begin(), middle, end, ValueLess<Input>);
    into.sorted += from.sorted;
    Sort(into);
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.values.empty(); }
  std::optional<Output> Finalize(const IR& ir) const {
    if (ir.values.empty()) return std::nullopt;
    if (ir.sorted == ir.values.size()) return static_cast<int64_t>(ir.sorted);
    std::vector<Input> tail(ir.values.begin() + static_cast<ptrdiff_t>(ir.sorted), ir.values.end());
    std::sort(tail.begin(), tail.end(), ValueLess<Input>);
    const auto end = std::unique(tail.begin(), tail.end(), Same);
    return static_cast<int64_t>(ir.sorted) + (end - tail.begin());
  }
  void Encode(const IR& ir, std::string* out) const {
    IR all = ir;
    Sort(all);
    AppendVarint(out, all.values.size());
    for (const StoredValue<T>& value : all.values) EncodeValue(value, out);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const uint64_t count = reader->Varint();
    // Every value takes a byte at least.
    if (!reader->ok() || count > reader->remaining()) return false;
    for (uint64_t i = 0; i < count; ++i) {
      StoredValue<T> value{};
      if (!DecodeValue(reader, value) || !IsCanonical(value)) return false;
      if (i > 0 && !ValueLess<Input>(ir.values.back(), value)) return false;
      ir.values.push_back(std::move(value));
    }
    ir.sorted = ir.values.size();
    return true;
  }

 private:
  // Whether the input is one of the sorted values. Halves without a branch, which would be guessed
  // wrong every other time.
  static bool IsSorted(const IR& ir, const Input& input) noexcept {
    if (ir.sorted == 0) return false;
    const StoredValue<T>* least = ir.values.data();
    for (size_t left = ir.sorted; left > 1;) {
      const size_t half = left / 2;
      least += ValueLess<Input>(input, least[half]) ? 0 : half;
      left -= half;
    }
    return Same(*least, input);
  }
  static bool Same(const Input& a, const Input& b) noexcept {
    return !ValueLess<Input>(a, b) && !ValueLess<Input>(b, a);
  }
  static void Sort(IR& ir) {
    auto& values = ir.values;
    const auto middle = values.begin() + static_cast<ptrdiff_t>(ir.sorted);
    std::sort(middle, values.end(), ValueLess<Input>);
    std::inplace_merge(values.begin(), middle, values.end(), ValueLess<Input>);
    values.erase(std::unique(values.begin(), values.end(), Same), values.end());
    ir.sorted = values.size();
  }
};

Result<KernelPtr> BindUniqueCount(const BindRequest& request) {
  return ForScalar(request.input, []<typename P>() -> KernelPtr {
    return MakeKernel<P>(UniqueCount<P>{}, types::Kind::kLong);
  });
}

}  // namespace

extern const OperationEntry kUniqueCount;
const OperationEntry kUniqueCount{"UNIQUE_COUNT", "How many inputs differ.", "any scalar",
                                  BindUniqueCount};

}  // namespace catena::aggregate
