// SPDX-License-Identifier: Apache-2.0
#include "catena/table/partition.h"

namespace catena::table {

Result<PartitionRange> PartitionRange::Parse(std::string_view first, std::string_view last) {
  PartitionRange range;
  CATENA_TRY(range.first, ParseDate(first));
  CATENA_TRY(range.last, ParseDate(last));
  if (range.empty()) {
    return InvalidConf("the last day is before the first: " + std::string(first) + ", " +
                       std::string(last));
  }
  return range;
}

std::string PartitionRange::ToString() const {
  if (empty()) return "no day";
  return first == last ? FormatDate(first) : FormatDate(first) + ".." + FormatDate(last);
}

std::vector<PartitionRange> ToRanges(const std::vector<Date>& days, int32_t max_days) {
  std::vector<PartitionRange> ranges;
  for (const Date day : days) {
    const bool joins = !ranges.empty() && ranges.back().last + 1 == day &&
                       (max_days <= 0 || ranges.back().size() < max_days);
    if (joins) {
      ranges.back().last = day;
    } else {
      ranges.push_back(PartitionRange::Of(day));
    }
  }
  return ranges;
}

std::vector<Date> MissingDays(const PartitionRange& range, const std::vector<Date>& present) {
  std::vector<Date> missing;
  auto next = std::lower_bound(present.begin(), present.end(), range.first);
  for (const Date day : range) {
    while (next != present.end() && *next < day) ++next;
    if (next == present.end() || *next != day) missing.push_back(day);
  }
  return missing;
}

}  // namespace catena::table
