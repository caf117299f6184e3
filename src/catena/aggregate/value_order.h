// SPDX-License-Identifier: Apache-2.0
// ValueLess, Canonical: a strict total order of one column's values, for operations that keep
// several of them sorted.
//
//   order   numbers by size, -0.0 < 0.0, NaN largest and equal to every NaN; text byte by byte;
//           false < true. The order of types::Compare
//   source  semantics.md: TOP_K and BOTTOM_K order NaN largest, deterministically

#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace catena::aggregate {

// T is what an operation takes as Input.
template <typename T>
bool ValueLess(const T& a, const T& b) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a)) return false;
    if (std::isnan(b)) return true;
    if (a == b) return std::signbit(a) && !std::signbit(b);
  }
  return a < b;
}

// Equal values are equal bytes: there is one NaN.
template <typename T>
T Canonical(const T& value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return std::numeric_limits<T>::quiet_NaN();
  }
  return value;
}

template <typename T>
bool IsCanonical(const T& value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    const T nan = std::numeric_limits<T>::quiet_NaN();
    return !std::isnan(value) || std::memcmp(&value, &nan, sizeof(T)) == 0;
  }
  return true;
}

}  // namespace catena::aggregate
