// SPDX-License-Identifier: Apache-2.0
// APPROX_HISTOGRAM_K, APPROX_FREQUENT_K, APPROX_HEAVY_HITTERS_K: the inputs that come most often,
// and how often, in bounded memory.
//
//   input     integers, floating numbers (as doubles) or STRING
//   argument  k, from 1 to 10,000, default 8: how many inputs the output keeps
//   IR        a frequent items sketch (frequent_items.h) with as many counters as the smallest of
//             6, 12, 24, ... that holds k (APPROX_HISTOGRAM_K) or 2k (the other two)
//   output    MAP<STRING, LONG>, by text: the k inputs of the largest estimate, of equal ones the
//             smaller. Keys are spelled as Java's String.valueOf does (java_text.h). Exact while
//             the different inputs fit the counters; then an estimate is never below the true
//             count and above it by at most the sketch's offset, which is at most the number of
//             inputs divided by half the counters. After that APPROX_HISTOGRAM_K and
//             APPROX_HEAVY_HITTERS_K leave out what is not certainly more frequent than the
//             offset, so there may be fewer than k, or none; APPROX_FREQUENT_K keeps it. Null when
//             the window holds no input
//   source    Chronon ApproxHistogram (SimpleAggregators.scala), which holds k exactly and then
//             switches to a sketch that may be smaller; Zipline FrequentItems

#include <algorithm>

#include "catena/aggregate/java_text.h"
#include "catena/aggregate/operation_arguments.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/sketch/boxed.h"
#include "catena/aggregate/sketch/frequent_items.h"

namespace catena::aggregate {
namespace {

template <typename T>
struct MostFrequent {
  using Input = T;
  using Output = void;
  static constexpr bool kOrderShows = true;
  struct IR {
    Boxed<FrequentItems<T>> items;
  };

  size_t k = 0;
  int lg_size = 0;
  bool certain = false;  // Leaves out what may be rarer than the offset.

  void Update(IR& ir, Input input) const { ir.items.Make(lg_size).Add(input); }
  void Merge(IR& into, const IR& from) const {
    if (from.items) into.items.Make(lg_size).Merge(*from.items);
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.items; }
  void AppendTo(const IR& ir, types::Column* into) const {
    using Entry = typename FrequentItems<T>::Counts::value_type;
    std::vector<const Entry*> entries;
    for (const Entry& entry : ir.items->counts()) {
      if (!certain || entry.second >= ir.items->offset()) entries.push_back(&entry);
    }
    // Stable: of equally frequent ones the smaller item comes first.
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry* a, const Entry* b) { return a->second > b->second; });
    entries.resize(std::min(entries.size(), k));
    std::vector<std::pair<std::string, int64_t>> texts;
    texts.reserve(entries.size());
    for (const Entry* entry : entries) {
      texts.emplace_back(TextOf(entry->first), entry->second + ir.items->offset());
    }
    std::sort(texts.begin(), texts.end());
    for (const auto& [text, count] : texts) {
      into->mutable_child(0)->AppendText(text);
      into->mutable_child(1)->template Append<int64_t>(count);
    }
    into->CloseRow();
  }
  void Encode(const IR& ir, std::string* out) const {
    std::string sketch;
    ir.items->Encode(&sketch);
    AppendSized(out, sketch);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    return ir.items.Make(lg_size).Decode(reader->Sized());
  }

 private:
  static std::string TextOf(const StoredValue<T>& item) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      return item;
    } else {
      return JavaText(item);
    }
  }
};

constexpr size_t kDefaultK = 8;

// `kSpare`: how many counters there are at least for each input of the output.
template <size_t kSpare, bool kCertain>
Result<KernelPtr> BindMostFrequent(const BindRequest& request) {
  CATENA_TRY(const size_t k,
             ArgumentK(request, "APPROX_HISTOGRAM_K, APPROX_FREQUENT_K and APPROX_HEAVY_HITTERS_K",
                       1, kDefaultK));
  using Items = FrequentItems<int64_t>;
  int lg_size = Items::kLeastLgSize;
  while (Items::Capacity(lg_size) < k * kSpare) ++lg_size;
  const auto make = [&]<typename P, typename T>() {
    return MakeKernel<P>(MostFrequent<T>{k, lg_size, kCertain},
                         types::DataType::Map(types::Kind::kString, types::Kind::kLong));
  };
  if (request.input.kind == types::Kind::kString) {
    return make.template operator()<std::string_view, std::string_view>();
  }
  return ForNumber(request.input, [&]<typename P>() -> KernelPtr {
    using Wide = std::conditional_t<std::is_integral_v<P>, int64_t, double>;
    return make.template operator()<P, Wide>();
  });
}

}  // namespace

extern const OperationEntry kApproxHistogramK;
extern const OperationEntry kApproxFrequentK;
extern const OperationEntry kApproxHeavyHittersK;
const OperationEntry kApproxHistogramK{
    "APPROX_HISTOGRAM_K",
    "About how often the k most frequent inputs occur, if that is certain.",
    "numbers and STRING",
    BindMostFrequent<1, true>,
    false,
    "k, from 1 to 10,000; else 8"};
const OperationEntry kApproxFrequentK{"APPROX_FREQUENT_K",
                                      "About how often the k most frequent inputs occur.",
                                      "numbers and STRING",
                                      BindMostFrequent<2, false>,
                                      false,
                                      "k, from 1 to 10,000; else 8"};
const OperationEntry kApproxHeavyHittersK{"APPROX_HEAVY_HITTERS_K",
                                          "About how often the k inputs occur that stand out.",
                                          "numbers and STRING",
                                          BindMostFrequent<2, true>,
                                          false,
                                          "k, from 1 to 10,000; else 8"};

}  // namespace catena::aggregate
