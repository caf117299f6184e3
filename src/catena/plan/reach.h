// SPDX-License-Identifier: Apache-2.0
// Reach: which days of its sources' tables a GroupBy's values look at.

#pragma once

#include <optional>
#include <vector>

#include "catena/conf/group_by.h"
#include "catena/plan/inventory.h"

namespace catena::plan {

// Before every day that a table may have.
inline constexpr Date kBeginning{INT32_MIN / 2};

struct DayRange {
  Date first;
  Date last;
};

// Whether values are asked for at times within days, as by left rows, or at the ends of days.
enum class AskedAt : uint8_t { kTimes, kDayEnds };

// By the rows of a Join's left side.
AskedAt AskedBy(const conf::Source& left);

// The days of source tables that values of the days [first, last] look at.
DayRange ReachOf(const conf::GroupBy& group_by, const DayRange& days, AskedAt at);

// How far back windows reach; absent when any output is unwindowed. Zero without aggregations.
std::optional<Millis> LongestWindow(const conf::GroupBy& group_by);

// Days of the rows that a source can give: its table's days within the Query's own start and end;
// of a JoinSource, the days of its Join's left side. Sorted.
std::vector<Date> DaysOf(const conf::Source& source, const Inventory& inventory);

}  // namespace catena::plan
