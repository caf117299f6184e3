// SPDX-License-Identifier: Apache-2.0
// Decimal: what most stored doubles were before they were doubles: an amount, a score, a count.
//
// 12.34 takes eight bytes as a double and two as 1234 / 10^2.
//
//   input   magnitudes: finite, not negative
//   output  NearestDecimal: digits / 10^places within 2^-40 of the magnitude, relative; the only
//           such, with the fewest places, so that equal doubles have equal decimals
//   source  the idea: Afroozeh, Kuffo, Boncz, "ALP" (2023)

#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

namespace catena::aggregate {

struct Decimal {
  static constexpr int kPlacesMax = 6;
  static constexpr uint64_t kDigitsEnd = uint64_t{1} << 36;

  uint64_t digits = 0;
  int places = 0;

  // The nearest double; of digits below kDigitsEnd.
  double ToDouble() const noexcept {
    return static_cast<double>(static_cast<int64_t>(digits)) / kPowers[places];
  }
  // Whether NearestDecimal answers it for some double.
  bool IsCanonical() const noexcept {
    return digits < kDigitsEnd && places >= 0 && places <= kPlacesMax &&
           (places == 0 || digits % 10 != 0);
  }
  // Whether it is the nearest decimal of that magnitude.
  bool IsNear(double magnitude) const noexcept {
    return std::fabs(magnitude - ToDouble()) <= magnitude * kNear;
  }

  static constexpr double kPowers[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000};
  static_assert(sizeof(kPowers) / sizeof(double) == kPlacesMax + 1);
  // Below half of 1 / kDigitsEnd by far: no two decimals of so few digits are as close.
  static constexpr double kNear = 0x1p-40;
};

std::optional<Decimal> NearestDecimal(double magnitude) noexcept;

}  // namespace catena::aggregate
