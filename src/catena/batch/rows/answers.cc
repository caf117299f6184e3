// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/answers.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "catena/aggregate/window/sawtooth.h"
#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

using types::ColumnPtr;

// Events and queries of a chunk together; what a sweep touches of so many fits into the cache.
constexpr size_t kRowsPerChunk = 16384;
// Chunks whose places stay in the cache while rows are told apart.
constexpr size_t kChunksMost = 4096;

using Works = std::vector<std::function<void()>>;

void DoAll(const Works& works, int threads) {
  const Status done = ParallelFor(works.size(), threads, [&](size_t i) {
    works[i]();
    return Status();
  });
  CATENA_CHECK(done.ok(), "moving rows cannot fail");
}

std::vector<uint32_t> CountGroups(std::span<const uint32_t> group_of_row, size_t groups) {
  std::vector<uint32_t> counts(groups, 0);
  for (const uint32_t group : group_of_row) {
    if (group != kNoGroup) ++counts[group];
  }
  return counts;
}

// Chunks of whole groups: chunk c has the groups [first[c], first[c + 1]).
struct Chunks {
  std::vector<uint32_t> first = {0};
  std::vector<size_t> rows;
  std::vector<uint16_t> of_group;

  size_t size() const { return rows.size(); }
  uint32_t groups(size_t chunk) const { return first[chunk + 1] - first[chunk]; }

  // By row, for RowParts.
  std::vector<uint16_t> OfRows(std::span<const uint32_t> group_of_row) const {
    std::vector<uint16_t> chunks(group_of_row.size());
    for (size_t row = 0; row < chunks.size(); ++row) {
      const uint32_t group = group_of_row[row];
      chunks[row] = group == kNoGroup ? RowParts::kNone : of_group[group];
    }
    return chunks;
  }
  // A hot key begins first, so that the others fill up the time that it takes.
  std::vector<size_t> LargestFirst() const {
    std::vector<size_t> order(size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return rows[a] > rows[b]; });
    return order;
  }
};

Chunks Cut(const std::vector<uint32_t>& events, const std::vector<uint32_t>& queries) {
  const auto sum = [](const std::vector<uint32_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), size_t{0});
  };
  const size_t enough = std::max(kRowsPerChunk, (sum(events) + sum(queries)) / kChunksMost + 1);
  Chunks chunks;
  size_t rows = 0;
  for (uint32_t group = 0; group < queries.size(); ++group) {
    chunks.of_group.push_back(static_cast<uint16_t>(chunks.size()));
    rows += size_t{events[group]} + queries[group];
    if (rows < enough && group + 1 < queries.size()) continue;
    chunks.first.push_back(group + 1);
    chunks.rows.push_back(rows);
    rows = 0;
  }
  return chunks;
}

template <typename T>
std::vector<T> Count(size_t size) {
  std::vector<T> numbers(size);
  std::iota(numbers.begin(), numbers.end(), T{0});
  return numbers;
}

// Rows that were parted into chunks, with what goes along.
struct Parted {
  RowParts parts;
  std::vector<int64_t> times = {};
  std::vector<uint64_t> orders = {};
  std::vector<uint32_t> groups = {};
  std::vector<ColumnPtr> columns = {};

  template <typename T>
  std::span<const T> Of(size_t chunk, const std::vector<T>& values) const {
    if (values.empty()) return {};
    return std::span(values).subspan(parts.begin(chunk),
                                     parts.begin(chunk + 1) - parts.begin(chunk));
  }
  // Rows of the chunk, counted within, by group, counted within.
  Groups GroupsOf(const Chunks& chunks, size_t chunk) const {
    std::vector<uint32_t> local(Of(chunk, groups).begin(), Of(chunk, groups).end());
    for (uint32_t& group : local) group -= chunks.first[chunk];
    return GroupRows(local, chunks.groups(chunk), Of(chunk, times), Of(chunk, orders));
  }
};

// What a sweep gets of a chunk's events: all rows of a batch, and how they are grouped.
struct ChunkEvents {
  types::Batch rows;
  std::vector<int64_t> times;
  Groups groups;
};

ChunkEvents EventsOf(const types::Schema& schema, const Parted& events, const Chunks& chunks,
                     size_t chunk) {
  const auto times = events.Of(chunk, events.times);
  std::vector<uint32_t> rows(times.size());
  std::iota(rows.begin(), rows.end(), static_cast<uint32_t>(events.parts.begin(chunk)));
  std::vector<ColumnPtr> columns;
  for (const ColumnPtr& column : events.columns) {
    columns.push_back(std::make_shared<types::Column>(column->Take(rows)));
  }
  return {types::Batch(schema, std::move(columns)),
          {times.begin(), times.end()},
          events.GroupsOf(chunks, chunk)};
}

