// SPDX-License-Identifier: Apache-2.0
// KeyIndex: key bytes (types::EncodeKey) to dense ids 0, 1, 2, ...; and rows grouped by such ids.
//
//   input    any bytes; ids are given in order of first Add
//   limits   fewer than 2^32 - 1 keys; all key bytes lie in one arena, nothing is allocated a key
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace catena::batch {

inline constexpr uint32_t kNoGroup = UINT32_MAX;

class KeyIndex {
 public:
  KeyIndex();
  uint32_t Add(std::string_view key);
  // kNoGroup when absent.
  uint32_t Find(std::string_view key) const;
  size_t size() const { return ends_.size() - 1; }
  std::string_view Key(uint32_t id) const {
    return {arena_.data() + ends_[id], ends_[id + 1] - ends_[id]};
  }

 private:
  struct Slot {
    uint32_t id = kNoGroup;
    uint32_t tag = 0;  // High half of the hash: spares most reads of the arena.
  };
  size_t Probe(std::string_view key, uint64_t hash) const;
  void Grow();

  std::vector<char> arena_;
  std::vector<uint64_t> ends_;  // Key id lies in [ends_[id], ends_[id + 1]).
  std::vector<Slot> slots_;     // A power of two, at most three quarters full.
};

// Rows by group: group g has rows[begin[g], begin[g + 1]).
struct Groups {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> begin;
};

// Rows whose group is not kNoGroup, within a group sorted by (time, order); `orders` may be empty,
// then ties keep the order of rows.
Groups GroupRows(std::span<const uint32_t> group_of_row, size_t groups,
                 std::span<const int64_t> times, std::span<const uint64_t> orders);

}  // namespace catena::batch
