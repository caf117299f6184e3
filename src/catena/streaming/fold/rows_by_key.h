// SPDX-License-Identifier: Apache-2.0
// RowsByKey: rows of one micro-batch, those of one key together and in their order.
//
//   input    encoded keys, in the order of their rows; keys are numbered by first use
//   threads  one thread; reused from call to call, so that nothing is allocated a key

#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/hash.h"

namespace catena::streaming {

class RowsByKey {
 public:
  void Begin(size_t rows_expected) {
    bytes_.clear();
    ends_.assign(1, 0);
    added_.clear();
    key_of_added_.clear();
    table_.assign(std::bit_ceil(2 * rows_expected + 2), kNone);
  }
  void Add(uint32_t row, std::string_view key) {
    added_.push_back(row);
    key_of_added_.push_back(NumberOf(key));
  }
  // After the last Add: puts the rows in order.
  void Group() {
    begins_.assign(keys() + 1, 0);
    for (const uint32_t key : key_of_added_) ++begins_[key + 1];
    for (size_t key = 0; key < keys(); ++key) begins_[key + 1] += begins_[key];
    next_.assign(begins_.begin(), begins_.end() - 1);
    rows_.resize(added_.size());
    for (size_t i = 0; i < added_.size(); ++i) rows_[next_[key_of_added_[i]]++] = added_[i];
  }

  size_t keys() const { return ends_.size() - 1; }
  std::string_view Key(size_t key) const {
    return std::string_view(bytes_).substr(ends_[key], ends_[key + 1] - ends_[key]);
  }
  // Rows of key k are rows()[begin(k), begin(k + 1)).
  std::span<const uint32_t> rows() const { return rows_; }
  uint32_t begin(size_t key) const { return begins_[key]; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t NumberOf(std::string_view key) {
    const size_t mask = table_.size() - 1;
    size_t at = HashBytes(key) & mask;
    while (table_[at] != kNone && Key(table_[at]) != key) at = (at + 1) & mask;
    if (table_[at] == kNone) {
      table_[at] = static_cast<uint32_t>(keys());
      bytes_.append(key);
      ends_.push_back(bytes_.size());
    }
    return table_[at];
  }

  std::string bytes_;         // Of all keys, one after the other.
  std::vector<size_t> ends_;  // Key k lies in [ends_[k], ends_[k + 1]).
  std::vector<uint32_t> table_;
  std::vector<uint32_t> added_, key_of_added_;
  std::vector<uint32_t> rows_, begins_, next_;
};

}  // namespace catena::streaming
