// SPDX-License-Identifier: Apache-2.0
// SeenKeys: which keys one object or map of a record has shown so far; few have many.
//
//   input  keys live as long as this does

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <unordered_set>

namespace catena::topic {

class SeenKeys {
 public:
  // False when the key was there before.
  bool Insert(std::string_view key) {
    if (many_.empty()) {
      const auto end = few_.begin() + count_;
      if (std::find(few_.begin(), end, key) != end) return false;
      if (count_ < kFew) {
        few_[count_++] = key;
        return true;
      }
      many_.insert(few_.begin(), few_.end());
    }
    return many_.insert(key).second;
  }

 private:
  static constexpr size_t kFew = 16;
  std::array<std::string_view, kFew> few_;
  size_t count_ = 0;
  std::unordered_set<std::string_view> many_;
};

}  // namespace catena::topic
