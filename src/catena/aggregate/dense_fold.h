// SPDX-License-Identifier: Apache-2.0
// Folds of arrays without nulls, at memory speed: exact sums, integer sums, extremes.
//
// Each answers what the scalar loop over the same values answers, to the last bit (but PlainSum).
//
//   exact sums   Within a block of kSumBlock values whose largest is below 2^E, every value is cut
//                in two by adding and taking away a large constant:
//
//                    bit      E ........ E-43 ............. E-86     (about)
//                    value    |---high---|------low-------|0000      cut at fixed places
//
//                All highs are multiples of one unit and few enough bits, so doubles add them
//                without rounding, in any order and in vector lanes; the lows likewise. Two
//                additions to the ExactSum take in the block. A block with a value that reaches
//                below the second cut, or with one that is not finite, is added value by value
//   source       Rump, Ogita, Oishi, "Accurate floating-point summation", part I (2008): the cuts
//   threads      pure. x86-64 with AVX2 runs wider code of the same text, chosen once at run time

#pragma once

#include <cstdint>
#include <span>

#include "catena/aggregate/exact_sum.h"

namespace catena::aggregate {

inline constexpr size_t kSumBlock = 512;

// Adds every value; T is float or double.
template <typename T>
void AddAll(std::span<const T> values, ExactSum* sum) noexcept;

// At most kAddends values, each for a sum of its own. False when one of them is not zero and not
// between 2^-52 and 2^75: then none is an addend, and each must be added as a value.
template <typename T>
bool ToAddends(std::span<const T> values, Addends* into) noexcept;

// The sum in doubles, in an order of its own.
template <typename T>
double PlainSum(std::span<const T> values) noexcept;

// The sum of integers modulo 2^64.
template <typename T>
uint64_t WrappedSum(std::span<const T> values) noexcept;

// The sum of integers.
template <typename T>
__int128 WideSum(std::span<const T> values) noexcept;

// The largest or the smallest of at least one number, as value_order.h orders them; a NaN beats
// all, for both.
template <typename T, bool kLargest>
T ExtremeOf(std::span<const T> values) noexcept;

}  // namespace catena::aggregate
