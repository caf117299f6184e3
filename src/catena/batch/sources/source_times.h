// SPDX-License-Identifier: Apache-2.0
// SourceTimes: event times that can hardly be meant: before 1971, or outside the day of their
// partition, as times in seconds or microseconds are. Such rows fall out of every window.
//
//   input    rows of events, by day of their partition; a day that is read again replaces itself.
//            Cumulative events, entities and Joins' tables are for the caller to leave out
//   null     rows without a time are not counted
//   output   a sentence a source that has such rows; "looks like" by the median of some of them:
//            seconds, microseconds or nanoseconds, when that puts it within two days of its
//            partition
//   threads  all calls may run concurrently

#pragma once

#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "catena/base/time.h"
#include "catena/conf/source.h"

namespace catena::batch {

class SourceTimes {
 public:
  // Days come in runs.
  void Add(const conf::EventSource& source, std::span<const int64_t> times,
           std::span<const Date> days);

  // All of it is about the unit, so somebody should be told now, too.
  struct Finding {
    std::string sentence;
    bool wrong_unit = false;
  };
  // Of sources with times outside their days, by table.
  std::vector<Finding> Findings() const;

 private:
  struct OfDay {
    uint64_t rows = 0;
    uint64_t outside = 0;
    uint64_t ancient = 0;
    std::vector<int64_t> sample;  // The first of those outside.
  };
  struct Source {
    std::string table;
    std::string time_column;  // As the definition has it.
    std::map<Date, OfDay> days;
  };
  static Finding FindingOf(const Source& source);

  mutable std::mutex mutex_;
  std::map<std::string, Source> sources_;  // By table and time column.
};

}  // namespace catena::batch
