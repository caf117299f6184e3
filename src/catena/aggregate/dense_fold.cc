// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/dense_fold.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

namespace catena::aggregate {
namespace {

#define CATENA_INLINE [[gnu::always_inline]] inline

// Runs `fold`, a lambda that is inlined, as code for the widest vectors that this processor has.
#if defined(__x86_64__)
template <typename Fold>
[[gnu::target("avx2")]] auto RunWide(Fold fold) {
  return fold();
}
template <typename Fold>
CATENA_INLINE auto Widest(Fold fold) {
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  return wide ? RunWide(fold) : fold();
}
#else
template <typename Fold>
CATENA_INLINE auto Widest(Fold fold) {
  return fold();
}
#endif

// Vectors of 32 bytes; where the processor has shorter ones the compiler takes several.
constexpr size_t kLanes = 4;
using Doubles [[gnu::vector_size(32)]] = double;
using Longs [[gnu::vector_size(32)]] = int64_t;
using Floats [[gnu::vector_size(16)]] = float;

template <typename T>
CATENA_INLINE void Load(const T* values, Doubles* into) {
  if constexpr (std::is_same_v<T, double>) {
    std::memcpy(into, values, sizeof(*into));
  } else {
    Floats narrow;
    std::memcpy(&narrow, values, sizeof(narrow));
    *into = __builtin_convertvector(narrow, Doubles);
  }
}

constexpr int64_t kMagnitude = std::numeric_limits<int64_t>::max();

// The bits of the largest magnitude; that of a NaN or an infinity when there is one.
template <typename T>
CATENA_INLINE int64_t LargestMagnitude(const T* values, size_t count) {
  Longs most[2] = {};
  for (size_t i = 0; i < count; i += 2 * kLanes) {
    for (size_t j = 0; j < 2; ++j) {
      Doubles value;
      Load(values + i + j * kLanes, &value);
      Longs bits;
      std::memcpy(&bits, &value, sizeof(bits));
      bits &= kMagnitude;
      most[j] = bits > most[j] ? bits : most[j];
    }
  }
  most[0] = most[0] > most[1] ? most[0] : most[1];
  int64_t largest = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) largest = std::max(largest, int64_t{most[0][lane]});
  return largest;
}

struct BlockSum {
  double high = 0;
  double low = 0;
  bool exact = false;
};

// 2^k * 1.5: added to what is far smaller and taken away again, leaves its multiple of 2^(k - 52).
double Cut(int64_t k) { return std::bit_cast<double>(((k + 1023) << 52) | (int64_t{1} << 51)); }

// `count` is a multiple of two vectors and at most kSumBlock = 2^9. With every magnitude below
// 2^(e - 1022), the first unit is 2^(e - 1012 - 52): 2^9 multiples of it stay below 2^53 units.
// What is left of a value is at most half a unit, which sets the second cut 43 bits lower.
template <typename T>
CATENA_INLINE BlockSum SumBlock(const T* values, size_t count) {
  static_assert(kSumBlock == 1 << 9);
  const int64_t largest = LargestMagnitude(values, count);
  if (largest == 0) return {0, 0, true};
  const int64_t e = largest >> 52;
  // Neither cut may leave the normal numbers.
  constexpr int64_t kSmallest = 1012 + 43 + 52 - 1022;
  constexpr int64_t kLargest = 1012 + 1023;
  if (e < kSmallest || e > kLargest) return {};
  const double first = Cut(e - 1012);
  const double second = Cut(e - 1012 - 43);
  Doubles high[2] = {};
  Doubles low[2] = {};
  Longs rest[2] = {};
  for (size_t i = 0; i < count; i += 2 * kLanes) {
    for (size_t j = 0; j < 2; ++j) {
      Doubles value;
      Load(values + i + j * kLanes, &value);
      const Doubles upper = (value + first) - first;
      const Doubles left = value - upper;
      const Doubles lower = (left + second) - second;
      const Doubles below = left - lower;
      high[j] += upper;
      low[j] += lower;
      Longs bits;
      std::memcpy(&bits, &below, sizeof(bits));
      rest[j] |= bits;
    }
  }
  BlockSum sum;
  int64_t any = 0;
  for (size_t j = 0; j < 2; ++j) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sum.high += high[j][lane];
      sum.low += low[j][lane];
      any |= rest[j][lane];
    }
  }
  sum.exact = any == 0;
  return sum;
}

