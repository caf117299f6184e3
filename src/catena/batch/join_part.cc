// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join_part.h"

#include <algorithm>
#include <mutex>
#include <ranges>

#include "catena/base/parallel.h"
#include "catena/batch/group_by_rows.h"
#include "catena/batch/join/derived_columns.h"
#include "catena/batch/rows/answers.h"
#include "catena/batch/rows/memory_plan.h"
#include "catena/batch/sorted_events.h"
#include "catena/batch/sources/mutations.h"
#include "catena/conf/output_names.h"

namespace catena::batch {
namespace {

using types::Column;

// Queries of one part: which left row asks for which key at which time.
struct PartQueries {
  std::shared_ptr<KeyIndex> keys;
  std::optional<DatedGroups> dated;  // Of the keys; absent: a group is what the index says.
  UnsetVector<uint32_t> groups;      // By left row; kNoGroup: none.
  UnsetVector<int64_t> times;        // By left row.
  int64_t earliest = INT64_MAX;
  int64_t latest = INT64_MIN;

  size_t group_count() const { return dated ? dated->size() : keys->size(); }
};

size_t CountRows(std::span<const LeftRows> left) {
  size_t rows = 0;
  for (const LeftRows& day : left) rows += day.size();
  return rows;
}

Status CheckKeys(const conf::JoinPart& part, const types::Schema& left,
                 const types::Schema& right) {
  const std::vector<std::string> left_keys = conf::LeftKeys(part);
  for (size_t i = 0; i < left_keys.size(); ++i) {
    const auto at = left.Find(left_keys[i]);
    if (!at) {
      return InvalidConf(
          "the left side has no such key column; select it there or map it with "
          "keyMapping: " +
          left_keys[i] + " (the left side gives " + left.ToString() + ")");
    }
    const std::string& right_key = part.group_by->key_columns[i];
    CATENA_RETURN_IF_ERROR(RequireEqualKeys(left.fields[*at].type, left_keys[i], "the left side",
                                            right.fields[*right.Find(right_key)].type, right_key));
  }
  return Status();
}

// Rows [begin, end) of one day, which begin at row `at` of all left rows.
struct LeftRun {
  const LeftRows* day;
  size_t begin;
  size_t end;
  size_t at;
};

// visit(LeftRun), on several threads.
template <typename Visit>
void VisitRuns(std::span<const LeftRows> left, int threads, const Visit& visit) {
  constexpr size_t kRun = 65536;
  std::vector<LeftRun> runs;
  size_t at = 0;
  for (const LeftRows& day : left) {
    for (size_t begin = 0; begin < day.size(); begin += kRun) {
      const size_t end = std::min(day.size(), begin + kRun);
      runs.push_back({&day, begin, end, at});
      at += end - begin;
    }
  }
  const Status done = ParallelFor(runs.size(), threads, [&](size_t i) {
    visit(runs[i]);
    return Status();
  });
  CATENA_CHECK(done.ok(), "visiting rows cannot fail");
}

// Times of all queries, of no key yet; of snapshots also the day of the key.
PartQueries ReadTimes(const conf::JoinPart& part, std::span<const LeftRows> left, int threads,
                      std::vector<Date>* days) {
  PartQueries queries;
  const bool snapshot = part.group_by->accuracy == conf::Accuracy::kSnapshot;
  queries.groups.resize(CountRows(left));
  queries.times.resize(queries.groups.size());
  VisitRuns(left, threads, [&](const LeftRun& run) {
    for (size_t row = run.begin, at = run.at; row < run.end; ++row, ++at) {
      int64_t time = run.day->query_times[row];
      queries.groups[at] = time == kNoTime ? kNoGroup : 0;
      queries.times[at] = 0;
      if (time == kNoTime) continue;
      if (snapshot) time = FloorMillis(time, kDay.count());
      queries.times[at] = time;
      if (!days->empty()) (*days)[at] = Date::Of(FromMillis(time)) - 1;
    }
  });
  return queries;
}

std::vector<KeyedRows> KeysOf(std::span<const LeftRows> left, std::span<const Date> days,
                              PartQueries* queries) {
  std::vector<KeyedRows> pieces;
  size_t at = 0;
  for (const LeftRows& day : left) {
    pieces.push_back({&day.source.rows, days.empty() ? days : days.subspan(at, day.size()),
                      std::span(queries->groups).subspan(at, day.size())});
    at += day.size();
  }
  return pieces;
}

// Of queries that have a group.
void FindSpan(int threads, PartQueries* queries) {
  std::mutex mutex;
  ParallelRanges(queries->groups.size(), threads, [&](size_t begin, size_t end) {
    int64_t earliest = INT64_MAX;
    int64_t latest = INT64_MIN;
    for (size_t row = begin; row < end; ++row) {
      if (queries->groups[row] == kNoGroup) continue;
      earliest = std::min(earliest, queries->times[row]);
      latest = std::max(latest, queries->times[row]);
    }
    const std::lock_guard lock(mutex);
    queries->earliest = std::min(queries->earliest, earliest);
    queries->latest = std::max(queries->latest, latest);
  });
}

PartQueries ReadQueries(const conf::JoinPart& part, std::span<const LeftRows> left, bool by_day,
                        KeyShare share, int threads, LeftKeyIds* ids) {
  std::vector<Date> days(by_day ? CountRows(left) : 0);
  PartQueries queries = ReadTimes(part, left, threads, &days);
  // Mutations are of a key, whatever its day.
  const bool mutable_keys = by_day && part.group_by->accuracy == conf::Accuracy::kTemporal;
  if (share.count == 1 && !mutable_keys) {
    const LeftKeyIds::Ids& known = ids->Of(conf::LeftKeys(part), threads);
    ParallelRanges(queries.groups.size(), threads, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        if (queries.groups[row] != kNoGroup) queries.groups[row] = known.of_row[row];
      }
    });
    if (by_day) {
      queries.dated = DatedGroups::Of(queries.groups, days, known.keys->size(), threads);
    }
    if (!by_day || queries.dated) {
      queries.keys = known.keys;
      FindSpan(threads, &queries);
      return queries;
    }
  }
  queries.keys = std::make_shared<KeyIndex>();
  KeyReader(left.front().source.rows.schema(), conf::LeftKeys(part), share)
      .AddAll(KeysOf(left, days, &queries), threads, queries.keys.get());
  FindSpan(threads, &queries);
  return queries;
}

