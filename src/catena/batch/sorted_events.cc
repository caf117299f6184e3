// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sorted_events.h"

#include <utility>

#include "catena/batch/rows/answers.h"
#include "catena/batch/rows/memory_plan.h"
#include "catena/conf/semantic_hash.h"

namespace catena::batch {

std::shared_ptr<const SortedEvents> SortEvents(const conf::GroupBy& group_by,
                                               const aggregate::WindowedAggregator& windowed,
                                               GroupByRows rows, KeyIndex keys,
                                               const TimedRows& queries, int threads) {
  std::vector<uint32_t> row_of_group(keys.size());
  for (uint32_t row = 0; row < rows.groups.size(); ++row) row_of_group[rows.groups[row]] = row;
  types::Batch key_columns = rows.rows.Select(group_by.key_columns).Take(row_of_group);
  const uint64_t row_bytes = BytesOfRow(rows.rows);
  EventRows events{keys.size(), InputsOf(windowed, rows.rows), rows.times, rows.orders,
                   rows.groups};
  rows.rows = types::Batch();
  return std::make_shared<const SortedEvents>(
      SortedEvents{std::move(keys), std::move(key_columns),
                   ChunkedEvents(std::move(events), queries, windowed.rows().exact(), threads),
                   std::move(rows.cut), rows.rows_read, row_bytes});
}

void KeptEvents::BeginStep(const std::set<std::string>& now, std::set<std::string> next) {
  std::erase_if(kept_, [&](const auto& entry) {
    return !now.contains(entry.first) && !next.contains(entry.first);
  });
  next_ = std::move(next);
}

bool KeptEvents::WantedNext(const conf::GroupBy& group_by) const {
  return next_.contains(conf::MeaningOf(group_by));
}

bool KeptEvents::Has(const conf::GroupBy& group_by) const {
  return kept_.contains(conf::MeaningOf(group_by));
}

void KeptEvents::Keep(const conf::GroupBy& group_by, std::vector<Date> days,
                      std::shared_ptr<const SortedEvents> events) {
  kept_[conf::MeaningOf(group_by)] = {std::move(days), std::move(events)};
}

std::shared_ptr<const SortedEvents> KeptEvents::Find(const conf::GroupBy& group_by,
                                                     const std::vector<Date>& days) const {
  const auto found = kept_.find(conf::MeaningOf(group_by));
  if (found == kept_.end() || found->second.days != days) return nullptr;
  return found->second.events;
}

}  // namespace catena::batch
