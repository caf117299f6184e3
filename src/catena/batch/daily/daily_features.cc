// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/daily/daily_features.h"

#include <algorithm>
#include <numeric>

#include "catena/aggregate/window/resolution.h"
#include "catena/batch/rows/answers.h"
#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/rows/memory_plan.h"

namespace catena::batch {
namespace {

// The rows of the answer: which group, at the end of which day.
struct Asked {
  std::vector<uint32_t> groups;
  std::vector<int64_t> times;
  std::vector<Date> days;

  void Add(uint32_t group, Date day) {
    groups.push_back(group);
    times.push_back(ToMillis(day.End()));
    days.push_back(day);
  }
};

std::vector<uint32_t> SortedIds(const KeyIndex& keys) {
  std::vector<uint32_t> ids(keys.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::sort(ids.begin(), ids.end(),
            [&](uint32_t a, uint32_t b) { return keys.Key(a) < keys.Key(b); });
  return ids;
}

Asked AskEvents(const conf::GroupBy& group_by, const table::PartitionRange& range,
                const KeyIndex& keys, const GroupByRows& events, const Groups& groups) {
  const std::optional<Millis> window = plan::LongestWindow(group_by);
  const std::vector<uint32_t> ids = SortedIds(keys);
  Asked asked;
  for (const Date day : range) {
    const int64_t query = ToMillis(day.End());
    int64_t tail = INT64_MIN;
    if (window) {
      tail = ToMillis(group_by.exact_windows ? day.End() - *window
                                             : aggregate::WindowTail(day.End(), *window));
    }
    for (const uint32_t id : ids) {
      const auto first = groups.rows.begin() + groups.begin[id];
      const auto last = groups.rows.begin() + groups.begin[id + 1];
      const auto at = std::lower_bound(
          first, last, tail, [&](uint32_t row, int64_t time) { return events.times[row] < time; });
      if (at != last && events.times[*at] < query) asked.Add(id, day);
    }
  }
  return asked;
}

// Groups are (key, day) and each has a row; the day is in the last eight bytes of the key.
Asked AskEntities(const KeyIndex& keys, const std::vector<Date>& day_of_group) {
  std::vector<uint32_t> ids = SortedIds(keys);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](uint32_t a, uint32_t b) { return day_of_group[a] < day_of_group[b]; });
  Asked asked;
  for (const uint32_t id : ids) asked.Add(id, day_of_group[id]);
  return asked;
}

std::vector<Date> DaysOfGroups(const KeyIndex& keys) {
  std::vector<Date> days;
  days.reserve(keys.size());
  for (uint32_t id = 0; id < keys.size(); ++id) days.push_back(DayOf(keys.Key(id)));
  return days;
}

types::Batch AnswerDays(const aggregate::WindowedAggregator& windowed, const GroupByRows& events,
                        const Groups& groups, const Asked& asked, int threads) {
  Asking asking;
  asking.events = &events.rows;
  asking.event_times = events.times;
  asking.event_groups = &groups;
  asking.query_times = asked.times;
  asking.query_groups = asked.groups;
  ScatteredColumns answers(windowed.output_schema(), asked.groups.size());
  Answer(windowed, asking, threads, &answers);
  return answers.Take(threads);
}

// The features of the keys of one share.
Result<DailyFeatures> ComputeShare(const BatchContext& context, const conf::GroupBy& group_by,
                                   const table::PartitionRange& range, const GroupByRead& read) {
  const int threads = context.database->options().threads;
  KeyIndex keys;
  CATENA_TRY(GroupByRows events, ReadGroupByRows(context, group_by, read, &keys));
  const Groups groups = GroupRows(events.groups, keys.size(), events.times, events.orders, threads);
  const Asked asked = read.by_day ? AskEntities(keys, DaysOfGroups(keys))
                                  : AskEvents(group_by, range, keys, events, groups);
  std::vector<uint32_t> first_rows;
  first_rows.reserve(asked.groups.size());
  for (const uint32_t group : asked.groups) first_rows.push_back(groups.rows[groups.begin[group]]);
  DailyFeatures features;
  features.days = asked.days;
  features.key_columns = group_by.key_columns.size();
  features.cut = std::move(events.cut);
  features.rows_read = events.rows_read;
  if (group_by.aggregations.empty()) {
    features.rows = events.rows.Take(first_rows);
    return features;
  }
  CATENA_TRY(const auto windowed,
             aggregate::WindowedAggregator::Bind(group_by, events.rows.schema()));
  features.rows = events.rows.Select(group_by.key_columns).Take(first_rows);
  const types::Batch answers = AnswerDays(windowed, events, groups, asked, threads);
  for (size_t i = 0; i < answers.width(); ++i) {
    features.rows.AddColumn(windowed.outputs()[i].name, answers.shared(i));
  }
  return features;
}

// Rows of all shares by (day, key bytes), as if they had been one.
void PutInOrder(const conf::GroupBy& group_by, DailyFeatures* features) {
  KeyIndex keys;
  std::vector<uint32_t> ids(features->rows.rows(), 0);
  KeyReader(features->rows.schema(), group_by.key_columns).Add(features->rows, {}, &keys, ids);
  const std::vector<uint32_t> sorted = SortedIds(keys);
  std::vector<uint32_t> ranks(sorted.size());
  for (uint32_t rank = 0; rank < sorted.size(); ++rank) ranks[sorted[rank]] = rank;
  std::vector<uint32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(features->days[a], ranks[ids[a]]) <
           std::pair(features->days[b], ranks[ids[b]]);
  });
  features->rows = features->rows.Take(order);
  std::sort(features->days.begin(), features->days.end());
}

}  // namespace

table::PartitionRange SourceRange(const conf::GroupBy& group_by,
                                  const table::PartitionRange& range) {
  if (IsEntity(group_by)) return range;
  table::PartitionRange source = table::PartitionRange::All();
  if (const auto window = plan::LongestWindow(group_by)) {
    source.first = Date::Of(range.first.End() - *window) - 1;
  }
  source.last = range.last;
  return source;
}

Result<DailyFeatures> ComputeDailyFeatures(const BatchContext& context,
                                           const conf::GroupBy& group_by,
                                           const table::PartitionRange& range) {
  CATENA_RETURN_IF_ERROR(RequireSupported(group_by));
  CATENA_TRY(const types::Schema schema, SchemaOfRows(context, group_by));
  GroupByRead read{SourceRange(group_by, range), false, IsEntity(group_by), {}};
  CATENA_TRY(read.share.count, SharesOf(context, group_by, schema, read.range));
  if (read.share.count == 1) return ComputeShare(context, group_by, range, read);
  DailyFeatures all;
  std::vector<types::Batch> pieces;
  for (; read.share.index < read.share.count; ++read.share.index) {
    CATENA_TRY(DailyFeatures share, ComputeShare(context, group_by, range, read));
    pieces.push_back(std::move(share.rows));
    all.days.insert(all.days.end(), share.days.begin(), share.days.end());
    all.key_columns = share.key_columns;
    all.cut = std::move(share.cut);  // Each share has seen all rows.
    all.rows_read = share.rows_read;
  }
  all.rows = ConcatPieces(std::move(pieces), context.database->options().threads);
  PutInOrder(group_by, &all);
  return all;
}

}  // namespace catena::batch