table::PartitionRange RangeOf(const conf::GroupBy& group_by, const PartQueries& queries,
                              Date through) {
  const Date day_before_last = Date::Of(FromMillis(queries.latest)) - 1;
  if (IsEntity(group_by)) {
    return {Date::Of(FromMillis(queries.earliest)) - 1, std::min(day_before_last, through)};
  }
  table::PartitionRange range = table::PartitionRange::All();
  if (const auto window = plan::LongestWindow(group_by)) {
    range.first = Date::Of(FromMillis(queries.earliest) - *window) - 1;
  }
  const bool snapshot = group_by.accuracy == conf::Accuracy::kSnapshot;
  range.last = snapshot ? std::min(day_before_last, through) : through;
  return range;
}

// Rows that no query can see need no memory: those after all, and those before all windows.
void NarrowTimes(const conf::GroupBy& group_by, const PartQueries& queries, GroupByRead* read) {
  if (IsEntity(group_by)) return;
  read->end = queries.latest;
  if (const auto window = plan::LongestWindow(group_by)) {
    read->begin =
        queries.earliest - window->count() - kDay.count();  // Tails jump by a day at most.
  }
}

// `through`: the last day of mutations.
Status Aggregate(const BatchContext& context, const conf::GroupBy& group_by,
                 const aggregate::WindowedAggregator& windowed, GroupByRows events,
                 const PartQueries& queries, Date through, ScatteredColumns* columns) {
  if (IsEntity(group_by) && group_by.accuracy == conf::Accuracy::kTemporal &&
      queries.keys->size() > 0) {
    const Date first = Date::Of(FromMillis(queries.earliest));
    const Date last = std::min(Date::Of(FromMillis(queries.latest)), through);
    return AnswerThroughMutations(context, group_by, windowed, {first, last}, events, *queries.keys,
                                  {queries.groups, queries.times}, columns);
  }
  Asking asking;
  asking.groups = queries.group_count();
  asking.events = std::move(events.rows);
  asking.event_times = events.times;
  asking.event_orders = events.orders;
  asking.event_groups = events.groups;
  asking.query_times = queries.times;
  asking.query_groups = queries.groups;
  Answer(windowed, std::move(asking), context.database->options().threads, columns);
  return Status();
}

