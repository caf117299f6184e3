// SPDX-License-Identifier: Apache-2.0
// DatedGroups: a group for every pair of a key and a day that rows have, found by place.
//
//              key 0   key 1   key 2
//     day 0        0       -       1      cells; of those that a row has, the groups in order
//     day 1        -       2       3
//
// What a KeyIndex of (key, day) says as well, which looks for each row in a table that does not fit
// into the cache where there are many keys; the cells of one day do.
//
//   input    keys are ids below `keys`, kNoGroup passes a row over
//   limits   four bytes a cell; only where there are no more cells than rows
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "catena/base/time.h"
#include "catena/batch/rows/key_index.h"

namespace catena::batch {

class DatedGroups {
 public:
  // ids[row] and days[row] are of one row; days of rows that are passed over say nothing.
  // Each id becomes the group of its row. Absent where there were more cells than rows: ids then
  // stay as they are.
  static std::optional<DatedGroups> Of(std::span<uint32_t> ids, std::span<const Date> days,
                                       size_t keys, int threads);

  size_t size() const { return size_; }
  // kNoGroup where no row had both.
  uint32_t Find(uint32_t key, Date day) const {
    if (key == kNoGroup || day < first_ || day > last_) return kNoGroup;
    return cells_[CellOf(key, day)];
  }

 private:
  DatedGroups(size_t keys, Date first, Date last) : keys_(keys), first_(first), last_(last) {}
  void Fill(size_t cells, std::span<uint32_t> ids, std::span<const Date> days, int threads);
  size_t CellOf(uint32_t key, Date day) const {
    return static_cast<size_t>(day.days - first_.days) * keys_ + key;
  }

  size_t keys_;
  Date first_;
  Date last_;
  std::vector<uint32_t> cells_;
  size_t size_ = 0;
};

}  // namespace catena::batch
