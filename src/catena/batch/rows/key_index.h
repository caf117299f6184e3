// SPDX-License-Identifier: Apache-2.0
// KeyIndex: keys to dense ids 0, 1, 2, ...; and rows grouped by such ids.
//
//   input    key bytes (types::EncodeKey), or one integer and a day, which stand for the bytes that
//            EncodeKey and AppendDay make of them; ids are given in order of first Add
//   limits   fewer than 2^32 - 1 keys; all key bytes lie in one arena, nothing is allocated a key
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/time.h"

namespace catena::batch {

inline constexpr uint32_t kNoGroup = UINT32_MAX;

// The day becomes the last eight bytes of a key.
void AppendDay(Date day, std::string* key);
Date DayOf(std::string_view key);

// What a key of one integer is.
struct IntegerKey {
  static constexpr int32_t kNoDay = INT32_MIN;
  int64_t key = 0;
  int32_t day = kNoDay;
  bool operator==(const IntegerKey&) const = default;
};

class KeyIndex {
 public:
  KeyIndex();
  uint32_t Add(std::string_view key);
  // kNoGroup when absent.
  uint32_t Find(std::string_view key) const;
  // The same without making bytes of keys that are known.
  uint32_t Add(IntegerKey key);
  uint32_t Find(IntegerKey key) const;
  // All keys of the other, in order of their ids; gives what each has become.
  std::vector<uint32_t> AddAll(KeyIndex other);
  // Brings into the cache what Add and Find of the key will look at.
  void Prefetch(IntegerKey key) const { __builtin_prefetch(&integers_[HomeOf(key)]); }

  size_t size() const { return ends_.size() - 1; }
  std::string_view Key(uint32_t id) const {
    return {arena_.data() + ends_[id], ends_[id + 1] - ends_[id]};
  }
  // All ids by the bytes of their keys.
  std::vector<uint32_t> SortedIds(int threads) const;

 private:
  struct Slot {
    uint32_t id = kNoGroup;
    uint32_t tag = 0;  // High half of the hash: spares most reads of the arena.
  };
  // An IntegerKey without what would fill it up to 16 bytes: the id goes there.
  struct IntegerSlot {
    int64_t key = 0;
    int32_t day = IntegerKey::kNoDay;
    uint32_t id = kNoGroup;
    bool Holds(IntegerKey other) const { return key == other.key && day == other.day; }
  };
  uint32_t Append(std::string_view key);
  size_t Probe(std::string_view key, uint64_t hash) const;
  size_t Probe(IntegerKey key) const;
  // Where the search of the key begins.
  size_t HomeOf(IntegerKey key) const;
  void Grow();
  void GrowIntegers();

  std::vector<char> arena_;
  std::vector<uint64_t> ends_;  // Key id lies in [ends_[id], ends_[id + 1]).
  // Of keys that were added as bytes: a power of two, at most three quarters full.
  std::vector<Slot> slots_;
  size_t slot_count_ = 0;
  // Of keys that were added as integers: the same, at most half full.
  std::vector<IntegerSlot> integers_;
  size_t integer_count_ = 0;
};

// Rows by group: group g has rows[begin[g], begin[g + 1]).
struct Groups {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> begin;
};

// Rows whose group is not kNoGroup, within a group sorted by (time, order); `orders` may be empty,
// then ties keep the order of rows.
Groups GroupRows(std::span<const uint32_t> group_of_row, size_t groups,
                 std::span<const int64_t> times, std::span<const uint64_t> orders, int threads = 1);

}  // namespace catena::batch
