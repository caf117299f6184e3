// SPDX-License-Identifier: Apache-2.0
// OriginWatermarks: up to which event time a partition of enriched rows has all rows, as its
// heartbeats tell.
//
//     left topic       partition 0: 10:05     partition 1: 10:02     partition 2: not told yet
//     enriched topic   none, until all are told; then the lowest, 10:02
//
//   units    milliseconds since 1970, INT64_MIN: none
//   threads  a value

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "catena/streaming/publish/enriched_record.h"

namespace catena::streaming {

class OriginWatermarks {
 public:
  void Add(const Heartbeat& heartbeat) {
    partitions_ = heartbeat.partitions;
    covered_from_ = std::max(covered_from_, heartbeat.covered_from);
    for (const auto& [partition, told] : heartbeat.watermarks) {
      int64_t& watermark = watermarks_.emplace(partition, told).first->second;
      watermark = std::max(watermark, told);
    }
  }
  int64_t covered_from() const { return covered_from_; }
  int64_t Lowest() const {
    if (watermarks_.empty() || watermarks_.size() < static_cast<size_t>(partitions_)) {
      return INT64_MIN;
    }
    return std::min_element(watermarks_.begin(), watermarks_.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->second;
  }

 private:
  int32_t partitions_ = 0;
  int64_t covered_from_ = INT64_MIN;
  std::map<int32_t, int64_t> watermarks_;
};

}  // namespace catena::streaming
