// SPDX-License-Identifier: Apache-2.0
// KllFloats: a KLL sketch of floats, which answers about which value has a given rank.
//
// Levels of samples: those of level h stand for 2^h inputs each. When the sketch is full, a level
// is sorted and every other sample of it goes up. Whether the even or the odd ones go is chance;
// here the samples themselves decide (a hash of them), so that the same updates and merges give the
// same bytes, in any process and thread.
//
//   input   no NaN
//   order   a Merge is deterministic; beyond k inputs the samples depend on the order of updates
//           and merges, and also the bytes. The state goes on as if it had not been stored
//   format  KllFloatsSketch of Apache DataSketches; canonical up to k inputs
//   errors  Decode answers false to what is no such sketch of this k; bytes are not trusted
//   limits  k from 8 to 65,535; about 3k floats
//   source  Karnin, Lang, Liberty, "Optimal Quantile Approximation in Streams" (2016); the
//           library's kll_sketch

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <kll_sketch.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/hash.h"

namespace datasketches {

inline uint32_t ChanceOf(const float* samples, uint32_t count) {
  uint64_t hash = count;
  for (uint32_t i = 0; i < count; ++i) {
    hash = (hash ^ std::bit_cast<uint32_t>(samples[i])) * 0x100000001b3ULL;
  }
  return static_cast<uint32_t>(catena::MixHash(hash) & 1);
}

// The library's own draw from one generator of the whole process, which is seeded by the clock.
template <>
inline void kll_helper::randomly_halve_down(float* samples, uint32_t begin, uint32_t count) {
  const uint32_t first = begin + ChanceOf(samples + begin, count);
  for (uint32_t i = 0; i < count / 2; ++i) samples[begin + i] = samples[first + 2 * i];
}

template <>
inline void kll_helper::randomly_halve_up(float* samples, uint32_t begin, uint32_t count) {
  const uint32_t last = begin + count - 1;
  const uint32_t first = last - ChanceOf(samples + begin, count);
  for (uint32_t i = 0; i < count / 2; ++i) samples[last - i] = samples[first - 2 * i];
}

}  // namespace datasketches

namespace catena::aggregate {

class KllFloats {
 public:
  static constexpr int kLeastK = 8;
  static constexpr int kMostK = 65'535;

  explicit KllFloats(uint16_t k) : sketch_(k) {}

  // Zero has one sign, so that equal states are equal bytes.
  void Add(float value) { sketch_.update(value + 0.0F); }
  // Both of one k.
  void Merge(const KllFloats& other) { sketch_.merge(other.sketch_); }
  uint64_t inputs() const { return sketch_.get_n(); }
  // Shares are from 0 to 1. Empty when nothing was added.
  std::vector<float> Quantiles(std::span<const double> shares) const;

  void Encode(std::string* out) const;
  bool Decode(std::string_view bytes);

 private:
  using Sketch = datasketches::kll_sketch<float>;

  Sketch sketch_;
};

}  // namespace catena::aggregate