// Four values; sets the lanes of `beyond` of those that are no addends. ExactSum::Add is the
// scalar twin.
CATENA_INLINE void CutAddends(const Doubles* values, size_t at, Addends* into, Longs* beyond) {
  using Words [[gnu::vector_size(32)]] = uint64_t;
  Words bits;
  std::memcpy(&bits, values, sizeof(bits));
  const auto is_value = static_cast<Words>((bits << 1) != 0);
  const Words shift = (((bits >> 52) & 0x7ff) - ExactSum::kInlineExponent) & is_value;
  const Words mantissa = ((bits & ExactSum::kMantissa) | ExactSum::kHidden) & is_value;
  // No lane is shifted by 64, of which C++ says nothing.
  const Words by = shift & 63;
  const Words first = mantissa << by;
  const Words second = (mantissa >> 1) >> (63 - by);
  const Words upper = 0 - ((shift >> 6) & 1);
  Words low = first & ~upper;
  Words middle = (first & upper) | (second & ~upper);
  Words high = second & upper;
  // Negated: the carry goes on through limbs that are zero.
  const Words sign = 0 - (bits >> 63);
  const Words from_low = static_cast<Words>(low == 0) & sign;
  const Words from_middle = static_cast<Words>(middle == 0) & from_low;
  low = (low ^ sign) - sign;
  middle = (middle ^ sign) - from_low;
  high = (high ^ sign) - from_middle;
  std::memcpy(&into->low[at], &low, sizeof(low));
  std::memcpy(&into->middle[at], &middle, sizeof(middle));
  std::memcpy(&into->high[at], &high, sizeof(high));
  *beyond |= static_cast<Longs>(shift > ExactSum::kInlineShiftMax);
}

template <typename T>
CATENA_INLINE bool AllToAddends(std::span<const T> values, Addends* into) {
  Longs beyond = {};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Doubles four;
    Load(values.data() + i, &four);
    CutAddends(&four, i, into, &beyond);
  }
  if (i < values.size()) {
    T last[kLanes] = {};
    std::copy(values.begin() + static_cast<ptrdiff_t>(i), values.end(), last);
    Doubles four;
    Load(last, &four);
    CutAddends(&four, i, into, &beyond);
  }
  return (beyond[0] | beyond[1] | beyond[2] | beyond[3]) == 0;
}

// A number as an integer of the same order; -0.0 is below 0.0.
template <typename T>
struct Ordered {
  using Bits = T;
};
template <>
struct Ordered<float> {
  using Bits = int32_t;
};
template <>
struct Ordered<double> {
  using Bits = int64_t;
};

template <typename T>
CATENA_INLINE typename Ordered<T>::Bits ToOrdered(typename Ordered<T>::Bits bits) {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = typename Ordered<T>::Bits;
    return bits ^ ((bits < 0 ? Bits{-1} : Bits{0}) & std::numeric_limits<Bits>::max());
  }
  return bits;
}

template <typename T>
struct Extreme {
  typename Ordered<T>::Bits ordered;
  bool nan = false;
};

template <typename T, bool kLargest>
CATENA_INLINE Extreme<T> ExtremeBits(const T* values, size_t count) {
  using Bits = typename Ordered<T>::Bits;
  constexpr Bits kFirst =
      kLargest ? std::numeric_limits<Bits>::min() : std::numeric_limits<Bits>::max();
  Bits best = kFirst;
  Bits nan = 0;
  for (size_t i = 0; i < count; ++i) {
    const Bits bits = std::bit_cast<Bits>(values[i]);
    if constexpr (std::is_floating_point_v<T>) {
      constexpr Bits kInfinity = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
      nan |= (bits & std::numeric_limits<Bits>::max()) > kInfinity ? Bits{-1} : Bits{0};
    }
    const Bits ordered = ToOrdered<T>(bits);
    best = (kLargest ? ordered > best : ordered < best) ? ordered : best;
  }
  return {best, nan != 0};
}

}  // namespace

