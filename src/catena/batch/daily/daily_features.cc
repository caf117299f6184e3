// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/daily/daily_features.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <span>

#include "catena/aggregate/window/resolution.h"
#include "catena/base/parallel.h"
#include "catena/batch/rows/answers.h"
#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/rows/memory_plan.h"
#include "catena/batch/sorted_events.h"

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
  // Leaves of ascending days as many as have at most so many rows, but one; the last of them.
  Date Shorten(size_t rows_most, Date last) {
    if (days.size() <= rows_most) return last;
    const Date beyond = std::max(days[rows_most], days.front() + 1);
    const auto end = std::lower_bound(days.begin(), days.end(), beyond);
    if (end == days.end()) return last;
    const auto rows = static_cast<size_t>(end - days.begin());
    groups.resize(rows);
    times.resize(rows);
    days.resize(rows);
    return beyond - 1;
  }
};

Asked Concat(std::span<const Asked> parts, int threads) {
  Asked all;
  const auto append = [parts](auto member, auto* to) {
    for (const Asked& part : parts) {
      const auto& values = part.*member;
      to->insert(to->end(), values.begin(), values.end());
    }
  };
  const std::function<void()> appends[] = {[&] { append(&Asked::groups, &all.groups); },
                                           [&] { append(&Asked::times, &all.times); },
                                           [&] { append(&Asked::days, &all.days); }};
  ParallelEach(std::size(appends), threads, [&](size_t i) { appends[i](); });
  return all;
}

// Where windows that end with the days of `range` begin.
std::vector<int64_t> TailsOf(const conf::GroupBy& group_by, const table::PartitionRange& range) {
  const std::optional<Millis> window = plan::LongestWindow(group_by);
  std::vector<int64_t> tails;
  for (const Date day : range) {
    if (!window) {
      tails.push_back(INT64_MIN);
    } else {
      tails.push_back(ToMillis(group_by.exact_windows ? day.End() - *window
                                                      : aggregate::WindowTail(day.End(), *window)));
    }
  }
  return tails;
}

// How many of ascending times are not after one that is asked. Of a group it mostly is the count
// before, or the next.
class CountUpTo {
 public:
  explicit CountUpTo(std::vector<int64_t> times) : times_(std::move(times)) {}
  size_t operator()(int64_t time) {
    if (count_ > 0 && time < times_[count_ - 1]) count_ = 0;
    if (IsBefore(time)) return count_;
    ++count_;
    if (IsBefore(time)) return count_;
    const auto from = times_.begin() + static_cast<ptrdiff_t>(count_);
    count_ = static_cast<size_t>(std::upper_bound(from, times_.end(), time) - times_.begin());
    return count_;
  }

 private:
  bool IsBefore(int64_t time) const { return count_ == times_.size() || time < times_[count_]; }

  std::vector<int64_t> times_;
  size_t count_ = 0;
};

// A bit a day for each group: has it an event inside the window?
class DaysOfGroup {
 public:
  DaysOfGroup(size_t groups, size_t days) : words_((days + 63) / 64), bits_(groups * words_, 0) {}

  // From any thread.
  void Mark(uint32_t group, size_t begin, size_t end) {
    for (size_t word = begin / 64; word * 64 < end; ++word) {
      const size_t from = std::max(begin, word * 64) - word * 64;
      const size_t count = std::min(end, word * 64 + 64) - word * 64 - from;
      const uint64_t bits = ~uint64_t{0} >> (64 - count) << from;
      const std::atomic_ref<uint64_t> mine(bits_[group * words_ + word]);
      // Most events say what an earlier one has said.
      if (~mine.load(std::memory_order_relaxed) & bits) {
        mine.fetch_or(bits, std::memory_order_relaxed);
      }
    }
  }
  bool Has(uint32_t group, size_t day) const {
    return (bits_[group * words_ + day / 64] >> (day % 64) & 1) != 0;
  }

 private:
  size_t words_;
  std::vector<uint64_t> bits_;
};

