// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/answers.h"

#include <algorithm>
#include <numeric>

#include "catena/aggregate/window/sawtooth.h"
#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

using types::ColumnPtr;

// Events and queries of a chunk together; what a sweep touches of so many fits into the cache.
constexpr size_t kRowsPerChunk = 16384;

// Groups [first, last).
struct Chunk {
  uint32_t first = 0;
  uint32_t last = 0;
  size_t rows = 0;
};

std::span<const uint32_t> RowsOf(const Groups& groups, const Chunk& chunk) {
  const uint32_t begin = groups.begin[chunk.first];
  return std::span(groups.rows).subspan(begin, groups.begin[chunk.last] - begin);
}

std::vector<Chunk> Cut(const Groups& event_groups, const Groups& query_groups) {
  const auto& events = event_groups.begin;
  const auto& queries = query_groups.begin;
  std::vector<Chunk> chunks;
  Chunk chunk;
  for (uint32_t group = 0; group + 1 < queries.size(); ++group) {
    chunk.rows += (events[group + 1] - events[group]) + (queries[group + 1] - queries[group]);
    chunk.last = group + 1;
    if (chunk.rows < kRowsPerChunk && group + 2 < queries.size()) continue;
    chunks.push_back(chunk);
    chunk = {group + 1, group + 1, 0};
  }
  // A hot key begins first, so that the others fill up the time that it takes.
  std::stable_sort(chunks.begin(), chunks.end(),
                   [](const Chunk& a, const Chunk& b) { return a.rows > b.rows; });
  return chunks;
}

std::vector<int64_t> Gather(std::span<const int64_t> values, std::span<const uint32_t> rows) {
  std::vector<int64_t> gathered(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) gathered[i] = values[rows[i]];
  return gathered;
}

std::vector<uint32_t> Rebased(const Groups& groups, const Chunk& chunk) {
  std::vector<uint32_t> begin(groups.begin.begin() + chunk.first,
                              groups.begin.begin() + chunk.last + 1);
  for (uint32_t& at : begin) at -= groups.begin[chunk.first];
  return begin;
}

template <typename T>
std::vector<T> Count(size_t size) {
  std::vector<T> numbers(size);
  std::iota(numbers.begin(), numbers.end(), T{0});
  return numbers;
}

std::vector<ColumnPtr> Sweep(const aggregate::WindowedAggregator& windowed, const Asking& asking,
                             const Groups& queries, const types::Batch& inputs,
                             const Chunk& chunk) {
  const auto event_rows = RowsOf(*asking.event_groups, chunk);
  const auto query_rows = RowsOf(queries, chunk);
  const types::Batch events = inputs.Take(event_rows);
  const std::vector<int64_t> event_times = Gather(asking.event_times, event_rows);
  const std::vector<int64_t> query_times = Gather(asking.query_times, query_rows);
  // Within a group rows come in the order of their ties already.
  const std::vector<uint64_t> orders = Count<uint64_t>(event_rows.size());
  const std::vector<uint32_t> rows =
      Count<uint32_t>(std::max(event_rows.size(), query_rows.size()));
  const std::vector<uint32_t> event_begin = Rebased(*asking.event_groups, chunk);
  const std::vector<uint32_t> query_begin = Rebased(queries, chunk);
  aggregate::SawtoothInput input;
  input.events = &events;
  input.event_times = event_times;
  input.event_orders = orders;
  input.event_rows = std::span(rows).first(event_rows.size());
  input.event_begin = event_begin;
  input.query_times = query_times;
  input.query_rows = std::span(rows).first(query_rows.size());
  input.query_begin = query_begin;
  input.output_rows = query_rows.size();
  return aggregate::AnswerQueries(windowed, input);
}

}  // namespace

void Answer(const aggregate::WindowedAggregator& windowed, const Asking& asking, int threads,
            ScatteredColumns* answers) {
  std::vector<std::string> names;
  for (const types::Field& field : windowed.rows().input_schema().fields) {
    names.push_back(field.name);
  }
  const types::Batch inputs = asking.events->Select(names);
  const Groups queries = GroupRows(asking.query_groups, asking.event_groups->begin.size() - 1,
                                   asking.query_times, {}, threads);
  const std::vector<Chunk> chunks = Cut(*asking.event_groups, queries);
  std::vector<std::vector<ColumnPtr>> pieces(chunks.size());
  const Status swept = ParallelFor(chunks.size(), threads, [&](size_t i) {
    pieces[i] = Sweep(windowed, asking, queries, inputs, chunks[i]);
    return Status();
  });
  CATENA_CHECK(swept.ok(), "a sweep cannot fail");
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto rows = RowsOf(queries, chunks[i]);
    answers->Add(pieces[i], {rows.begin(), rows.end()});
    pieces[i].clear();
  }
}

}  // namespace catena::batch