// Of two rows of one key in one snapshot the first encountered counts.
void PassThrough(const types::Schema& values, const GroupByRows& rows, const PartQueries& queries,
                 int threads, ScatteredColumns* columns) {
  std::vector<uint32_t> row_of_group(queries.group_count(), ScatteredColumns::kNowhere);
  for (auto row = static_cast<uint32_t>(rows.groups.size()); row-- > 0;) {
    row_of_group[rows.groups[row]] = row;
  }
  std::vector<uint32_t> from(queries.groups.size(), ScatteredColumns::kNowhere);
  ParallelRanges(from.size(), threads, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      if (queries.groups[row] != kNoGroup) from[row] = row_of_group[queries.groups[row]];
    }
  });
  std::vector<types::ColumnPtr> source;
  for (const types::Field& field : values.fields) {
    source.push_back(rows.rows.shared(*rows.rows.schema().Find(field.name)));
  }
  columns->Add(std::move(source), std::move(from));
}

// Groups of left rows whose key columns are those that the events were read with; false: they must
// be looked for.
bool TakeGroups(const GroupByRows& events, const types::Batch& left,
                const std::vector<std::string>& keys, std::span<uint32_t> groups) {
  for (const GroupByRows::KeysAsRead& read : events.keys_as_read) {
    const auto is_key = [&](size_t i) { return left.Find(keys[i]) == read.columns[i].get(); };
    const auto numbers = std::views::iota(size_t{0}, keys.size());
    if (!std::ranges::all_of(numbers, is_key)) continue;
    for (size_t row = 0; row < groups.size(); ++row) {
      if (groups[row] != kNoGroup) groups[row] = events.groups[read.first + row];
    }
    return true;
  }
  return false;
}

// Where the next step asks the events of the same GroupBy, and all of them are in memory, they are
// sorted once for both: of all keys and all times. False: not so, or too many for one pass.
Result<bool> AnswerKept(const BatchContext& context, const conf::JoinPart& part,
                        const aggregate::WindowedAggregator& windowed, const types::Schema& schema,
                        std::span<const LeftRows> left, Date through, ScatteredColumns* columns) {
  const conf::GroupBy& group_by = *part.group_by;
  KeptEvents* kept = context.kept == nullptr ? nullptr : context.kept->events();
  if (kept == nullptr || !(kept->WantedNext(group_by) || kept->Has(group_by))) return false;
  const int threads = context.database->options().threads;
  const KeyReader reader(left.front().source.rows.schema(), conf::LeftKeys(part));
  std::vector<Date> no_days;
  PartQueries queries = ReadTimes(part, left, threads, &no_days);
  const std::vector<KeyedRows> pieces = KeysOf(left, {}, &queries);
  for (const KeyedRows& piece : pieces) reader.PassOver(*piece.rows, piece.ids);
  FindSpan(threads, &queries);
  if (queries.earliest > queries.latest) return false;
  GroupByRead read{RangeOf(group_by, queries, through)};
  CATENA_TRY(const uint32_t shares, SharesOf(context, group_by, schema, read.range));
  SourceRequest request{read.range, {}};
  for (const types::Field& field : schema.fields) request.columns.push_back(field.name);
  CATENA_TRY(auto days, KeptDays(context, group_by.sources.front(), request));
  if (shares > 1 || !days) return false;
  auto sorted = kept->Find(group_by, *days);
  GroupByRows rows;
  KeyIndex read_keys;
  if (sorted == nullptr) {
    CATENA_TRY(rows, ReadGroupByRows(context, group_by, read, &read_keys));
  }
  const KeyIndex& keys = sorted == nullptr ? read_keys : sorted->keys;
  ParallelEach(pieces.size(), threads, [&](size_t i) {
    const KeyedRows& piece = pieces[i];
    if (TakeGroups(rows, *piece.rows, conf::LeftKeys(part), piece.ids)) return;
    reader.Find(*piece.rows, {}, keys, piece.ids);
  });
  const TimedRows asked{queries.groups, queries.times};
  if (sorted == nullptr) {
    sorted = SortEvents(group_by, windowed, std::move(rows), std::move(read_keys), asked, threads);
    kept->Keep(group_by, *std::move(days), sorted);
  }
  Answer(windowed, sorted->events, asked, threads, columns);
  return true;
}