Asked AskEvents(const conf::GroupBy& group_by, const table::PartitionRange& range,
                const SortedEvents& sorted, int threads) {
  const auto day_count = static_cast<size_t>(range.size());
  DaysOfGroup days(sorted.keys.size(), day_count);
  std::vector<int64_t> heads;
  for (const Date day : range) heads.push_back(ToMillis(day.End()));
  const std::vector<int64_t> tails = TailsOf(group_by, range);
  ParallelEach(sorted.events.chunks().size(), threads, [&](size_t chunk) {
    CountUpTo over(heads);
    CountUpTo begun(tails);
    uint32_t marked_group = kNoGroup;
    size_t marked_begin = 0;
    size_t marked_end = 0;
    sorted.events.VisitTimes(chunk, [&](uint32_t group, int64_t time) {
      // Of the windows that have begun those that are not over yet.
      const size_t begin = over(time);
      const size_t end = begun(time);
      const bool again = group == marked_group && begin >= marked_begin && end <= marked_end;
      if (begin >= end || again) return;
      days.Mark(group, begin, end);
      marked_group = group;
      marked_begin = begin;
      marked_end = end;
    });
  });
  const std::vector<uint32_t> ids = sorted.keys.SortedIds(threads);
  std::vector<Asked> of_day(day_count);
  ParallelEach(day_count, threads, [&](size_t i) {
    for (const uint32_t id : ids) {
      if (days.Has(id, i)) of_day[i].Add(id, range.first + static_cast<int32_t>(i));
    }
  });
  return Concat(of_day, threads);
}

// Groups are (key, day) and each has a row; the day is in the last eight bytes of the key.
Asked AskEntities(const KeyIndex& keys, const std::vector<Date>& day_of_group, Date last,
                  int threads) {
  std::vector<uint32_t> ids = keys.SortedIds(threads);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](uint32_t a, uint32_t b) { return day_of_group[a] < day_of_group[b]; });
  Asked asked;
  for (const uint32_t id : ids) {
    if (day_of_group[id] <= last) asked.Add(id, day_of_group[id]);
  }
  return asked;
}

std::vector<Date> DaysOfGroups(const KeyIndex& keys) {
  std::vector<Date> days;
  days.reserve(keys.size());
  for (uint32_t id = 0; id < keys.size(); ++id) days.push_back(DayOf(keys.Key(id)));
  return days;
}

// Of rows of one key in one snapshot the first by order counts.
types::Batch PassThrough(const GroupByRows& rows, size_t group_count, const Asked& asked,
                         int threads) {
  const Groups groups = GroupRows(rows.groups, group_count, rows.times, rows.orders, threads);
  std::vector<uint32_t> first;
  first.reserve(asked.groups.size());
  for (const uint32_t group : asked.groups) first.push_back(groups.rows[groups.begin[group]]);
  return rows.rows.Take(first);
}

// Null unless the step before kept them.
Result<std::shared_ptr<const SortedEvents>> FindEvents(const BatchContext& context,
                                                       const conf::GroupBy& group_by,
                                                       const types::Schema& schema,
                                                       const GroupByRead& read) {
  if (context.kept == nullptr || !context.kept->events()->Has(group_by) || read.share.count > 1) {
    return std::shared_ptr<const SortedEvents>();
  }
  SourceRequest request{read.range, {}};
  for (const types::Field& field : schema.fields) request.columns.push_back(field.name);
  CATENA_TRY(const auto days, KeptDays(context, group_by.sources.front(), request));
  return days ? context.kept->events()->Find(group_by, *days)
              : std::shared_ptr<const SortedEvents>();
}

// How many days fit is told by the first share.
Date Shorten(const BatchContext& context, const types::Schema& outputs, uint64_t row_bytes,
             KeyShare share, Date last, Asked* asked) {
  if (share.index > 0) return last;
  return asked->Shorten(AnswersAtATime(context, outputs, row_bytes, share.count), last);
}

