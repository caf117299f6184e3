// SPDX-License-Identifier: Apache-2.0
// Random: a seeded generator; the only source of randomness, so that every run can be repeated.
//
//   threads  one Random belongs to one thread
//   source   splitmix64

#pragma once

#include <cstdint>

namespace catena {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // Uniform in [low, high], which must not be all there is.
  int64_t Between(int64_t low, int64_t high) {
    // Unsigned, where a range of more than 2^63 does not overflow.
    const auto first = static_cast<uint64_t>(low);
    return static_cast<int64_t>(first + Below(static_cast<uint64_t>(high) - first + 1));
  }
  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace catena
