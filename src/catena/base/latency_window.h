// SPDX-License-Identifier: Apache-2.0
// LatencyWindow: quantiles and rate of what happened in the last ten seconds.
//
// Ten slots of one second; each a histogram with 16 linear steps per power of two, so a quantile
// is at most 6 % too high, never too low.
//
//   input   durations in microseconds, any size; instants from the caller's Clock
//   null    no sample in the window: quantile 0, count 0
//   threads every call may run concurrently

#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "catena/base/time.h"

namespace catena {

class LatencyWindow {
 public:
  void Add(Timestamp now, int64_t micros, uint64_t count = 1);
  // Upper bound of the `q`-quantile (0..1) in microseconds.
  int64_t Quantile(Timestamp now, double q) const;
  uint64_t Count(Timestamp now) const;
  // Samples a second over the window (or since the first sample, when that is shorter).
  double Rate(Timestamp now) const;

 private:
  static constexpr size_t kSlots = 10;
  static constexpr size_t kBuckets = 16 * 48;
  struct Slot {
    int64_t second = INT64_MIN;
    std::array<uint32_t, kBuckets> counts{};
  };
  static size_t BucketOf(int64_t micros);
  static int64_t BucketTop(size_t bucket);

  mutable std::mutex mutex_;
  std::array<Slot, kSlots> slots_;
  int64_t first_second_ = INT64_MAX;
};

}  // namespace catena
