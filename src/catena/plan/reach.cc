// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/reach.h"

#include <algorithm>

#include "catena/conf/join.h"

namespace catena::plan {
namespace {

bool Within(Date day, const conf::Query& query) {
  const auto start = ParseDate(query.start_partition);
  const auto end = ParseDate(query.end_partition);
  return (!start.ok() || *start <= day) && (!end.ok() || day <= *end);
}

// The newest partition tells of every day before it, since the Query's start or the first
// partition.
std::vector<Date> CumulativeDays(const std::vector<Date>& partitions, const conf::Query& query) {
  if (partitions.empty()) return {};
  const auto start = ParseDate(query.start_partition);
  std::vector<Date> days;
  for (Date day = start.ok() ? *start : partitions.front(); day <= partitions.back();
       day = day + 1) {
    days.push_back(day);
  }
  return days;
}

}  // namespace

std::optional<Millis> LongestWindow(const conf::GroupBy& group_by) {
  Millis longest{0};
  for (const conf::Aggregation& aggregation : group_by.aggregations) {
    if (aggregation.windows.empty()) return std::nullopt;
    for (const conf::Window& window : aggregation.windows) {
      longest = std::max(longest, window.Length());
    }
  }
  return longest;
}

std::vector<Date> DaysOf(const conf::Source& source, const Inventory& inventory) {
  std::vector<Date> days;
  if (const auto* chain = std::get_if<conf::JoinSource>(&source)) {
    days = DaysOf(chain->join->left, inventory);
  } else if (const auto at = inventory.find(conf::TableOf(source)); at != inventory.end()) {
    days = at->second.days;
    const auto* events = std::get_if<conf::EventSource>(&source);
    if (events != nullptr && events->is_cumulative) days = CumulativeDays(days, events->query);
  }
  std::erase_if(days, [&](Date day) { return !Within(day, conf::QueryOf(source)); });
  return days;
}

AskedAt AskedBy(const conf::Source& left) {
  return conf::IsOfEntities(left) ? AskedAt::kDayEnds : AskedAt::kTimes;
}

DayRange ReachOf(const conf::GroupBy& group_by, const DayRange& days, AskedAt at) {
  const bool at_ends = at == AskedAt::kDayEnds;
  if (conf::IsEntity(group_by)) {
    return at_ends ? days : DayRange{days.first - 1, days.last - 1};
  }
  DayRange reach{kBeginning, days.last};
  if (const auto window = LongestWindow(group_by)) {
    const Timestamp earliest = at_ends ? days.first.End() : days.first.Start();
    reach.first = Date::Of(earliest - *window) - 1;  // Tails round down by less than a day.
  }
  if (group_by.accuracy == conf::Accuracy::kSnapshot && !at_ends) reach.last = days.last - 1;
  return reach;
}

}  // namespace catena::plan
