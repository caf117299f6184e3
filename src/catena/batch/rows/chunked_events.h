// SPDX-License-Identifier: Apache-2.0
// ChunkedEvents: the events of many groups as sweeps walk them: told apart into chunks (chunks.h),
// in a chunk by group and time. They are sorted once for all who ask.
//
//     rows       e0 e1 e2 e3 e4 e5 ...              as they were read
//     packed     c0: e1 e4 e0 | c1: e5 e2 | ...     by chunk, group, time, order; packed_rows.h
//     a sweep    columns of one chunk: small arrays that stay in the cache
//
// Of a group in several chunks the columns are made once, for all of its ranges together.
//
//   order    ties in time go by `orders`, then by row
//   memory   the events' values and 16 bytes a row; values without a fixed width stay where they
//            were read
//   threads  const calls may run concurrently

#pragma once

#include <map>
#include <span>
#include <vector>

#include "catena/batch/rows/chunks.h"
#include "catena/batch/rows/key_index.h"
#include "catena/batch/rows/packed_rows.h"
#include "catena/batch/rows/row_parts.h"

namespace catena::batch {

// What of it counts by row is as long as there are rows.
struct EventRows {
  size_t groups = 0;
  types::Batch rows;                       // What is aggregated.
  std::span<const int64_t> times;          // By row.
  std::span<const uint64_t> orders;        // By row; empty: ties go by row.
  std::span<const uint32_t> group_of_row;  // kNoGroup: not an event.
};

class ChunkedEvents {
 public:
  // Chunks are cut for these `queries`; others may be asked, too. `split`: a large group becomes
  // several chunks. Frees columns of the rows that nobody else holds.
  ChunkedEvents(EventRows events, const TimedRows& queries, bool split, int threads);

  const Chunks& chunks() const { return chunks_; }
  size_t groups() const { return groups_; }

  // Events [begin, end) of a batch, in order.
  struct Sorted {
    types::Batch rows;
    std::span<const int64_t> times;
    size_t begin = 0;
    size_t end = 0;
    std::vector<uint32_t> begin_of_group = {};  // Of a chunk of whole groups, and the end.
    std::shared_ptr<const std::vector<int64_t>> held = nullptr;  // What `times` are of.
  };
  // Of a chunk of whole groups all of them, of a range those of its group through the range.
  Sorted Of(size_t chunk) const;
  // visit(group, time) of every event of the chunk.
  template <typename Visit>
  void VisitTimes(size_t chunk, const Visit& visit) const {
    for (size_t at = parts_begin_[chunk]; at < parts_begin_[chunk + 1]; ++at) {
      const Head head = HeadAt(at);
      visit(head.group, head.time);
    }
  }

 private:
  // What stands before the values of a packed event.
  struct Head {
    int64_t time;
    uint32_t group;
    uint32_t row;
  };
  struct Columns {
    types::Batch rows;
    std::shared_ptr<std::vector<int64_t>> times;
  };
  Head HeadAt(size_t at) const {
    Head head;
    std::memcpy(&head, packed_events_.get() + at * stride_, sizeof(head));
    return head;
  }
  size_t SizeOf(size_t chunk) const { return parts_begin_[chunk + 1] - parts_begin_[chunk]; }
  void Pack(const RowParts& parts, const EventRows& events, int threads);
  void Sort(size_t chunk, std::span<const uint64_t> orders);
  Columns ColumnsOf(size_t first, size_t last) const;

  size_t groups_;
  Chunks chunks_;
  PackedRows packed_;
  std::vector<types::ColumnPtr> others_;  // Columns as they were read, of packed_.others().
  size_t stride_;
  std::unique_ptr<std::byte[]> packed_events_;
  std::vector<size_t> parts_begin_;            // By chunk: where its events begin, and the end.
  std::map<size_t, Columns> of_large_groups_;  // By their first chunk.
};

}  // namespace catena::batch
