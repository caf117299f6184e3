// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/source_range.h"

#include <algorithm>

namespace catena::batch {

Result<table::PartitionRange> RangeToRead(const BatchContext& context, const conf::Source& source,
                                          const table::PartitionRange& range) {
  const auto* events = std::get_if<conf::EventSource>(&source);
  if (events == nullptr || !events->is_cumulative) return range;
  CATENA_TRY(const table::Table table, context.warehouse->Find(events->table));
  CATENA_TRY(std::vector<Date> days, table.Partitions());
  const auto start = ParseDate(events->query.start_partition);
  const auto end = ParseDate(events->query.end_partition);
  std::erase_if(days,
                [&](Date day) { return (start.ok() && day < *start) || (end.ok() && day > *end); });
  if (days.empty()) return range;
  const auto after = std::upper_bound(days.begin(), days.end(), range.last);
  return table::PartitionRange::Of(after == days.begin() ? *after : *(after - 1));
}

Result<std::vector<size_t>> MadeSources(const BatchContext& context,
                                        const conf::GroupBy& group_by) {
  std::vector<size_t> made, all;
  for (size_t i = 0; i < group_by.sources.size(); ++i) {
    all.push_back(i);
    const conf::Source& source = group_by.sources[i];
    if (std::holds_alternative<conf::JoinSource>(source)) {
      CATENA_TRY(const table::Table table, context.warehouse->Find(conf::TableOf(source)));
      CATENA_TRY(const std::vector<Date> days, table.Partitions());
      if (days.empty()) continue;
    }
    made.push_back(i);
  }
  return made.empty() ? all : made;
}

}  // namespace catena::batch