// The keys of the left side in as many passes as memory asks for: each reads the right side anew
// and keeps the rows of its own keys.
Result<ScatteredColumns> Answers(const BatchContext& context, const conf::JoinPart& part,
                                 std::span<const LeftRows> left, Date through, LeftKeyIds* ids) {
  const conf::GroupBy& group_by = *part.group_by;
  CATENA_RETURN_IF_ERROR(RequireSupported(group_by));
  CATENA_TRY(const types::Schema schema, SchemaOfRows(context, group_by));
  CATENA_RETURN_IF_ERROR(CheckKeys(part, left.front().source.rows.schema(), schema));
  std::optional<aggregate::WindowedAggregator> windowed;
  types::Schema values;
  if (group_by.aggregations.empty()) {
    CATENA_TRY(values, SchemaOfValues(context, group_by));
  } else {
    CATENA_TRY(windowed, aggregate::WindowedAggregator::Bind(group_by, schema));
    values = windowed->output_schema();
  }
  const bool by_day = IsEntity(group_by);
  const int threads = context.database->options().threads;
  ScatteredColumns columns(values, CountRows(left));
  if (windowed) {
    CATENA_TRY(const bool answered,
               AnswerKept(context, part, *windowed, schema, left, through, &columns));
    if (answered) {
      columns.Close(threads);
      return columns;
    }
  }
  KeyShare share;
  do {
    PartQueries queries = ReadQueries(part, left, by_day, share, threads, ids);
    GroupByRead read{table::PartitionRange{through, through - 1}, true, by_day};
    read.dated = queries.dated ? &*queries.dated : nullptr;
    read.share = share;
    table::PartitionRange to_keep = read.range;
    if (queries.earliest <= queries.latest) {
      read.range = RangeOf(group_by, queries, through);
      NarrowTimes(group_by, queries, &read);
      // Of later days only rows that landed late are kept.
      to_keep = {read.range.first, std::min(read.range.last, Date::Of(FromMillis(queries.latest)))};
    }
    if (share.index == 0) {
      CATENA_TRY(const uint32_t shares, SharesOf(context, group_by, schema, to_keep));
      if (shares > share.count) {
        share.count = shares;
        continue;  // From the beginning, with fewer keys.
      }
    }
    CATENA_TRY(GroupByRows events, ReadGroupByRows(context, group_by, read, queries.keys.get()));
    if (windowed) {
      CATENA_RETURN_IF_ERROR(
          Aggregate(context, group_by, *windowed, std::move(events), queries, through, &columns));
    } else {
      PassThrough(values, events, queries, threads, &columns);
    }
    ++share.index;
  } while (share.index < share.count);
  columns.Close(threads);
  return columns;
}

}  // namespace

