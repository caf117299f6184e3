// SPDX-License-Identifier: Apache-2.0
// ChainStats: what the workers of one GroupBy's stream saw lately, for its ChainReport.
//
//   units    latencies in microseconds, over the last ten seconds
//   threads  every member may be used concurrently

#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "catena/base/latency_window.h"
#include "catena/types/batch.h"

namespace catena::streaming {

class ChainStats {
 public:
  explicit ChainStats(int workers) : oldest_append_(static_cast<size_t>(workers)) {
    for (auto& oldest : oldest_append_) oldest.store(INT64_MAX);
  }

  LatencyWindow read;      // One sample a left record read.
  LatencyWindow enriched;  // Read to enriched.
  LatencyWindow folded;    // Append to readable through the Fetcher.
  LatencyWindow tiles;     // One sample a tile write.

  // Append time of the oldest record that worker `index` has not folded; INT64_MAX: none.
  void SetOldest(int index, int64_t append_time) {
    oldest_append_[static_cast<size_t>(index)].store(append_time);
  }
  int64_t Oldest() const {
    int64_t oldest = INT64_MAX;
    for (const auto& each : oldest_append_) oldest = std::min(oldest, each.load());
    return oldest;
  }

  void CountNulls(const types::Batch& rows, const std::vector<std::string>& keys) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < rows.width(); ++i) {
      const std::string& name = rows.schema().fields[i].name;
      if (std::find(keys.begin(), keys.end(), name) != keys.end()) continue;
      auto& [nulls, total] = nulls_[name];
      nulls += static_cast<int64_t>(rows.column(i).null_count());
      total += static_cast<int64_t>(rows.rows());
    }
  }
  // Share of nulls by column since the start.
  std::map<std::string, double> NullRates() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, double> rates;
    for (const auto& [name, counts] : nulls_) {
      const auto& [nulls, total] = counts;
      rates[name] = total == 0 ? 0 : static_cast<double>(nulls) / static_cast<double>(total);
    }
    return rates;
  }

 private:
  std::vector<std::atomic<int64_t>> oldest_append_;
  mutable std::mutex mutex_;
  std::map<std::string, std::pair<int64_t, int64_t>> nulls_;
};

}  // namespace catena::streaming
