// SPDX-License-Identifier: Apache-2.0
// Coverage: from when on a CachedStore keeps every value of one key, by dataset.
//
// Mostly it is all or nothing, and there are few datasets: that is one word, beside the key.
//
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <vector>

#include "catena/base/time.h"

namespace catena::kv {

class Coverage {
 public:
  static constexpr uint32_t kBits = 64;  // Datasets that are told apart by one.

  // Timestamp::max() where nothing is known.
  Timestamp From(uint32_t dataset) const {
    if (dataset < kBits && (whole_ >> dataset & 1) != 0) return Timestamp::min();
    for (const Part& part : parts_) {
      if (part.dataset == dataset) return part.from;
    }
    return Timestamp::max();
  }
  void Set(uint32_t dataset, Timestamp from) {
    if (dataset < kBits) whole_ &= ~(uint64_t{1} << dataset);
    std::erase_if(parts_, [dataset](const Part& part) { return part.dataset == dataset; });
    if (from == Timestamp::min() && dataset < kBits) {
      whole_ |= uint64_t{1} << dataset;
    } else if (from != Timestamp::max()) {
      parts_.push_back({dataset, from});
    }
  }
  // All that there ever was, of datasets by number.
  void SetWhole(uint64_t datasets) { whole_ |= datasets; }
  size_t memory() const { return parts_.size() * sizeof(Part); }

 private:
  struct Part {
    uint32_t dataset = 0;
    Timestamp from;
  };
  uint64_t whole_ = 0;  // By dataset: all that there ever was.
  std::vector<Part> parts_;
};

}  // namespace catena::kv
