// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/answers.h"

#include <algorithm>
#include <numeric>

#include "catena/aggregate/window/resolution.h"
#include "catena/aggregate/window/sawtooth.h"
#include "catena/base/parallel.h"
#include "catena/batch/rows/unset_vector.h"

namespace catena::batch {
namespace {

using aggregate::WindowedAggregator;
using types::ColumnPtr;

// Queries of all chunks, and how they are grouped in each.
struct Queries {
  RowParts parts;
  UnsetVector<int64_t> times;  // By place, as groups.
  UnsetVector<uint32_t> groups;

  Queries(const Chunks& chunks, const TimedRows& rows, int threads)
      : parts(chunks.OfRows(rows, threads), chunks.size(), threads),
        times(parts.size()),
        groups(parts.size()) {
    ParallelEach((parts.rows() + RowParts::kStride - 1) / RowParts::kStride, threads,
                 [&](size_t range) {
                   const size_t first = range * RowParts::kStride;
                   parts.Walk(first, std::min(parts.rows(), first + RowParts::kStride),
                              [&](size_t row, uint32_t at) {
                                times[at] = rows.times[row];
                                groups[at] = rows.groups[row];
                              });
                 });
  }
  std::span<const int64_t> TimesOf(size_t chunk) const {
    return std::span(times).subspan(parts.begin(chunk),
                                    parts.begin(chunk + 1) - parts.begin(chunk));
  }
  Groups GroupsOf(const Chunks& chunks, size_t chunk) const {
    std::vector<uint32_t> local(groups.begin() + static_cast<ptrdiff_t>(parts.begin(chunk)),
                                groups.begin() + static_cast<ptrdiff_t>(parts.begin(chunk + 1)));
    for (uint32_t& group : local) group -= chunks[chunk].first_group;
    return GroupRows(local, chunks[chunk].groups, TimesOf(chunk), {});
  }
};

// Events [first, last) of `rows`, which are in order; begin[g] counts from `first`.
struct SweptEvents {
  const types::Batch& rows;
  std::span<const int64_t> times;
  size_t first;
  size_t last;
  std::vector<uint32_t> begin;
};

std::vector<ColumnPtr> Sweep(const WindowedAggregator& windowed, const SweptEvents& events,
                             std::span<const int64_t> query_times, const Groups& asked) {
  std::vector<uint32_t> sorted(events.last - events.first);
  std::iota(sorted.begin(), sorted.end(), static_cast<uint32_t>(events.first));
  std::vector<uint64_t> orders(events.last);
  std::iota(orders.begin(), orders.end(), uint64_t{0});
  aggregate::SawtoothInput input;
  input.events = &events.rows;
  input.event_times = events.times;
  input.event_orders = orders;
  input.event_rows = sorted;
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

std::vector<ColumnPtr> SweepChunk(const WindowedAggregator& windowed, const ChunkedEvents& events,
                                  const Queries& queries, size_t chunk) {
  ChunkedEvents::Sorted sorted = events.Of(chunk);
  const Groups asked = queries.GroupsOf(events.chunks(), chunk);
  const std::span<const int64_t> times = queries.TimesOf(chunk);
  if (events.chunks()[chunk].ranges == 1) {
    return Sweep(windowed,
                 {sorted.rows, sorted.times, 0, sorted.end, std::move(sorted.begin_of_group)},
                 times, asked);
  }
  size_t first = 0;
  if (!asked.rows.empty()) {
    const auto through = sorted.times.first(sorted.end);
    const auto reached =
        std::ranges::lower_bound(through, Reach(windowed, times[asked.rows.front()]));
    first = static_cast<size_t>(reached - through.begin());
  }
  return Sweep(windowed,
               {sorted.rows,
                sorted.times,
                first,
                sorted.end,
                {0, static_cast<uint32_t>(sorted.end - first)}},
               times, asked);
}

// Sweeps of events some of which are in several groups: each chunk has a copy of its own.
void SweepGrouped(const WindowedAggregator& windowed, const Asking& asking,
                  const types::Batch& inputs, int threads, ScatteredColumns* answers) {
  const Groups& all = *asking.grouped_events;
  std::vector<uint32_t> event_counts;
  for (size_t group = 0; group < asking.groups; ++group) {
    event_counts.push_back(all.begin[group + 1] - all.begin[group]);
  }
  std::vector<uint32_t> query_counts(asking.groups, 0);
  for (const uint32_t group : asking.query_groups) {
    if (group != kNoGroup) ++query_counts[group];
  }
  const Chunks chunks(event_counts, query_counts, {});
  Queries queries(chunks, {asking.query_groups, asking.query_times}, threads);
  std::vector<ScatteredColumns::Columns> pieces(chunks.size());
  ParallelEach(chunks.size(), threads, [&](size_t chunk) {
    const uint32_t first = chunks[chunk].first_group;
    const uint32_t begin = all.begin[first];
    const auto rows =
        std::span(all.rows).subspan(begin, all.begin[first + chunks[chunk].groups] - begin);
    std::vector<int64_t> times;
    for (const uint32_t row : rows) times.push_back(asking.event_times[row]);
    std::vector<uint32_t> begins;
    for (uint32_t group = first; group <= first + chunks[chunk].groups; ++group) {
      begins.push_back(all.begin[group] - begin);
    }
    const types::Batch taken = inputs.Take(rows);
    pieces[chunk] = Sweep(windowed, {taken, times, 0, rows.size(), std::move(begins)},
                          queries.TimesOf(chunk), queries.GroupsOf(chunks, chunk));
  });
  answers->Add(std::move(queries.parts), std::move(pieces));
}

}  // namespace

types::Batch InputsOf(const WindowedAggregator& windowed, const types::Batch& events) {
  std::vector<std::string> names;
  for (const types::Field& field : windowed.rows().input_schema().fields) {
    names.push_back(field.name);
  }
  return events.Select(names);
}

void Answer(const WindowedAggregator& windowed, const ChunkedEvents& events,
            const TimedRows& queries, int threads, ScatteredColumns* answers) {
  Queries asked(events.chunks(), queries, threads);
  const std::vector<size_t> order = events.chunks().LargestFirst();
  std::vector<ScatteredColumns::Columns> pieces(order.size());
  ParallelEach(order.size(), threads,
               [&](size_t i) { pieces[order[i]] = SweepChunk(windowed, events, asked, order[i]); });
  answers->Add(std::move(asked.parts), std::move(pieces));
}

void Answer(const WindowedAggregator& windowed, Asking asking, int threads,
            ScatteredColumns* answers) {
  types::Batch inputs = InputsOf(windowed, asking.events);
  asking.events = types::Batch();
  if (asking.grouped_events != nullptr) {
    return SweepGrouped(windowed, asking, inputs, threads, answers);
  }
  const TimedRows queries{asking.query_groups, asking.query_times};
  const ChunkedEvents events({asking.groups, std::move(inputs), asking.event_times,
                              asking.event_orders, asking.event_groups},
                             queries, windowed.rows().exact(), threads);
  Answer(windowed, events, queries, threads, answers);
}

}  // namespace catena::batch
