// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/chunked_events.h"

#include <algorithm>
#include <functional>

#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

using types::Column;
using types::ColumnPtr;

std::vector<uint32_t> CountGroups(std::span<const uint32_t> group_of_row, size_t groups) {
  std::vector<uint32_t> counts(groups, 0);
  for (const uint32_t group : group_of_row) {
    if (group != kNoGroup) ++counts[group];
  }
  return counts;
}

Chunks Cut(const EventRows& events, const TimedRows& queries, bool split, int threads) {
  const TimedRows rows[] = {{events.group_of_row, events.times}, queries};
  std::vector<uint32_t> counts[2];
  ParallelEach(2, threads,
               [&](size_t i) { counts[i] = CountGroups(rows[i].groups, events.groups); });
  return Chunks(counts[0], counts[1], {split ? threads : 1, rows[0], rows[1]});
}

}  // namespace

ChunkedEvents::ChunkedEvents(EventRows events, const TimedRows& queries, bool split, int threads)
    : groups_(events.groups),
      chunks_(Cut(events, queries, split, threads)),
      packed_(events.rows.schema()),
      stride_(sizeof(Head) + packed_.width()) {
  {
    const RowParts parts(chunks_.OfRows({events.group_of_row, events.times}, threads),
                         chunks_.size(), threads);
    for (size_t chunk = 0; chunk <= chunks_.size(); ++chunk) {
      parts_begin_.push_back(parts.begin(chunk));
    }
    packed_events_ = PackedRows::Room(parts.size() * stride_);
    Pack(parts, events, threads);
  }
  for (const size_t i : packed_.others()) others_.push_back(events.rows.shared(i));
  events.rows = types::Batch();
  ParallelEach(chunks_.size(), threads, [&](size_t chunk) { Sort(chunk, events.orders); });
  for (size_t chunk = 0; chunk < chunks_.size(); chunk += chunks_[chunk].ranges) {
    if (chunks_[chunk].ranges == 1) continue;
    of_large_groups_[chunk] =
        ColumnsOf(parts_begin_[chunk], parts_begin_[chunk + chunks_[chunk].ranges]);
  }
}

void ChunkedEvents::Pack(const RowParts& parts, const EventRows& events, int threads) {
  std::vector<ColumnPtr> columns;
  for (size_t i = 0; i < events.rows.width(); ++i) columns.push_back(events.rows.shared(i));
  const size_t rows = parts.rows();
  ParallelEach((rows + RowParts::kStride - 1) / RowParts::kStride, threads, [&](size_t range) {
    const size_t first = range * RowParts::kStride;
    const size_t last = std::min(rows, first + RowParts::kStride);
    std::vector<uint32_t> places(last - first, UINT32_MAX);
    parts.Walk(first, last, [&](size_t row, uint32_t at) { places[row - first] = at; });
    const auto block = PackedRows::Room(PackedRows::kBlock * stride_);
    for (size_t begin = first; begin < last; begin += PackedRows::kBlock) {
      const size_t end = std::min(last, begin + PackedRows::kBlock);
      packed_.Pack(columns, begin, end - begin, stride_, block.get() + sizeof(Head));
      for (size_t row = begin; row < end; ++row) {
        if (row + PackedRows::kAhead < end &&
            places[row + PackedRows::kAhead - first] != UINT32_MAX) {
          std::byte* next =
              packed_events_.get() + places[row + PackedRows::kAhead - first] * stride_;
          __builtin_prefetch(next, 1);
          __builtin_prefetch(next + stride_ - 1, 1);
        }
        if (places[row - first] == UINT32_MAX) continue;
        std::byte* packed = block.get() + (row - begin) * stride_;
        const Head head{events.times[row], events.group_of_row[row], static_cast<uint32_t>(row)};
        std::memcpy(packed, &head, sizeof(head));
        PackedRows::Copy(packed, stride_, packed_events_.get() + places[row - first] * stride_);
      }
    }
  });
}

void ChunkedEvents::Sort(size_t chunk, std::span<const uint64_t> orders) {
  const size_t begin = parts_begin_[chunk];
  const size_t size = SizeOf(chunk);
  std::vector<uint32_t> groups(size);
  std::vector<int64_t> times(size);
  std::vector<uint64_t> own_orders(orders.empty() ? 0 : size);
  for (size_t i = 0; i < size; ++i) {
    const Head head = HeadAt(begin + i);
    groups[i] = head.group - chunks_[chunk].first_group;
    times[i] = head.time;
    if (!orders.empty()) own_orders[i] = orders[head.row];
  }
  const Groups sorted = GroupRows(groups, chunks_[chunk].groups, times, own_orders);
  std::byte* packed = packed_events_.get() + begin * stride_;
  const auto copy = PackedRows::Room(size * stride_);
  for (size_t i = 0; i < size; ++i) {
    PackedRows::Copy(packed + sorted.rows[i] * stride_, stride_, copy.get() + i * stride_);
  }
  std::copy_n(copy.get(), size * stride_, packed);
}

ChunkedEvents::Columns ChunkedEvents::ColumnsOf(size_t first, size_t last) const {
  Columns made{types::Batch(), std::make_shared<std::vector<int64_t>>(last - first)};
  const PackedRows::Columns unpacked = packed_.MakeColumns(last - first);
  for (size_t begin = first; begin < last; begin += PackedRows::kBlock) {
    packed_.Unpack(packed_events_.get() + begin * stride_ + sizeof(Head),
                   std::min(PackedRows::kBlock, last - begin), stride_, unpacked);
  }
  std::vector<uint32_t> rows;
  for (size_t at = first; at < last; ++at) {
    const Head head = HeadAt(at);
    (*made.times)[at - first] = head.time;
    if (!others_.empty()) rows.push_back(head.row);
  }
  std::vector<ColumnPtr> others;
  for (const ColumnPtr& read : others_) {
    others.push_back(std::make_shared<Column>(read->Take(rows)));
  }
  made.rows = packed_.Batch(unpacked, std::move(others));
  return made;
}

ChunkedEvents::Sorted ChunkedEvents::Of(size_t chunk) const {
  if (chunks_[chunk].ranges > 1) {
    const size_t first = chunk - chunks_[chunk].range;
    const Columns& of_group = of_large_groups_.at(first);
    return {of_group.rows, *of_group.times, 0, parts_begin_[chunk + 1] - parts_begin_[first]};
  }
  Columns columns = ColumnsOf(parts_begin_[chunk], parts_begin_[chunk + 1]);
  Sorted sorted{std::move(columns.rows), *columns.times, 0, SizeOf(chunk)};
  sorted.held = std::move(columns.times);
  sorted.begin_of_group.assign(chunks_[chunk].groups + 1, 0);
  for (size_t at = parts_begin_[chunk]; at < parts_begin_[chunk + 1]; ++at) {
    ++sorted.begin_of_group[HeadAt(at).group - chunks_[chunk].first_group + 1];
  }
  for (size_t i = 1; i < sorted.begin_of_group.size(); ++i) {
    sorted.begin_of_group[i] += sorted.begin_of_group[i - 1];
  }
  return sorted;
}

}  // namespace catena::batch
