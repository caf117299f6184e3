// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/key_index.h"

#include <algorithm>

#include "catena/base/check.h"
#include "catena/base/hash.h"

namespace catena::batch {

KeyIndex::KeyIndex() : ends_{0}, slots_(1024) {}

// The slot of the key, or the empty one where it belongs.
size_t KeyIndex::Probe(std::string_view key, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.id == kNoGroup || (slot.tag == tag && Key(slot.id) == key)) return at;
  }
}

uint32_t KeyIndex::Add(std::string_view key) {
  const uint64_t hash = HashBytes(key);
  Slot& slot = slots_[Probe(key, hash)];
  if (slot.id != kNoGroup) return slot.id;
  const auto id = static_cast<uint32_t>(size());
  CATENA_CHECK(id + 1 < kNoGroup, "KeyIndex is full");
  slot = Slot{id, static_cast<uint32_t>(hash >> 32)};
  arena_.insert(arena_.end(), key.begin(), key.end());
  ends_.push_back(arena_.size());
  if (size() * 4 > slots_.size() * 3) Grow();
  return id;
}

uint32_t KeyIndex::Find(std::string_view key) const {
  return slots_[Probe(key, HashBytes(key))].id;
}

void KeyIndex::Grow() {
  slots_.assign(slots_.size() * 2, Slot{});
  for (uint32_t id = 0; id < size(); ++id) {
    const uint64_t hash = HashBytes(Key(id));
    slots_[Probe(Key(id), hash)] = Slot{id, static_cast<uint32_t>(hash >> 32)};
  }
}

Groups GroupRows(std::span<const uint32_t> group_of_row, size_t groups,
                 std::span<const int64_t> times, std::span<const uint64_t> orders) {
  Groups grouped;
  grouped.begin.assign(groups + 1, 0);
  for (const uint32_t group : group_of_row) {
    if (group != kNoGroup) ++grouped.begin[group + 1];
  }
  for (size_t g = 0; g < groups; ++g) grouped.begin[g + 1] += grouped.begin[g];
  grouped.rows.resize(grouped.begin[groups]);
  std::vector<uint32_t> next(grouped.begin.begin(), grouped.begin.end() - 1);
  for (uint32_t row = 0; row < group_of_row.size(); ++row) {
    if (group_of_row[row] != kNoGroup) grouped.rows[next[group_of_row[row]]++] = row;
  }
  const auto earlier = [&](uint32_t a, uint32_t b) {
    if (times[a] != times[b]) return times[a] < times[b];
    if (!orders.empty() && orders[a] != orders[b]) return orders[a] < orders[b];
    return a < b;
  };
  for (size_t g = 0; g < groups; ++g) {
    const auto first = grouped.rows.begin() + grouped.begin[g];
    const auto last = grouped.rows.begin() + grouped.begin[g + 1];
    // Tables are often in time order already.
    if (!std::is_sorted(first, last, earlier)) std::sort(first, last, earlier);
  }
  return grouped;
}

}  // namespace catena::batch
