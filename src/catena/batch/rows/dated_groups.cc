// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/dated_groups.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

struct Days {
  Date first{std::numeric_limits<int32_t>::max()};
  Date last{std::numeric_limits<int32_t>::min()};

  size_t size() const {
    return first > last ? 0 : static_cast<size_t>(int64_t{last.days} - first.days + 1);
  }
};

Days DaysOf(std::span<const uint32_t> ids, std::span<const Date> days, int threads) {
  Days all;
  std::mutex mutex;
  ParallelRanges(ids.size(), threads, [&](size_t begin, size_t end) {
    Days own;
    for (size_t row = begin; row < end; ++row) {
      if (ids[row] == kNoGroup) continue;
      own.first = std::min(own.first, days[row]);
      own.last = std::max(own.last, days[row]);
    }
    const std::lock_guard lock(mutex);
    all.first = std::min(all.first, own.first);
    all.last = std::max(all.last, own.last);
  });
  return all;
}

}  // namespace

std::optional<DatedGroups> DatedGroups::Of(std::span<uint32_t> ids, std::span<const Date> days,
                                           size_t keys, int threads) {
  const Days range = DaysOf(ids, days, threads);
  const size_t count = range.size();
  if (count > 0 && keys > ids.size() / count) return std::nullopt;
  DatedGroups groups(keys, range.first, range.last);
  groups.Fill(count * keys, ids, days, threads);
  return groups;
}

void DatedGroups::Fill(size_t cells, std::span<uint32_t> ids, std::span<const Date> days,
                       int threads) {
  cells_.assign(cells, kNoGroup);
  // From any thread: most rows say what an earlier one has said.
  ParallelRanges(ids.size(), threads, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      if (ids[row] == kNoGroup) continue;
      const std::atomic_ref<uint32_t> cell(cells_[CellOf(ids[row], days[row])]);
      if (cell.load(std::memory_order_relaxed) != 0) cell.store(0, std::memory_order_relaxed);
    }
  });
  for (uint32_t& cell : cells_) {
    if (cell != kNoGroup) cell = static_cast<uint32_t>(size_++);
  }
  ParallelRanges(ids.size(), threads, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) ids[row] = Find(ids[row], days[row]);
  });
}

}  // namespace catena::batch
