// SPDX-License-Identifier: Apache-2.0
// TOP_K, BOTTOM_K, UNIQUE_TOP_K, BOUNDED_UNIQUE_COUNT: the k largest or smallest inputs.
//
//   input     any scalar; text is compared byte by byte, false < true, -0.0 < 0.0, NaN is the
//             largest and equals NaN
//   argument  k, from 1 to 10,000; BOUNDED_UNIQUE_COUNT takes 8 when none is given
//   IR        up to k values, in the order of the output
//   output    TOP_K: LIST of the input type, largest first; BOTTOM_K: smallest first; both keep
//             duplicates. UNIQUE_TOP_K: each value once. NaN and infinities stay. Shorter when the
//             window holds fewer. BOUNDED_UNIQUE_COUNT: LONG, how many different values, but at
//             most k: it keeps the k smallest, so that no order of inputs or merges shows. Null
//             when the window holds no input
//   source    Chronon TopK, BottomK, BoundedUniqueCount (SimpleAggregators.scala); there NaN comes
//             where the heap happens to put it

#include <algorithm>

#include "catena/aggregate/operation_arguments.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"
#include "catena/aggregate/value_order.h"

namespace catena::aggregate {
namespace {

template <typename T, bool kLargest, bool kUnique>
struct ExtremeK {
  using Input = T;
  using Output = void;
  struct IR {
    std::vector<StoredValue<T>> values;
  };

  size_t k = 1;

  void Update(IR& ir, Input input) const {
    auto& values = ir.values;
    if (values.size() == k && !Before(input, values.back())) return;
    const auto at =
        std::upper_bound(values.begin(), values.end(), input,
                         [](const Input& a, const StoredValue<T>& b) { return Before(a, b); });
    if (kUnique && at != values.begin() && !Before(*std::prev(at), input)) return;
    values.insert(at, StoredValue<T>(Canonical(input)));
    if (values.size() > k) values.pop_back();
  }
  void Merge(IR& into, const IR& from) const {
    if (from.values.empty()) return;
    std::vector<StoredValue<T>> merged;
    merged.reserve(std::min(k, into.values.size() + from.values.size()));
    auto a = into.values.begin();
    auto b = from.values.begin();
    while (merged.size() < k && (a != into.values.end() || b != from.values.end())) {
      const bool take_b = a == into.values.end() || (b != from.values.end() && Before(*b, *a));
      if (kUnique && !take_b && b != from.values.end() && !Before(*a, *b)) ++b;
      merged.push_back(take_b ? *b++ : std::move(*a++));
    }
    into.values = std::move(merged);
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.values.empty(); }
  void AppendTo(const IR& ir, types::Column* into) const {
    for (const StoredValue<T>& value : ir.values) AppendStored<T>(value, into->mutable_child(0));
    into->CloseRow();
  }
  void Encode(const IR& ir, std::string* out) const {
    AppendVarint(out, ir.values.size());
    for (const StoredValue<T>& value : ir.values) EncodeValue(value, out);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const uint64_t count = reader->Varint();
    if (!reader->ok() || count > k) return false;
    for (uint64_t i = 0; i < count; ++i) {
      StoredValue<T> value{};
      if (!DecodeValue(reader, value) || !IsCanonical(value)) return false;
      if (i > 0 && Before(value, ir.values.back())) return false;
      if (kUnique && i > 0 && !Before(ir.values.back(), value)) return false;
      ir.values.push_back(std::move(value));
    }
    return true;
  }

 private:
  static bool Before(const Input& a, const Input& b) noexcept {
    return kLargest ? ValueLess<T>(b, a) : ValueLess<T>(a, b);
  }
};

template <typename T>
struct BoundedUniqueCount : ExtremeK<T, false, true> {
  using Output = int64_t;
  using typename ExtremeK<T, false, true>::IR;

  std::optional<Output> Finalize(const IR& ir) const noexcept {
    if (ir.values.empty()) return std::nullopt;
    return static_cast<int64_t>(ir.values.size());
  }
  void AppendTo() = delete;  // A number, not the list.
};

template <bool kLargest, bool kUnique>
Result<KernelPtr> BindExtremeK(const BindRequest& request) {
  CATENA_TRY(const size_t k, ArgumentK(request, "TOP_K, BOTTOM_K and UNIQUE_TOP_K", 1));
  return ForScalar(request.input, [&]<typename P>() -> KernelPtr {
    ExtremeK<P, kLargest, kUnique> operation;
    operation.k = k;
    return MakeKernel<P>(operation, types::DataType::List(request.input));
  });
}

Result<KernelPtr> BindBoundedUniqueCount(const BindRequest& request) {
  constexpr size_t kDefault = 8;
  CATENA_TRY(const size_t k, ArgumentK(request, "BOUNDED_UNIQUE_COUNT", 1, kDefault));
  return ForScalar(request.input, [&]<typename P>() -> KernelPtr {
    BoundedUniqueCount<P> operation;
    operation.k = k;
    return MakeKernel<P>(operation, types::Kind::kLong);
  });
}

}  // namespace

extern const OperationEntry kTopK;
extern const OperationEntry kBottomK;
extern const OperationEntry kUniqueTopK;
extern const OperationEntry kBoundedUniqueCount;
const OperationEntry kTopK{"TOP_K",      "The k largest inputs, largest first.",
                           "any scalar", BindExtremeK<true, false>,
                           false,        kArgumentK};
const OperationEntry kBottomK{"BOTTOM_K",   "The k smallest inputs, smallest first.",
                              "any scalar", BindExtremeK<false, false>,
                              false,        kArgumentK};
const OperationEntry kUniqueTopK{"UNIQUE_TOP_K", "The k largest different inputs.",
                                 "any scalar",   BindExtremeK<true, true>,
                                 false,          kArgumentK};
const OperationEntry kBoundedUniqueCount{"BOUNDED_UNIQUE_COUNT",
                                         "How many inputs differ, counted up to k.",
                                         "any scalar",
                                         BindBoundedUniqueCount,
                                         false,
                                         "k, from 1 to 10,000; else 8"};

}  // namespace catena::aggregate
