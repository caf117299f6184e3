// SPDX-License-Identifier: Apache-2.0
// KeptValues: what a CachedStore keeps of one key, of all datasets, in two pieces of memory.
//
//     heads    (dataset, time, sequence) ascending: where its bytes are
//     bytes    of all values, in the order in which they came; what was replaced leaves a hole,
//              and the holes are closed once they are more than half
//
//   units    `held` is the caller's, 0 until it says something else
//   threads  const calls may run concurrently

#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/time.h"

namespace catena::kv {

struct KeptValue {
  static constexpr int kDatasetBits = 20;
  Timestamp time;
  uint64_t sequence = 0;
  uint64_t dataset : kDatasetBits = 0;
  uint64_t held : 64 - kDatasetBits = 0;
  uint32_t at = 0;  // In the bytes.
  uint32_t size = 0;
};

class KeptValues {
 public:
  std::span<const KeptValue> all() const { return heads_; }
  // Those that have any.
  std::vector<uint32_t> Datasets() const;
  // By time and sequence.
  std::span<const KeptValue> Of(uint32_t dataset) const {
    const auto begin = BeginOf(dataset);
    return {begin,
            std::upper_bound(begin, heads_.end(), dataset,
                             [](uint32_t of, const KeptValue& v) { return of < v.dataset; })};
  }
  std::string_view BytesOf(const KeptValue& value) const {
    return std::string_view(bytes_).substr(value.at, value.size);
  }
  // Replaces what has this place, which keeps its `held`. The answer stands until the next call.
  KeptValue& Put(uint32_t dataset, Timestamp time, uint64_t sequence, std::string_view bytes);
  bool Has(uint32_t dataset, Timestamp time, uint64_t sequence) const;
  // Of the dataset's values the first at `time` or later; null when there is none.
  const KeptValue* FirstFrom(uint32_t dataset, Timestamp time) const {
    const auto found = Find(dataset, time, 0);
    return found != heads_.end() && found->dataset == dataset ? &*found : nullptr;
  }
  // One of ours, after which its dataset has none.
  bool IsLast(const KeptValue& value) const {
    return &value == &heads_.back() || (&value)[1].dataset != value.dataset;
  }
  // Those of the dataset for which `is_gone` says so.
  template <typename IsGone>
  void Erase(uint32_t dataset, const IsGone& is_gone) {
    const size_t begin = static_cast<size_t>(BeginOf(dataset) - heads_.begin());
    const size_t end = begin + Of(dataset).size();
    const auto at = heads_.begin() + static_cast<ptrdiff_t>(end);
    const auto left = std::remove_if(heads_.begin() + static_cast<ptrdiff_t>(begin), at,
                                     [&](const KeptValue& value) {
                                       if (!is_gone(value)) return false;
                                       holes_ += value.size;
                                       return true;
                                     });
    heads_.erase(left, at);
    if (heads_.capacity() >= 2 * heads_.size()) heads_.shrink_to_fit();
    CloseHoles();
  }
  // Asks for the memory that the next call will look at.
  void Prefetch() const {
    PrefetchUpTo(heads_.data(), heads_.size() * sizeof(KeptValue));
    PrefetchUpTo(bytes_.data(), bytes_.size());
  }
  // That it takes, but for what a vector or string keeps beyond its size to grow into.
  size_t memory() const { return heads_.size() * sizeof(KeptValue) + bytes_.size(); }

 private:
  // All of the usual few values; of more the first.
  static void PrefetchUpTo(const void* memory, size_t size) {
    constexpr size_t kCacheLine = 64, kLinesMax = 4;
    const char* const begin = static_cast<const char*>(memory);
    for (size_t at = 0; at < std::min(size, kLinesMax * kCacheLine); at += kCacheLine) {
      __builtin_prefetch(begin + at);
    }
  }
  std::vector<KeptValue>::const_iterator BeginOf(uint32_t dataset) const {
    return std::lower_bound(heads_.begin(), heads_.end(), dataset,
                            [](const KeptValue& v, uint32_t of) { return v.dataset < of; });
  }
  std::vector<KeptValue>::const_iterator Find(uint32_t dataset, Timestamp time,
                                              uint64_t sequence) const;
  void CloseHoles();

  std::vector<KeptValue> heads_;
  std::string bytes_;
  size_t holes_ = 0;  // Bytes that are no value's.
};

}  // namespace catena::kv
