// SPDX-License-Identifier: Apache-2.0
// FrequentItems: the state of a frequent items sketch: counters of the items that came most often.
//
// It counts every item while they fit. When one too many comes, the median count is taken off
// every counter, those that are left with nothing are dropped, and the median is added to `offset`:
//
//     count <= true count <= count + offset
//
// for every item, 0 for one that is not there. A purge takes its median off at least half of
// capacity + 1 counters, so offset <= weight / ceil((capacity + 1) / 2), whatever was merged.
//
//   input    items, each with how often; NaN equals NaN, -0.0 and 0.0 differ
//   order    a Merge commutes; which counters a purge drops depends on the order of updates and
//            merges. The state follows from that order alone, also when it was stored in between
//   format   a frequent items sketch of Apache DataSketches (ItemsSketch), items ascending;
//            canonical. One without counters but with weight is written whole
//   errors   Decode answers false to what is no such sketch of this capacity; bytes are not trusted
//   source   Anderson et al., "A High-Performance Algorithm for Identifying Frequent Items in Data
//            Streams" (2017). Written here because the library's iterates in the order of a hash

#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "catena/aggregate/stored/stored_value.h"
#include "catena/aggregate/value_order.h"

namespace catena::aggregate {

// T is int64_t, double or std::string_view.
template <typename T>
class FrequentItems {
 public:
  using Item = StoredValue<T>;
  struct Less {
    using is_transparent = void;
    bool operator()(const T& a, const T& b) const { return ValueLess<T>(a, b); }
  };
  using Counts = std::map<Item, int64_t, Less>;

  // A sketch has 2^lg_size places, three quarters of which are filled.
  static constexpr int kLeastLgSize = 3;
  static constexpr size_t Capacity(int lg_size) { return (size_t{3} << lg_size) / 4; }

  explicit FrequentItems(int lg_size) : lg_size_(lg_size) {}

  const Counts& counts() const { return counts_; }
  int64_t offset() const { return offset_; }
  int64_t weight() const { return weight_; }

  void Add(const T& item) {
    Add(item, 1);
    ++weight_;
    Purge();
  }
  void Merge(const FrequentItems& other) {
    for (const auto& [item, count] : other.counts_) Add(item, count);
    offset_ += other.offset_;
    weight_ += other.weight_;
    Purge();
  }

  void Encode(std::string* out) const {
    int lg_now = kLeastLgSize;
    while (counts_.size() > Capacity(lg_now)) ++lg_now;
    const char preamble[] = {kLongs,
                             kSerialVersion,
                             kFamily,
                             static_cast<char>(lg_size_),
                             static_cast<char>(lg_now),
                             0,
                             0,
                             0};
    out->append(preamble, sizeof(preamble));
    AppendFixed64(out, counts_.size());
    AppendFixed64(out, static_cast<uint64_t>(weight_));
    AppendFixed64(out, static_cast<uint64_t>(offset_));
    for (const auto& [item, count] : counts_) AppendFixed64(out, static_cast<uint64_t>(count));
    for (const auto& [item, count] : counts_) {
      if constexpr (std::is_same_v<T, std::string_view>) {
        const auto size = static_cast<uint32_t>(item.size());
        char bytes[sizeof(size)];
        std::memcpy(bytes, &size, sizeof(size));
        out->append(bytes, sizeof(size));
        out->append(item);
      } else {
        AppendFixed64(out, std::bit_cast<uint64_t>(item));
      }
    }
  }
  bool Decode(std::string_view bytes) {
    *this = FrequentItems(lg_size_);
    FrequentItems read(lg_size_);
    ByteReader reader(bytes);
    reader.Take(8);  // The preamble: compared when all is known.
    const uint64_t size = reader.Fixed64();
    read.weight_ = static_cast<int64_t>(reader.Fixed64());
    read.offset_ = static_cast<int64_t>(reader.Fixed64());
    if (!reader.ok() || size > Capacity(lg_size_) || size > reader.remaining() / 8) return false;
    std::vector<int64_t> counts(size);
    for (int64_t& count : counts) count = static_cast<int64_t>(reader.Fixed64());
    // So no sum below overflows, and a purge keeps all of this true.
    int64_t left = read.weight_;
    if (left < 1 || left > kInputsMax || read.offset_ < 0 || read.offset_ > left) return false;
    left -= read.offset_;
    for (const int64_t count : counts) {
      Item item = ReadItem(&reader);
      const bool ascends = read.counts_.empty() || ValueLess<T>(read.counts_.rbegin()->first, item);
      if (!reader.ok() || !ascends || !IsCanonical<T>(item) || count < 1 || count > left) {
        return false;
      }
      left -= count;
      read.counts_.emplace_hint(read.counts_.end(), std::move(item), count);
    }
    std::string written;
    read.Encode(&written);
    if (written != bytes) return false;
    *this = std::move(read);
    return true;
  }

 private:
  static constexpr char kLongs = 4;  // Of what precedes the counts.
  static constexpr char kSerialVersion = 1;
  static constexpr char kFamily = 10;

  static Item ReadItem(ByteReader* reader) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      uint32_t size = 0;
      const std::string_view bytes = reader->Take(sizeof(size));
      if (bytes.size() == sizeof(size)) std::memcpy(&size, bytes.data(), sizeof(size));
      return Item(reader->Take(size));
    } else {
      return std::bit_cast<Item>(reader->Fixed64());
    }
  }
  void Add(const T& item, int64_t count) {
    auto at = counts_.lower_bound(item);
    if (at == counts_.end() || ValueLess<T>(item, at->first)) {
      at = counts_.emplace_hint(at, Item(Canonical<T>(item)), 0);
    }
    at->second += count;
  }
  void Purge() {
    while (counts_.size() > Capacity(lg_size_)) {
      std::vector<int64_t> counts;
      counts.reserve(counts_.size());
      for (const auto& [item, count] : counts_) counts.push_back(count);
      const auto median = counts.begin() + static_cast<ptrdiff_t>(counts.size() / 2);
      std::nth_element(counts.begin(), median, counts.end());
      offset_ += *median;
      std::erase_if(counts_, [&](const auto& entry) { return entry.second <= *median; });
      for (auto& [item, count] : counts_) count -= *median;
    }
  }

  int lg_size_;
  Counts counts_;
  int64_t offset_ = 0;
  int64_t weight_ = 0;  // How often any item came.
};

}  // namespace catena::aggregate
