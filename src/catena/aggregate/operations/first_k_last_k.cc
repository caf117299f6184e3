// SPDX-License-Identifier: Apache-2.0
// FIRST_K, LAST_K: the k oldest and the k newest inputs by event time.
//
//   input     any value, a list, a map or a struct as a whole; nulls are passed over
//   argument  k, from 1 to 10,000
//   IR        up to k {time, source order, value}, in the order of the output
//   output    LIST of the input type: oldest first, newest first; shorter when the window holds
//             fewer; NaN and infinities stay; null when the window holds no input
//   order     among inputs of one time the smaller source order comes first, so that k = 1 is FIRST
//             and LAST
//   source    Chronon FirstK, LastK (TimedAggregators.scala)

#include <algorithm>

#include "catena/aggregate/operation_arguments.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

template <typename T, bool kNewest>
struct OutermostK {
  using Input = T;
  using Output = void;
  struct Element {
    EventPosition position;
    StoredValue<T> value{};
  };
  struct IR {
    std::vector<Element> elements;
  };

  types::DataType type;
  size_t k = 1;

  void Update(IR& ir, Input input, EventPosition position) const {
    auto& elements = ir.elements;
    if (elements.size() == k && !Before(position, elements.back().position)) return;
    const auto at =
        std::upper_bound(elements.begin(), elements.end(), position,
                         [](EventPosition a, const Element& b) { return Before(a, b.position); });
    Store(input, &elements.insert(at, Element{position})->value);
    if (elements.size() > k) elements.pop_back();
  }
  void Merge(IR& into, const IR& from) const {
    if (from.elements.empty()) return;
    std::vector<Element> merged;
    merged.reserve(std::min(k, into.elements.size() + from.elements.size()));
    auto a = into.elements.begin();
    auto b = from.elements.begin();
    while (merged.size() < k && (a != into.elements.end() || b != from.elements.end())) {
      const bool take_b = a == into.elements.end() ||
                          (b != from.elements.end() && Before(b->position, a->position));
      merged.push_back(take_b ? *b++ : std::move(*a++));
    }
    into.elements = std::move(merged);
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.elements.empty(); }
  void AppendTo(const IR& ir, types::Column* into) const {
    types::Column* values = into->mutable_child(0);
    for (const Element& element : ir.elements) AppendStored<T>(element.value, values);
    into->CloseRow();
  }
  void Encode(const IR& ir, Timestamp since, std::string* out) const {
    AppendVarint(out, ir.elements.size());
    for (const Element& element : ir.elements) {
      EncodePosition(element.position.time, element.position.order, since, out);
      EncodeValue(element.value, out);
    }
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const uint64_t count = reader->Varint();
    if (!reader->ok() || count > k) return false;
    for (uint64_t i = 0; i < count; ++i) {
      Element element;
      if (!DecodePosition(reader, element.position.time, element.position.order) ||
          !DecodeStored<T>(reader, type, &element.value)) {
        return false;
      }
      if (i > 0 && Before(element.position, ir.elements.back().position)) return false;
      ir.elements.push_back(std::move(element));
    }
    return true;
  }

 private:
  static bool Before(EventPosition a, EventPosition b) noexcept {
    if (a.time != b.time) return kNewest ? a.time > b.time : a.time < b.time;
    return a.order < b.order;
  }
};

template <bool kNewest>
Result<KernelPtr> BindOutermostK(const BindRequest& request) {
  CATENA_TRY(const size_t k, ArgumentK(request, "FIRST_K and LAST_K", 1));
  return ForWhole(request.input, [&]<typename P>() -> KernelPtr {
    return MakeKernel<P>(OutermostK<P, kNewest>{request.input, k},
                         types::DataType::List(request.input));
  });
}

}  // namespace

extern const OperationEntry kFirstK;
extern const OperationEntry kLastK;
const OperationEntry kFirstK{"FIRST_K", "The k oldest inputs, oldest first.",
                             kAnyWhole, BindOutermostK<false>,
                             true,      kArgumentK};
const OperationEntry kLastK{"LAST_K",  "The k newest inputs, newest first.",
                            kAnyWhole, BindOutermostK<true>,
                            true,      kArgumentK};

}  // namespace catena::aggregate
