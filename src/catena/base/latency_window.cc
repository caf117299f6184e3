// SPDX-License-Identifier: Apache-2.0
#include "catena/base/latency_window.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace catena {

size_t LatencyWindow::BucketOf(int64_t micros) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(micros, 0));
  if (value < 16) return value;
  const auto exponent = static_cast<size_t>(std::bit_width(value)) - 5;
  return std::min(kBuckets - 1, 16 * exponent + (value >> exponent));
}

int64_t LatencyWindow::BucketTop(size_t bucket) {
  if (bucket < 32) return static_cast<int64_t>(bucket);
  const size_t exponent = bucket / 16 - 1;
  const uint64_t mantissa = bucket % 16 + 16;
  return static_cast<int64_t>(((mantissa + 1) << exponent) - 1);
}

void LatencyWindow::Add(Timestamp now, int64_t micros, uint64_t count) {
  const int64_t second = FloorMillis(ToMillis(now), 1000) / 1000;
  const std::lock_guard lock(mutex_);
  first_second_ = std::min(first_second_, second);
  Slot& slot = slots_[static_cast<size_t>(((second % kSlots) + kSlots) % kSlots)];
  if (slot.second != second) {
    slot.second = second;
    slot.counts.fill(0);
  }
  slot.counts[BucketOf(micros)] += static_cast<uint32_t>(count);
}

uint64_t LatencyWindow::Count(Timestamp now) const {
  const int64_t second = FloorMillis(ToMillis(now), 1000) / 1000;
  const std::lock_guard lock(mutex_);
  uint64_t total = 0;
  for (const Slot& slot : slots_) {
    if (slot.second <= second - static_cast<int64_t>(kSlots)) continue;
    for (const uint32_t count : slot.counts) total += count;
  }
  return total;
}

double LatencyWindow::Rate(Timestamp now) const {
  const int64_t second = FloorMillis(ToMillis(now), 1000) / 1000;
  const uint64_t count = Count(now);
  const std::lock_guard lock(mutex_);
  if (count == 0) return 0;
  const int64_t seconds = std::clamp<int64_t>(second - first_second_ + 1, 1, kSlots);
  return static_cast<double>(count) / static_cast<double>(seconds);
}

int64_t LatencyWindow::Quantile(Timestamp now, double q) const {
  const uint64_t total = Count(now);
  if (total == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::ceil(q * static_cast<double>(total)));
  const int64_t second = FloorMillis(ToMillis(now), 1000) / 1000;
  const std::lock_guard lock(mutex_);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    for (const Slot& slot : slots_) {
      if (slot.second > second - static_cast<int64_t>(kSlots)) seen += slot.counts[bucket];
    }
    if (seen >= std::max<uint64_t>(wanted, 1)) return BucketTop(bucket);
  }
  return BucketTop(kBuckets - 1);
}

}  // namespace catena
