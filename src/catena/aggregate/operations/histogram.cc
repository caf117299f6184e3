// SPDX-License-Identifier: Apache-2.0
// HISTOGRAM: how often each text occurs.
//
//   input     STRING
//   argument  k, from 0 to 10,000: how many texts the output keeps; 0, which is the default, keeps
//             all. The IR keeps all, so the counts are exact
//   IR        {text: count}
//   output    MAP<STRING, INT>, by text; of more than k texts the most frequent, of equally
//             frequent ones the smaller by bytes. A count above 2^31 - 1 shows as that. Null when
//             the window holds no input
//   source    Chronon Histogram (SimpleAggregators.scala); there ties at k fall as hashes do

#include <algorithm>
#include <map>

#include "catena/aggregate/operation_arguments.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

struct Histogram {
  using Input = std::string_view;
  using Output = void;
  using Counts = std::map<std::string, int64_t, std::less<>>;
  struct IR {
    Counts counts;
  };

  size_t k = 0;

  void Update(IR& ir, Input input) const { Add(ir, input, 1); }
  void Remove(IR& ir, Input input) const { Add(ir, input, -1); }
  void Merge(IR& into, const IR& from) const {
    for (const auto& [text, count] : from.counts) Add(into, text, count);
  }
  void Remove(IR& from, const IR& part) const {
    for (const auto& [text, count] : part.counts) Add(from, text, -count);
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.counts.empty(); }
  void AppendTo(const IR& ir, types::Column* into) const {
    const auto append = [into](const std::string& text, int64_t count) {
      constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
      into->mutable_child(0)->AppendText(text);
      into->mutable_child(1)->Append<int32_t>(static_cast<int32_t>(std::min(count, kMost)));
    };
    if (k == 0 || ir.counts.size() <= k) {
      for (const auto& [text, count] : ir.counts) append(text, count);
    } else {
      for (const Counts::value_type* entry : MostFrequent(ir)) append(entry->first, entry->second);
    }
    into->CloseRow();
  }
  void Encode(const IR& ir, std::string* out) const {
    AppendVarint(out, ir.counts.size());
    for (const auto& [text, count] : ir.counts) {
      AppendSized(out, text);
      AppendVarint(out, static_cast<uint64_t>(count));
    }
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const uint64_t size = reader->Varint();
    if (!reader->ok() || size > reader->remaining()) return false;
    for (uint64_t i = 0; i < size; ++i) {
      const std::string_view text = reader->Sized();
      int64_t count = 0;
      if (!DecodeCount(reader, count) || !reader->ok()) return false;
      if (i > 0 && text <= ir.counts.rbegin()->first) return false;
      ir.counts.emplace_hint(ir.counts.end(), text, count);
    }
    return true;
  }

 private:
  static void Add(IR& ir, std::string_view text, int64_t count) {
    auto at = ir.counts.lower_bound(text);
    if (at == ir.counts.end() || at->first != text) {
      at = ir.counts.emplace_hint(at, std::string(text), 0);
    }
    at->second += count;
    if (at->second == 0) ir.counts.erase(at);
  }
  // The k that stay, by text.
  std::vector<const Counts::value_type*> MostFrequent(const IR& ir) const {
    std::vector<const Counts::value_type*> entries;
    for (const auto& entry : ir.counts) entries.push_back(&entry);
    const auto end = entries.begin() + static_cast<ptrdiff_t>(k);
    std::nth_element(entries.begin(), end, entries.end(), [](const auto* a, const auto* b) {
      return a->second != b->second ? a->second > b->second : a->first < b->first;
    });
    entries.erase(end, entries.end());
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    return entries;
  }
};

Result<KernelPtr> BindHistogram(const BindRequest& request) {
  CATENA_TRY(const size_t k, ArgumentK(request, "HISTOGRAM", 0, 0));
  if (request.input.kind != types::Kind::kString) return KernelPtr();
  return MakeKernel<std::string_view>(
      Histogram{k}, types::DataType::Map(types::Kind::kString, types::Kind::kInt));
}

}  // namespace

extern const OperationEntry kHistogram;
const OperationEntry kHistogram{"HISTOGRAM", "How often each text occurs.",
                                "STRING",    BindHistogram,
                                false,       "k, from 0 to 10,000; else 0, all"};

}  // namespace catena::aggregate
