// SPDX-License-Identifier: Apache-2.0
// PartitionRange: days from first to last, both included.
//
//   errors  Parse is kInvalidConf for a text that is no date and for last before first

#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/result.h"
#include "catena/base/time.h"

namespace catena::table {

struct PartitionRange {
  Date first;
  Date last;  // Before `first`: an empty range.

  static PartitionRange Of(Date day) { return {day, day}; }
  // Every day there is.
  static PartitionRange All() { return {Date{-719162}, Date{2932896}}; }  // Years 1 to 9999.
  static Result<PartitionRange> Parse(std::string_view first, std::string_view last);

  bool empty() const { return last < first; }
  int64_t size() const { return empty() ? 0 : int64_t{last.days} - first.days + 1; }
  bool Contains(Date day) const { return first <= day && day <= last; }
  PartitionRange Intersect(const PartitionRange& other) const {
    return {std::max(first, other.first), std::min(last, other.last)};
  }
  PartitionRange Shift(int32_t days) const { return {first + days, last + days}; }
  // "2026-11-20..2026-11-21"; one day is itself.
  std::string ToString() const;
  bool operator==(const PartitionRange&) const = default;

  struct Iterator {
    Date day;
    Date operator*() const { return day; }
    Iterator& operator++() {
      ++day.days;
      return *this;
    }
    bool operator==(const Iterator&) const = default;
  };
  Iterator begin() const { return {first}; }
  Iterator end() const { return {empty() ? first : last + 1}; }
};

// Runs of adjacent days, each at most `max_days` long (0: any length); `days` are sorted.
std::vector<PartitionRange> ToRanges(const std::vector<Date>& days, int32_t max_days = 0);
// The days of `range` that are not in the sorted `present`.
std::vector<Date> MissingDays(const PartitionRange& range, const std::vector<Date>& present);

}  // namespace catena::table
