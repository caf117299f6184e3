// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/chunks.h"

#include <algorithm>
#include <numeric>

#include "catena/base/parallel.h"
#include "catena/batch/rows/key_index.h"
#include "catena/batch/rows/row_parts.h"

namespace catena::batch {
namespace {

// Events and queries of a chunk together; what a sweep touches of so many fits into the cache.
constexpr size_t kRowsPerChunk = 16384;
// Chunks whose places stay in the cache while rows are told apart.
constexpr size_t kChunksMost = 4096;
// Ranges that a thread's share of all rows is worth: the others fill up what one takes longer.
constexpr size_t kRangesPerThread = 4;
// Of all rows, whose times say where the ranges of large groups begin.
constexpr size_t kSample = 65536;

}  // namespace

Chunks::Chunks(std::span<const uint32_t> events, std::span<const uint32_t> queries,
               const Split& split) {
  size_t all = 0;
  for (size_t group = 0; group < queries.size(); ++group) all += events[group] + queries[group];
  const auto threads = static_cast<size_t>(std::max(1, split.threads));
  const size_t enough = std::max(kRowsPerChunk, all / kChunksMost + 1);
  Chunk chunk;
  const auto close = [&] {
    if (chunk.groups == 0) return;
    const Chunk closed = chunk;
    for (; chunk.range < chunk.ranges; ++chunk.range) chunks_.push_back(chunk);
    chunk = {closed.first_group + closed.groups};
  };
  for (uint32_t group = 0; group < queries.size(); ++group) {
    const size_t rows = size_t{events[group]} + queries[group];
    const bool large = threads > 1 && rows > enough && rows * threads * 2 > all;
    if (large) close();
    of_group_.push_back(static_cast<uint16_t>(chunks_.size()));
    ++chunk.groups;
    chunk.rows += rows;
    if (large) chunk.ranges = rows * threads * kRangesPerThread / all + 1;
    if (large || chunk.rows >= enough) close();
  }
  close();
  FindRanges(split);
}

void Chunks::FindRanges(const Split& split) {
  std::map<uint32_t, std::vector<int64_t>> times;  // By large group.
  for (const Chunk& chunk : chunks_) {
    if (chunk.ranges > 1) times[chunk.first_group] = {};
  }
  if (times.empty()) return;
  const size_t stride = (split.events.groups.size() + split.queries.groups.size()) / kSample + 1;
  for (const TimedRows* rows : {&split.events, &split.queries}) {
    for (size_t row = 0; row < rows->groups.size(); row += stride) {
      const auto at = times.find(rows->groups[row]);
      if (at != times.end()) at->second.push_back(rows->times[row]);
    }
  }
  for (auto& [group, sample] : times) {
    const size_t first = of_group_[group];
    std::ranges::sort(sample);
    for (size_t i = 1; i < chunks_[first].ranges; ++i) {
      begins_[first].push_back(sample.empty() ? 0
                                              : sample[sample.size() * i / chunks_[first].ranges]);
    }
    for (size_t i = 0; i < chunks_[first].ranges; ++i) {
      chunks_[first + i].rows /= chunks_[first].ranges;
    }
  }
}

std::vector<uint16_t> Chunks::OfRows(const TimedRows& rows, int threads) const {
  std::vector<uint16_t> chunks(rows.groups.size());
  ParallelRanges(chunks.size(), threads, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      const uint32_t group = rows.groups[row];
      chunks[row] = group == kNoGroup ? RowParts::kNone : of_group_[group];
      if (begins_.empty()) continue;
      const auto at = begins_.find(chunks[row]);
      if (at == begins_.end()) continue;
      const auto next = std::ranges::upper_bound(at->second, rows.times[row]);
      chunks[row] += static_cast<uint16_t>(next - at->second.begin());
    }
  });
  return chunks;
}

std::vector<size_t> Chunks::LargestFirst() const {
  std::vector<size_t> order(size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order,
                           [&](size_t a, size_t b) { return chunks_[a].rows > chunks_[b].rows; });
  return order;
}

}  // namespace catena::batch