// The features of the keys of one share. The first share tells how many days fit: it shortens
// `range`.
Result<DailyFeatures> ComputeShare(const BatchContext& context, const conf::GroupBy& group_by,
                                   const types::Schema& schema, const GroupByRead& read,
                                   table::PartitionRange* range) {
  const int threads = context.database->options().threads;
  DailyFeatures features;
  features.key_columns = group_by.key_columns.size();
  Asked asked;
  if (group_by.aggregations.empty()) {
    KeyIndex keys;
    CATENA_TRY(GroupByRows rows, ReadGroupByRows(context, group_by, read, &keys));
    asked = AskEntities(keys, DaysOfGroups(keys), range->last, threads);
    range->last = Shorten(context, rows.rows.schema(), BytesOfRow(rows.rows), read.share,
                          range->last, &asked);
    features.rows = PassThrough(rows, keys.size(), asked, threads);
    features.cut = std::move(rows.cut);
    features.rows_read = rows.rows_read;
  } else {
    CATENA_TRY(const auto windowed, aggregate::WindowedAggregator::Bind(group_by, schema));
    CATENA_TRY(auto sorted, FindEvents(context, group_by, schema, read));
    features.kept = sorted != nullptr;
    if (!features.kept) {
      KeyIndex keys;
      CATENA_TRY(GroupByRows rows, ReadGroupByRows(context, group_by, read, &keys));
      sorted = SortEvents(group_by, windowed, std::move(rows), std::move(keys), {}, threads);
    }
    asked = read.by_day
                ? AskEntities(sorted->keys, DaysOfGroups(sorted->keys), range->last, threads)
                : AskEvents(group_by, *range, *sorted, threads);
    range->last = Shorten(context, windowed.output_schema(), sorted->row_bytes, read.share,
                          range->last, &asked);
    ScatteredColumns answers(windowed.output_schema(), asked.groups.size());
    Answer(windowed, sorted->events, {asked.groups, asked.times}, threads, &answers);
    answers.Close(threads);
    features.answered = {sorted->key_columns, std::move(asked.groups), std::move(answers)};
    features.cut = sorted->cut;
    features.rows_read = sorted->rows_read;
  }
  features.last = range->last;
  features.days = std::move(asked.days);
  return features;
}

// Rows of all shares by (day, key bytes), as if they had been one.
void PutInOrder(const conf::GroupBy& group_by, int threads, DailyFeatures* features) {
  KeyIndex keys;
  std::vector<uint32_t> ids(features->rows.rows(), 0);
  KeyReader(features->rows.schema(), group_by.key_columns).Add(features->rows, {}, &keys, ids);
  const std::vector<uint32_t> sorted = keys.SortedIds(threads);
  std::vector<uint32_t> ranks(sorted.size());
  for (uint32_t rank = 0; rank < sorted.size(); ++rank) ranks[sorted[rank]] = rank;
  std::vector<uint32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  ParallelSort(&order, threads, [&](uint32_t a, uint32_t b) {
    return std::pair(features->days[a], ranks[ids[a]]) <
           std::pair(features->days[b], ranks[ids[b]]);
  });
  features->rows = features->rows.Take(order);
  std::sort(features->days.begin(), features->days.end());
}

}  // namespace

types::Batch DailyFeatures::Take(size_t begin, size_t end) const {
  if (!answered) return CutOut(rows, begin, end);
  types::Batch taken = answered->keys.Take(std::span(answered->groups).subspan(begin, end - begin));
  const types::Batch outputs = answered->columns.Take(begin, end);
  for (size_t i = 0; i < outputs.width(); ++i) {
    taken.AddColumn(outputs.schema().fields[i].name, outputs.shared(i));
  }
  return taken;
}

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
  table::PartitionRange answered = range;
  if (read.share.count == 1) return ComputeShare(context, group_by, schema, read, &answered);
  DailyFeatures all;
  std::vector<types::Batch> pieces;
  for (; read.share.index < read.share.count; ++read.share.index) {
    CATENA_TRY(DailyFeatures share, ComputeShare(context, group_by, schema, read, &answered));
    pieces.push_back(share.Take(0, share.days.size()));
    all.days.insert(all.days.end(), share.days.begin(), share.days.end());
    all.last = share.last;
    all.key_columns = share.key_columns;
    all.cut = std::move(share.cut);  // Each share has seen all rows.
    all.rows_read = share.rows_read;
  }
  const int threads = context.database->options().threads;
  all.rows = ConcatPieces(std::move(pieces), threads);
  PutInOrder(group_by, threads, &all);
  return all;
}

}  // namespace catena::batch