template <typename T>
void AddAll(std::span<const T> values, ExactSum* sum) noexcept {
  constexpr size_t kFewest = 4 * kLanes;  // Below, two additions a block do not pay.
  while (!values.empty()) {
    const size_t whole = std::min(values.size(), kSumBlock) / (2 * kLanes) * (2 * kLanes);
    const size_t count = whole < kFewest ? values.size() : whole;
    const BlockSum block = whole < kFewest ? BlockSum() : Widest([
      data = values.data(), count
    ]() __attribute__((always_inline)) { return SumBlock(data, count); });
    if (block.exact) {
      sum->Add(block.high);
      sum->Add(block.low);
    } else {
      for (const T value : values.first(count)) sum->Add(value);
    }
    values = values.subspan(count);
  }
}

template <typename T>
bool ToAddends(std::span<const T> values, Addends* into) noexcept {
  static_assert(kAddends % kLanes == 0);
  return Widest([ values, into ]()
                    __attribute__((always_inline)) { return AllToAddends(values, into); });
}

template <typename T>
double PlainSum(std::span<const T> values) noexcept {
  return Widest([values]() __attribute__((always_inline)) {
    Doubles sums[2] = {};
    size_t i = 0;
    for (; i + 2 * kLanes <= values.size(); i += 2 * kLanes) {
      for (size_t j = 0; j < 2; ++j) {
        Doubles value;
        Load(values.data() + i + j * kLanes, &value);
        sums[j] += value;
      }
    }
    double sum = 0;
    for (; i < values.size(); ++i) sum += static_cast<double>(values[i]);
    for (size_t lane = 0; lane < kLanes; ++lane) sum += sums[0][lane] + sums[1][lane];
    return sum;
  });
}

template <typename T>
uint64_t WrappedSum(std::span<const T> values) noexcept {
  return Widest([values]() __attribute__((always_inline)) {
    uint64_t sum = 0;
    for (const T value : values) sum += static_cast<uint64_t>(int64_t{value});
    return sum;
  });
}

template <typename T>
__int128 WideSum(std::span<const T> values) noexcept {
  if constexpr (sizeof(T) < 8) {
    // 2^32 rows of 2^31 and less.
    return static_cast<int64_t>(WrappedSum(values));
  } else {
    // Halves of what is moved up to be unsigned, which 2^32 rows do not overflow.
    uint64_t high = 0;
    uint64_t low = 0;
    Widest([ values, &high, &low ]() __attribute__((always_inline)) {
      uint64_t h = 0;
      uint64_t l = 0;
      for (const T value : values) {
        const uint64_t moved = static_cast<uint64_t>(value) ^ (uint64_t{1} << 63);
        h += moved >> 32;
        l += moved & 0xffffffff;
      }
      high = h;
      low = l;
    });
    const auto moved = (static_cast<unsigned __int128>(high) << 32) + low;
    return static_cast<__int128>(moved) - (static_cast<__int128>(values.size()) << 63);
  }
}

template <typename T, bool kLargest>
T ExtremeOf(std::span<const T> values) noexcept {
  using Bits = typename Ordered<T>::Bits;
  const Extreme<T> extreme = Widest([values]() __attribute__((always_inline)) {
    return ExtremeBits<T, kLargest>(values.data(), values.size());
  });
  if (extreme.nan) return std::numeric_limits<T>::quiet_NaN();
  return std::bit_cast<T>(Bits{ToOrdered<T>(extreme.ordered)});
}

#define CATENA_INTEGER(T)                                       \
  template uint64_t WrappedSum<T>(std::span<const T>) noexcept; \
  template __int128 WideSum<T>(std::span<const T>) noexcept;    \
  template T ExtremeOf<T, true>(std::span<const T>) noexcept;   \
  template T ExtremeOf<T, false>(std::span<const T>) noexcept;
#define CATENA_FLOATING(T)                                           \
  template void AddAll<T>(std::span<const T>, ExactSum*) noexcept;   \
  template bool ToAddends<T>(std::span<const T>, Addends*) noexcept; \
  template double PlainSum<T>(std::span<const T>) noexcept;          \
  template T ExtremeOf<T, true>(std::span<const T>) noexcept;        \
  template T ExtremeOf<T, false>(std::span<const T>) noexcept;

CATENA_INTEGER(int8_t)
CATENA_INTEGER(int16_t)
CATENA_INTEGER(int32_t)
CATENA_INTEGER(int64_t)
CATENA_FLOATING(float)
CATENA_FLOATING(double)

}  // namespace catena::aggregate
