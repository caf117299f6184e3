// SPDX-License-Identifier: Apache-2.0
// AskedLately: from when on values were asked for lately, by dataset: what lies before it is kept
// for nobody.
//
//     round of the sweep   | 11:55 12:00 |        | Turn | 12:00 |     From: 11:55
//
// A busy key never goes unused, while of its rows all but the newest do.
//
//   lately   since the round before the last Turn began; before there was one, always
//   threads  every call may run concurrently with every other

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "catena/base/time.h"
#include "catena/kv/cache/coverage.h"

namespace catena::kv {

class AskedLately {
 public:
  AskedLately() {
    for (auto& before : before_) before = Timestamp::min();
    for (auto& now : now_) now = Timestamp::max();
  }

  // Values of `from` or later are asked for.
  void Note(uint32_t dataset, Timestamp from) {
    if (dataset >= kDatasets) return;
    std::atomic<Timestamp>& now = now_[dataset];
    Timestamp earliest = now.load(std::memory_order_relaxed);
    while (from < earliest &&
           !now.compare_exchange_weak(earliest, from, std::memory_order_relaxed)) {
    }
  }
  // Timestamp::min() where nobody asked, or datasets are too many to be told apart.
  Timestamp From(uint32_t dataset) const {
    if (dataset >= kDatasets) return Timestamp::min();
    const Timestamp from = std::min(before_[dataset].load(std::memory_order_relaxed),
                                    now_[dataset].load(std::memory_order_relaxed));
    return from == Timestamp::max() ? Timestamp::min() : from;
  }
  void Turn() {
    for (uint32_t i = 0; i < kDatasets; ++i) before_[i] = now_[i].exchange(Timestamp::max());
  }

 private:
  static constexpr uint32_t kDatasets = Coverage::kBits;
  using Times = std::array<std::atomic<Timestamp>, kDatasets>;  // Timestamp::max(): none.
  Times before_;                                                // Of the round before.
  Times now_;
};

}  // namespace catena::kv
