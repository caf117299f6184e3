// SPDX-License-Identifier: Apache-2.0
// ForgottenKeys: which keys a CachedStore has let go of, so that it knows which it never had.
//
//     words   of 64 bits; a key's are four of one word, so that it costs one look at memory
//
//   output   MayHave is true of every key that was added, and of few others: one in a hundred where
//            there are four keys a word
//   memory   none until a key is added
//   threads  const calls may run concurrently
//   source   Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007)

#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "catena/base/hash.h"

namespace catena::kv {

class ForgottenKeys {
 public:
  explicit ForgottenKeys(size_t bytes_max)
      : size_(std::bit_floor(bytes_max / sizeof(uint64_t) + 1)) {}

  void Add(std::string_view key) {
    if (words_.empty()) words_.resize(size_);
    const uint64_t hash = HashBytes(key);
    words_[hash & (size_ - 1)] |= BitsOf(hash);
  }
  bool MayHave(std::string_view key) const {
    if (words_.empty()) return false;
    const uint64_t hash = HashBytes(key);
    return (words_[hash & (size_ - 1)] & BitsOf(hash)) == BitsOf(hash);
  }
  void Clear() { words_.clear(); }

 private:
  // By the upper bits of the hash; the lower ones say which word.
  static uint64_t BitsOf(uint64_t hash) {
    constexpr int kLowest = 40;
    constexpr int kBitsOfPlace = 6;
    uint64_t bits = 0;
    for (int shift = kLowest; shift < 64; shift += kBitsOfPlace) {
      bits |= uint64_t{1} << (hash >> shift & 63);
    }
    return bits;
  }

  size_t size_;  // A power of two.
  std::vector<uint64_t> words_;
};

}  // namespace catena::kv