ChunkEvents EventsOf(const types::Batch& inputs, const Asking& asking, const Chunks& chunks,
                     size_t chunk) {
  const Groups& all = *asking.grouped_events;
  const uint32_t begin = all.begin[chunks.first[chunk]];
  const auto rows = std::span(all.rows).subspan(begin, all.begin[chunks.first[chunk + 1]] - begin);
  ChunkEvents events{inputs.Take(rows), {}, {Count<uint32_t>(rows.size()), {}}};
  for (const uint32_t row : rows) events.times.push_back(asking.event_times[row]);
  for (uint32_t group = chunks.first[chunk]; group <= chunks.first[chunk + 1]; ++group) {
    events.groups.begin.push_back(all.begin[group] - begin);
  }
  return events;
}

std::vector<ColumnPtr> Sweep(const aggregate::WindowedAggregator& windowed,
                             const ChunkEvents& events, const Parted& queries, const Chunks& chunks,
                             size_t chunk) {
  const Groups asked = queries.GroupsOf(chunks, chunk);
  // Within a group rows come in the order of their ties already.
  std::vector<uint64_t> orders(events.times.size());
  for (size_t i = 0; i < orders.size(); ++i) orders[events.groups.rows[i]] = i;
  aggregate::SawtoothInput input;
  input.events = &events.rows;
  input.event_times = events.times;
  input.event_orders = orders;
  input.event_rows = events.groups.rows;
  input.event_begin = events.groups.begin;
  input.query_times = queries.Of(chunk, queries.times);
  input.query_rows = asked.rows;
  input.query_begin = asked.begin;
  input.output_rows = input.query_times.size();
  return aggregate::AnswerQueries(windowed, input);
}

Chunks CutAll(const Asking& asking, int threads) {
  std::vector<uint32_t> events;
  std::vector<uint32_t> queries;
  const auto count_events = [&] {
    if (asking.grouped_events == nullptr) {
      events = CountGroups(asking.event_groups, asking.groups);
      return;
    }
    const std::vector<uint32_t>& begin = asking.grouped_events->begin;
    for (size_t group = 0; group < asking.groups; ++group) {
      events.push_back(begin[group + 1] - begin[group]);
    }
  };
  DoAll({count_events, [&] { queries = CountGroups(asking.query_groups, asking.groups); }},
        threads);
  return Cut(events, queries);
}

}  // namespace

void Answer(const aggregate::WindowedAggregator& windowed, Asking asking, int threads,
            ScatteredColumns* answers) {
  std::vector<std::string> names;
  for (const types::Field& field : windowed.rows().input_schema().fields) {
    names.push_back(field.name);
  }
  types::Batch inputs = asking.events.Select(names);
  const types::Schema schema = inputs.schema();
  asking.events = types::Batch();
  const Chunks chunks = CutAll(asking, threads);
  Parted events{RowParts({}, 0)};
  Parted queries{RowParts({}, 0)};
  const auto part_events = [&] {
    events.parts = RowParts(chunks.OfRows(asking.event_groups), chunks.size());
  };
  DoAll({part_events,
         [&] { queries.parts = RowParts(chunks.OfRows(asking.query_groups), chunks.size()); }},
        threads);
  Works works = {[&] { queries.times = queries.parts.Part(asking.query_times); },
                 [&] { queries.groups = queries.parts.Part(asking.query_groups); }};
  if (asking.grouped_events == nullptr) {
    works.push_back([&] { events.times = events.parts.Part(asking.event_times); });
    works.push_back([&] { events.groups = events.parts.Part(asking.event_groups); });
    if (!asking.event_orders.empty()) {
      works.push_back([&] { events.orders = events.parts.Part(asking.event_orders); });
    }
    for (size_t i = 0; i < inputs.width(); ++i) events.columns.push_back(inputs.shared(i));
    inputs = types::Batch();
    for (ColumnPtr& column : events.columns) {
      works.push_back(
          [&] { column = std::make_shared<types::Column>(events.parts.Part(*column)); });
    }
  }
  DoAll(works, threads);
  const std::vector<size_t> order = chunks.LargestFirst();
  std::vector<std::vector<ColumnPtr>> pieces(chunks.size());
  const Status swept = ParallelFor(chunks.size(), threads, [&](size_t i) {
    const size_t chunk = order[i];
    const ChunkEvents mine = asking.grouped_events == nullptr
                                 ? EventsOf(schema, events, chunks, chunk)
                                 : EventsOf(inputs, asking, chunks, chunk);
    pieces[chunk] = Sweep(windowed, mine, queries, chunks, chunk);
    return Status();
  });
  CATENA_CHECK(swept.ok(), "a sweep cannot fail");
  answers->Add(std::move(queries.parts), std::move(pieces));
}

}  // namespace catena::batch
