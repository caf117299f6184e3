// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/answers.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "catena/aggregate/window/resolution.h"
#include "catena/aggregate/window/sawtooth.h"
#include "catena/base/parallel.h"
#include "catena/batch/rows/chunks.h"

namespace catena::batch {
namespace {

using aggregate::WindowedAggregator;
using types::ColumnPtr;

using Works = std::vector<std::function<void()>>;

void DoAll(const Works& works, int threads) {
  ParallelEach(works.size(), threads, [&](size_t i) { works[i](); });
}

std::vector<uint32_t> CountGroups(std::span<const uint32_t> group_of_row, size_t groups) {
  std::vector<uint32_t> counts(groups, 0);
  for (const uint32_t group : group_of_row) {
    if (group != kNoGroup) ++counts[group];
  }
  return counts;
}

std::vector<uint32_t> CountGroups(const Groups& groups) {
  std::vector<uint32_t> counts;
  for (size_t group = 0; group + 1 < groups.begin.size(); ++group) {
    counts.push_back(groups.begin[group + 1] - groups.begin[group]);
  }
  return counts;
}

// Rows that were parted into chunks, with what goes along.
struct Parted {
  RowParts parts;
  std::vector<int64_t> times = {};
  std::vector<uint64_t> orders = {};
  std::vector<uint32_t> groups = {};
  std::vector<ColumnPtr> columns = {};

  uint32_t begin(size_t chunk) const { return static_cast<uint32_t>(parts.begin(chunk)); }
  template <typename T>
  std::span<T> Of(size_t chunk, std::vector<T>& values) const {
    if (values.empty()) return {};
    return std::span(values).subspan(begin(chunk), begin(chunk + 1) - begin(chunk));
  }
  // Rows of the chunk, counted within, by group, counted within.
  Groups GroupsOf(const Chunks& chunks, size_t chunk) {
    const std::span<const uint32_t> mine = Of(chunk, groups);
    std::vector<uint32_t> local(mine.begin(), mine.end());
    for (uint32_t& group : local) group -= chunks[chunk].first_group;
    return GroupRows(local, chunks[chunk].groups, Of(chunk, times), Of(chunk, orders));
  }
};

// What a sweep gets of events: rows of a batch, and how they are grouped. Of rows that are sorted
// already the place is the order.
struct SweptEvents {
  types::Batch rows;
  std::span<const int64_t> times;
  std::span<const uint64_t> orders;
  std::span<const uint32_t> sorted;
  std::span<const uint32_t> begin;
};

std::vector<ColumnPtr> Sweep(const WindowedAggregator& windowed, const SweptEvents& events,
                             std::span<const int64_t> query_times, const Groups& asked) {
  aggregate::SawtoothInput input;
  input.events = &events.rows;
  input.event_times = events.times;
  input.event_orders = events.orders;
  input.event_rows = events.sorted;
  input.event_begin = events.begin;
  input.query_times = query_times;
  input.query_rows = asked.rows;
  input.query_begin = asked.begin;
  input.output_rows = query_times.size();
  return aggregate::AnswerQueries(windowed, input);
}

// The first instant that a window of a query at `query` may hold.
int64_t Reach(const WindowedAggregator& windowed, int64_t query) {
  Millis longest{0};
  for (const aggregate::WindowLength& window : windowed.windows()) {
    if (!window) return INT64_MIN;
    longest = std::max(longest, *window);
  }
  if (windowed.exact_windows()) return query - longest.count();
  return ToMillis(aggregate::WindowTail(FromMillis(query), longest));
}

// Sweeps of events that are in one group each, told apart into chunks.
class ChunkSweeps {
 public:
  ChunkSweeps(const WindowedAggregator& windowed, const Asking& asking, types::Batch inputs,
              int threads)
      : windowed_(windowed),
        threads_(threads),
        schema_(inputs.schema()),
        chunks_(Cut(asking)),
        events_{RowParts({}, 0)},
        queries_{RowParts({}, 0)} {
    Part(asking, std::move(inputs));
    SortRanges();
  }

  void Run(ScatteredColumns* answers) {
    const std::vector<size_t> order = chunks_.LargestFirst();
    std::vector<std::vector<ColumnPtr>> pieces(chunks_.size());
    ParallelEach(chunks_.size(), threads_, [&](size_t i) {
      const size_t chunk = order[i];
      pieces[chunk] = chunks_[chunk].ranges > 1 ? SweepRange(chunk) : SweepGroups(chunk);
    });
    answers->Add(std::move(queries_.parts), std::move(pieces));
  }

 private:
  Chunks Cut(const Asking& asking) {
    std::vector<uint32_t> events;
    std::vector<uint32_t> queries;
    DoAll({[&] { events = CountGroups(asking.event_groups, asking.groups); },
           [&] { queries = CountGroups(asking.query_groups, asking.groups); }},
          threads_);
    Chunks::Split split{1, EventsOf(asking), QueriesOf(asking)};
    // The others tell by their last digits where a sweep began.
    if (windowed_.rows().exact()) split.threads = threads_;
    return Chunks(events, queries, split);
  }
  static TimedRows EventsOf(const Asking& asking) {
    return {asking.event_groups, asking.event_times};
  }
  static TimedRows QueriesOf(const Asking& asking) {
    return {asking.query_groups, asking.query_times};
  }

