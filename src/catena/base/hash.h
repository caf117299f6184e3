// SPDX-License-Identifier: Apache-2.0
// Hashes that are part of stored formats and of partitioning: never changed.
//
//   source  FNV-1a (64 bit) with the finalizer of MurmurHash3 (fmix64), CRC-32C (Castagnoli)

#pragma once

#include <cstdint>
#include <string_view>

namespace catena {

constexpr uint64_t MixHash(uint64_t hash) {
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  hash ^= hash >> 33;
  return hash;
}

constexpr uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3ULL;
  }
  return MixHash(hash);
}

// CRC-32C of `bytes`, continuing from `seed` (0 to begin).
uint32_t Crc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace catena