const LeftKeyIds::Ids& LeftKeyIds::Of(const std::vector<std::string>& columns, int threads) {
  const auto [at, is_new] = ids_.try_emplace(columns);
  Ids& ids = at->second;
  if (!is_new) return ids;
  ids.keys = std::make_shared<KeyIndex>();
  ids.of_row.resize(CountRows(left_));
  ParallelRanges(ids.of_row.size(), threads, [&](size_t begin, size_t end) {
    std::fill(ids.of_row.begin() + static_cast<ptrdiff_t>(begin),
              ids.of_row.begin() + static_cast<ptrdiff_t>(end), 0);
  });
  std::vector<KeyedRows> pieces;
  size_t first = 0;
  for (const LeftRows& day : left_) {
    pieces.push_back({&day.source.rows, {}, std::span(ids.of_row).subspan(first, day.size())});
    first += day.size();
  }
  KeyReader(left_.front().source.rows.schema(), columns).AddAll(pieces, threads, ids.keys.get());
  return ids;
}

Result<std::vector<LeftRows>> ReadLeft(const BatchContext& context, const conf::Join& join,
                                       const table::PartitionRange& range) {
  const SourceRequest request{range, {}, /*by_day=*/true};
  std::vector<LeftRows> left(static_cast<size_t>(range.size()));
  CATENA_RETURN_IF_ERROR(ScanSource(context, join.left, request, [&](size_t, SourceRows rows) {
    if (rows.days.empty()) return Status();
    const auto at = static_cast<size_t>(rows.days.front().days - range.first.days);
    left[at].source = std::move(rows);
    return Status();
  }));
  CATENA_TRY(const types::Schema schema, SchemaOfSource(context, join.left, request));
  size_t rows = 0;
  for (LeftRows& day : left) {
    SourceRows& source = day.source;
    if (source.days.empty()) source.rows = types::BatchBuilder(schema).Build();
    if (!conf::IsOfEntities(join.left)) {
      day.query_times = std::move(source.times);
    } else if (!source.days.empty()) {
      day.query_times.assign(source.days.size(), ToMillis(source.days.front().End()));
    }
    source.times = {};
    rows += day.size();
  }
  if (rows >= UINT32_MAX) {
    return Unsupported("more left rows than one pass can hold; choose a shorter range: 2^32");
  }
  return left;
}

Result<types::Schema> SchemaOfPart(const BatchContext& context, const conf::JoinPart& part) {
  const conf::GroupBy& group_by = *part.group_by;
  if (group_by.aggregations.empty()) return SchemaOfValues(context, group_by);
  CATENA_TRY(const types::Schema rows, SchemaOfRows(context, group_by));
  CATENA_TRY(const auto windowed, aggregate::WindowedAggregator::Bind(group_by, rows));
  return windowed.output_schema();
}

namespace {

Error OfPart(const conf::JoinPart& part, const Error& error) {
  return error.WithContext("join part " + part.group_by->metadata.name);
}

}  // namespace

Result<ScatteredColumns> AnswerPart(const BatchContext& context, const conf::JoinPart& part,
                                    std::span<const LeftRows> left, Date through, LeftKeyIds* ids) {
  auto answers = Answers(context, part, left, through, ids);
  if (!answers.ok()) return OfPart(part, answers.error());
  return answers;
}

Result<types::Batch> JoinPartColumns(const BatchContext& context, const conf::JoinPart& part,
                                     const ScatteredColumns& answers, const LeftRows& left,
                                     size_t first) {
  const types::Batch taken = answers.Take(first, first + left.size());
  const std::string prefix = conf::ColumnPrefix(part);
  types::Batch named;
  for (size_t i = 0; i < taken.width(); ++i) {
    named.AddColumn(prefix + taken.schema().fields[i].name, taken.shared(i));
  }
  auto derived = DerivePart(context, part, left, named);
  if (!derived.ok()) return OfPart(part, derived.error());
  return derived;
}

}  // namespace catena::batch
