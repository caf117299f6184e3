// SPDX-License-Identifier: Apache-2.0
// Dyadic: an exact number m * 2^e of any size; what sums of powers and moments are computed with.
//
// It is two's complement in 64-bit limbs and grows at both ends as far as its terms reach: a few
// limbs, which lie inside of it, for numbers of everyday magnitudes, 130 for the fourth power of
// the extremes of a double.
//
//   input    magnitudes, least limb first, times 2^exponent; doubles that are finite
//   output   Round(): to 53 bits, ties to even, with the exponent aside, so that nothing overflows
//   algebra  exact, so that terms may come, and leave, in any order
//   errors   Decode answers false on bytes that Encode would not write
//   threads  like any value

#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>
#include <string>

#include "catena/base/bytes.h"

namespace catena::aggregate {

// mantissa * 2^exponent; the mantissa is 0 or in [1, 2) or (-2, -1].
struct ScaledDouble {
  double mantissa = 0.0;
  int64_t exponent = 0;

  // What a double can hold of it: beyond its range an infinity or zero.
  double Value() const;
};

class Dyadic {
 public:
  Dyadic() = default;
  explicit Dyadic(int64_t value);

  // Adds or takes away magnitude * 2^exponent.
  void Add(std::span<const uint64_t> magnitude, int64_t exponent, bool negative);
  void Add(const Dyadic& other) { AddLimbs(other, false); }
  void Subtract(const Dyadic& other) { AddLimbs(other, true); }
  friend Dyadic operator*(const Dyadic& a, const Dyadic& b);

  int Sign() const;
  ScaledDouble Round() const;

  // Canonical: equal numbers are equal bytes. Sign and place of the least byte, then the magnitude
  // without zero bytes at either end.
  void Encode(std::string* out) const;
  // False when the number has bits outside of [2^least, 2^most).
  bool Decode(ByteReader* reader, int64_t least, int64_t most);

 private:
  // A sum of squares of everyday numbers, and the room that a term is added in.
  using Limbs = boost::container::small_vector<uint64_t, 5>;
  struct Magnitude {
    Limbs limbs;
    bool negative = false;
  };
  Magnitude ToMagnitude() const;
  // Afterwards limbs [begin, end), counted as base_ is, are there.
  void Cover(int64_t begin, int64_t end);
  // As few limbs as hold the sign through one more addition.
  void FitTop();
  void AddLimbs(const Dyadic& other, bool subtract);
  uint64_t SignLimb() const { return limbs_.empty() ? 0 : uint64_t{0} - (limbs_.back() >> 63); }

  Limbs limbs_;       // Two's complement, least first; the sign is the top bit.
  int32_t base_ = 0;  // limbs_[0] counts 2^(64 * base_).
};

}  // namespace catena::aggregate
