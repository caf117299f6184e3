// SPDX-License-Identifier: Apache-2.0
// Chunks: which rows of all groups are swept together.
//
//     groups     g0 g1 | g2 . . . . . . . . | g3 g4 g5 | ...
//     chunks     c0    | c1   | c2   | c3   | c4       | ...
//
// A chunk is whole groups, so many that their rows stay in the cache. A group with more rows than a
// thread's share of all is several chunks, ranges of time with about as many rows each, so that
// several threads sweep it.
//
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace catena::batch {

// Events or queries.
struct TimedRows {
  std::span<const uint32_t> groups;  // By row; kNoGroup: in no chunk.
  std::span<const int64_t> times;    // By row.
};

class Chunks {
 public:
  struct Chunk {
    uint32_t first_group = 0;
    uint32_t groups = 0;
    size_t rows = 0;    // About, of a range of time.
    size_t range = 0;   // Of a group in several chunks: the number of this one,
    size_t ranges = 1;  // of so many.
  };
  // For how many threads groups are split, by the times of which rows.
  struct Split {
    int threads = 1;
    TimedRows events;
    TimedRows queries;
  };

  // `events` and `queries`: how many of each group.
  Chunks(std::span<const uint32_t> events, std::span<const uint32_t> queries, const Split& split);

  size_t size() const { return chunks_.size(); }
  const Chunk& operator[](size_t chunk) const { return chunks_[chunk]; }
  // The chunk of each row, for RowParts. Of a range are the rows from its begin to the next's.
  std::vector<uint16_t> OfRows(const TimedRows& rows, int threads) const;
  // A large one begins first, so that the others fill up the time that it takes.
  std::vector<size_t> LargestFirst() const;

 private:
  void FindRanges(const Split& split);

  std::vector<Chunk> chunks_;
  std::vector<uint16_t> of_group_;                 // The first, where there are several.
  std::map<size_t, std::vector<int64_t>> begins_;  // By that first: when each of the others begins.
};

}  // namespace catena::batch
