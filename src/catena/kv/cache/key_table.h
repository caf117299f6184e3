// SPDX-License-Identifier: Apache-2.0
// KeyTable: entries by key, each at one place from Add to Erase.
//
//     cells   hash, entry | hash, entry | none | ...     of two cells one or more is free
//
// An entry is found in the first cell from its hash on that has it: a cell and the entry are all
// the memory that is looked at, where std::unordered_map looks at its bucket and two nodes.
//
//   input    Entry has a member `key` of type std::string, a default constructor, and Prefetch(),
//            which asks for the memory that it points to
//   threads  const calls may run concurrently

#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/hash.h"

namespace catena::kv {

template <typename Entry>
class KeyTable {
 public:
  // Null when there is none.
  Entry* Find(std::string_view key) const { return Find(key, HashBytes(key)); }
  // The same of many keys, best by FoundTogether. Memory that is far away is asked for a few keys
  // ahead, so that it comes for several at once.
  void FindMany(std::span<const std::string_view> keys, std::vector<Entry*>* found) const {
    constexpr size_t kAhead = 8;  // Keys from cell to entry, and from entry to what is asked.
    found->resize(keys.size());
    std::vector<uint64_t> hashes(keys.size());
    for (size_t i = 0; i < keys.size() + 2 * kAhead; ++i) {
      if (i < keys.size()) {
        hashes[i] = HashBytes(keys[i]);
        __builtin_prefetch(&cells_[HomeOf(hashes[i])]);
      }
      if (i >= kAhead && i - kAhead < keys.size()) {
        const auto* entry =
            reinterpret_cast<const char*>(cells_[HomeOf(hashes[i - kAhead])].entry.get());
        for (size_t at = 0; at < sizeof(Entry); at += kCacheLine) __builtin_prefetch(entry + at);
      }
      if (i >= 2 * kAhead) {
        const size_t asked = i - 2 * kAhead;
        (*found)[asked] = Find(keys[asked], hashes[asked]);
        if ((*found)[asked] != nullptr) (*found)[asked]->Prefetch();
      }
    }
  }
  // Of a key that has none.
  Entry* Add(std::string_view key) {
    if (2 * (size_ + 1) > cells_.size()) Grow();
    ++size_;
    auto entry = std::make_unique<Entry>();
    entry->key = key;
    return Place(HashBytes(key), std::move(entry));
  }
  // What is in the cell, none or one; then looks what else belongs there.
  void Erase(size_t cell) {
    --size_;
    cells_[cell].entry.reset();
    size_t hole = cell;
    for (size_t at = After(cell); cells_[at].entry != nullptr; at = After(at)) {
      // Moves back unless its home lies behind the hole.
      const size_t from_home = (at - HomeOf(cells_[at].hash)) & (cells_.size() - 1);
      const size_t from_hole = (at - hole) & (cells_.size() - 1);
      if (from_home < from_hole) continue;
      cells_[hole] = std::move(cells_[at]);
      hole = at;
    }
  }
  // Null when the cell is free.
  Entry* At(size_t cell) const { return cells_[cell].entry.get(); }
  size_t cells() const { return cells_.size(); }
  size_t size() const { return size_; }
  // Without asking for memory.
  void Clear() {
    for (Cell& cell : cells_) cell = Cell();
    size_ = 0;
  }

 private:
  struct Cell {
    uint64_t hash = 0;
    std::unique_ptr<Entry> entry;
  };
  static constexpr size_t kCellsMin = 16;
  static constexpr size_t kCacheLine = 64;

  Entry* Find(std::string_view key, uint64_t hash) const {
    for (size_t at = HomeOf(hash); cells_[at].entry != nullptr; at = After(at)) {
      if (cells_[at].hash == hash && cells_[at].entry->key == key) return cells_[at].entry.get();
    }
    return nullptr;
  }
  size_t HomeOf(uint64_t hash) const { return hash & (cells_.size() - 1); }
  size_t After(size_t at) const { return (at + 1) & (cells_.size() - 1); }
  Entry* Place(uint64_t hash, std::unique_ptr<Entry> entry) {
    size_t at = HomeOf(hash);
    while (cells_[at].entry != nullptr) at = After(at);
    cells_[at] = Cell{hash, std::move(entry)};
    return cells_[at].entry.get();
  }
  void Grow() {
    std::vector<Cell> before(2 * cells_.size());
    before.swap(cells_);
    for (Cell& cell : before) {
      if (cell.entry != nullptr) Place(cell.hash, std::move(cell.entry));
    }
  }

  std::vector<Cell> cells_ = std::vector<Cell>(kCellsMin);  // A power of two.
  size_t size_ = 0;
};

// The entries of things that have a key each: those of neighbours with one key are found once.
template <typename Entry>
class FoundTogether {
 public:
  template <typename Keyed>
  FoundTogether(const KeyTable<Entry>& table, std::span<const Keyed> all) {
    for (const Keyed& each : all) {
      if (keys_.empty() || each.key != keys_.back()) keys_.push_back(each.key);
    }
    table.FindMany(keys_, &entries_);
  }
  // The same, where some of the entries have been found before: those of the keys that both begin
  // with, in the same memory. They must be there still.
  template <typename Keyed>
  FoundTogether(const KeyTable<Entry>& table, std::span<const Keyed> all,
                const FoundTogether& before) {
    for (const Keyed& each : all) {
      if (keys_.empty() || each.key != keys_.back()) keys_.push_back(each.key);
    }
    const size_t both = std::min(keys_.size(), before.keys_.size());
    size_t known = 0;
    while (known < both && keys_[known].data() == before.keys_[known].data() &&
           keys_[known].size() == before.keys_[known].size()) {
      ++known;
    }
    table.FindMany(std::span(keys_).subspan(known), &entries_);
    entries_.insert(entries_.begin(), before.entries_.begin(),
                    before.entries_.begin() + static_cast<ptrdiff_t>(known));
  }
  FoundTogether() = default;
  // By key, as they come.
  std::span<Entry* const> entries() const { return entries_; }
  // Of each of them, one after the other; null when there is none.
  Entry* Next(std::string_view key) {
    if (next_ == 0 || key != keys_[next_ - 1]) ++next_;
    return entries_[next_ - 1];
  }

 private:
  std::vector<std::string_view> keys_;
  std::vector<Entry*> entries_;
  size_t next_ = 0;  // Of the keys.
};

}  // namespace catena::kv