  void Part(const Asking& asking, types::Batch inputs) {
    DoAll({[&] { events_.parts = RowParts(chunks_.OfRows(EventsOf(asking)), chunks_.size()); },
           [&] { queries_.parts = RowParts(chunks_.OfRows(QueriesOf(asking)), chunks_.size()); }},
          threads_);
    Works works = {[&] { queries_.times = queries_.parts.Part(asking.query_times); },
                   [&] { queries_.groups = queries_.parts.Part(asking.query_groups); },
                   [&] { events_.times = events_.parts.Part(asking.event_times); },
                   [&] { events_.groups = events_.parts.Part(asking.event_groups); },
                   [&] { ranks_.resize(events_.parts.size()); }};
    if (!asking.event_orders.empty()) {
      works.push_back([&] { events_.orders = events_.parts.Part(asking.event_orders); });
    }
    for (size_t i = 0; i < inputs.width(); ++i) events_.columns.push_back(inputs.shared(i));
    inputs = types::Batch();
    for (ColumnPtr& column : events_.columns) {
      works.push_back(
          [&] { column = std::make_shared<types::Column>(events_.parts.Part(*column)); });
    }
    DoAll(works, threads_);
  }

  // Events of the ranges of a group, one behind the other, so that each sees those before it.
  void SortRanges() {
    std::vector<size_t> ranges;
    for (size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      if (chunks_[chunk].ranges > 1) ranges.push_back(chunk);
    }
    if (ranges.empty()) return;
    sorted_.resize(events_.parts.size());
    ParallelEach(ranges.size(), threads_, [&](size_t i) {
      const uint32_t begin = events_.begin(ranges[i]);
      uint32_t at = begin;
      for (const uint32_t row : events_.GroupsOf(chunks_, ranges[i]).rows) {
        ranks_[begin + row] = at;
        sorted_[at++] = begin + row;
      }
    });
  }

  SweptEvents Swept(std::span<const uint32_t> sorted, std::span<const uint32_t> begin) const {
    return {types::Batch(schema_, events_.columns), events_.times, ranks_, sorted, begin};
  }
  std::vector<ColumnPtr> SweepGroups(size_t chunk) {
    Groups mine = events_.GroupsOf(chunks_, chunk);
    uint64_t rank = 0;
    for (uint32_t& row : mine.rows) {
      row += events_.begin(chunk);
      ranks_[row] = rank++;
    }
    return Sweep(windowed_, Swept(mine.rows, mine.begin), queries_.Of(chunk, queries_.times),
                 queries_.GroupsOf(chunks_, chunk));
  }
  std::vector<ColumnPtr> SweepRange(size_t chunk) {
    const Groups asked = queries_.GroupsOf(chunks_, chunk);
    const std::span<const int64_t> times = queries_.Of(chunk, queries_.times);
    std::span<const uint32_t> sorted(sorted_);
    sorted = sorted.first(events_.begin(chunk + 1));
    sorted = sorted.subspan(events_.begin(chunk - chunks_[chunk].range));
    if (!asked.rows.empty()) {
      const int64_t reach = Reach(windowed_, times[asked.rows.front()]);
      const auto first = std::ranges::lower_bound(sorted, reach, {},
                                                  [&](uint32_t row) { return events_.times[row]; });
      sorted = sorted.subspan(static_cast<size_t>(first - sorted.begin()));
    }
    const uint32_t begin[] = {0, static_cast<uint32_t>(sorted.size())};
    return Sweep(windowed_, Swept(sorted, begin), times, asked);
  }

  const WindowedAggregator& windowed_;
  int threads_;
  types::Schema schema_;
  Chunks chunks_;
  Parted events_;
  Parted queries_;
  std::vector<uint64_t> ranks_;   // By event: where it stands among those of its sweep.
  std::vector<uint32_t> sorted_;  // Events of ranges in the order of their ranks, else nothing.
};

// Sweeps of events some of which are in several groups: each chunk has a copy of its own.
void SweepGrouped(const WindowedAggregator& windowed, const Asking& asking,
                  const types::Batch& inputs, int threads, ScatteredColumns* answers) {
  const Groups& all = *asking.grouped_events;
  const Chunks chunks(CountGroups(all), CountGroups(asking.query_groups, asking.groups), {});
  Parted queries{RowParts(chunks.OfRows({asking.query_groups, asking.query_times}), chunks.size())};
  queries.times = queries.parts.Part(asking.query_times);
  queries.groups = queries.parts.Part(asking.query_groups);
  std::vector<std::vector<ColumnPtr>> pieces(chunks.size());
  ParallelEach(chunks.size(), threads, [&](size_t chunk) {
    const uint32_t first = chunks[chunk].first_group;
    const uint32_t begin = all.begin[first];
    const auto rows =
        std::span(all.rows).subspan(begin, all.begin[first + chunks[chunk].groups] - begin);
    std::vector<int64_t> times;
    for (const uint32_t row : rows) times.push_back(asking.event_times[row]);
    std::vector<uint64_t> orders(rows.size());
    std::iota(orders.begin(), orders.end(), 0);
    std::vector<uint32_t> sorted(rows.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::vector<uint32_t> begins;
    for (uint32_t group = first; group <= first + chunks[chunk].groups; ++group) {
      begins.push_back(all.begin[group] - begin);
    }
    const SweptEvents events{inputs.Take(rows), times, orders, sorted, begins};
    pieces[chunk] =
        Sweep(windowed, events, queries.Of(chunk, queries.times), queries.GroupsOf(chunks, chunk));
  });
  answers->Add(std::move(queries.parts), std::move(pieces));
}

}  // namespace

void Answer(const WindowedAggregator& windowed, Asking asking, int threads,
            ScatteredColumns* answers) {
  std::vector<std::string> names;
  for (const types::Field& field : windowed.rows().input_schema().fields) {
    names.push_back(field.name);
  }
  types::Batch inputs = asking.events.Select(names);
  asking.events = types::Batch();
  if (asking.grouped_events != nullptr) {
    return SweepGrouped(windowed, asking, inputs, threads, answers);
  }
  ChunkSweeps(windowed, asking, std::move(inputs), threads).Run(answers);
}

}  // namespace catena::batch
