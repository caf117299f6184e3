// SPDX-License-Identifier: Apache-2.0
// Progress: how far each GroupBy of this process is, per topic partition, for the gates.
//
//   input    one writer a cell (the worker that owns the partition), after its state is written
//   units    applied: next offset; watermark, event_time: milliseconds since 1970, INT64_MIN: none
//   threads  cells are atomic; the set of cells is fixed before the workers start
//   order    applied is stored after the write it speaks of, so who reads it finds the state

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catena/streaming/news.h"

namespace catena::streaming {

struct ProgressCell {
  std::atomic<int64_t> applied{0};
  std::atomic<int64_t> watermark{INT64_MIN};
  std::atomic<int64_t> event_time_max{INT64_MIN};
  std::atomic<bool> reached_end{false};  // Once is for ever.
  std::atomic<bool> idle{false};         // At the end now, nothing waiting.
  // Of enriched rows: those of left events before it may be missing.
  std::atomic<int64_t> covered_from{INT64_MIN};

  void RaiseWatermark(int64_t to) {
    if (to > watermark.load()) watermark.store(to);
  }
};

class Progress {
 public:
  void Register(const std::string& group_by, int32_t partitions) {
    auto& cells = cells_[group_by];
    while (static_cast<int32_t>(cells.size()) < partitions) {
      cells.push_back(std::make_unique<ProgressCell>());
    }
  }
  ProgressCell& Cell(const std::string& group_by, int32_t partition) const {
    return *cells_.at(group_by).at(static_cast<size_t>(partition));
  }
  int32_t Partitions(const std::string& group_by) const {
    return static_cast<int32_t>(cells_.at(group_by).size());
  }
  // The lowest watermark over the partitions.
  int64_t Watermark(const std::string& group_by) const {
    int64_t lowest = INT64_MAX;
    for (const auto& cell : cells_.at(group_by)) {
      lowest = std::min(lowest, cell->watermark.load());
    }
    return lowest;
  }
  int64_t CoveredFrom(const std::string& group_by) const {
    int64_t from = INT64_MIN;
    for (const auto& cell : cells_.at(group_by)) from = std::max(from, cell->covered_from.load());
    return from;
  }
  bool ReachedEnd(const std::string& group_by) const {
    return std::all_of(cells_.at(group_by).begin(), cells_.at(group_by).end(),
                       [](const auto& cell) { return cell->reached_end.load(); });
  }
  // The event time below which no backlog of this GroupBy's own left events looks: INT64_MAX when
  // it has none, INT64_MIN while a partition has a backlog and has not begun.
  int64_t BacklogFloor(const std::string& group_by) const {
    int64_t floor = INT64_MAX;
    for (const auto& cell : cells_.at(group_by)) {
      if (!cell->idle.load()) floor = std::min(floor, cell->event_time_max.load());
    }
    return floor;
  }

  // Who waits for this GroupBy. Before the workers start.
  void NoteAwaited(const std::string& group_by, std::shared_ptr<News> by) {
    awaited_[group_by].push_back(std::move(by));
  }
  // That something of this GroupBy changed.
  void TellOf(const std::string& group_by) {
    const auto waiting = awaited_.find(group_by);
    if (waiting == awaited_.end()) return;
    for (const std::shared_ptr<News>& each : waiting->second) each->Tell();
  }

 private:
  std::map<std::string, std::vector<std::unique_ptr<ProgressCell>>> cells_;
  std::map<std::string, std::vector<std::shared_ptr<News>>> awaited_;
};

}  // namespace catena::streaming
