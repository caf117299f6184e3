// SPDX-License-Identifier: Apache-2.0
// Decimal: what most stored doubles were before they were doubles: an amount, a score, a count.
//
// 12.34 takes eight bytes as a double and two as 1234 / 10^2.
//
// In bytes it is one that says of how many the digits are, which come behind it, least first:
//
//     bits 0-2 how many, 0 to 5; 7: what follows is no decimal   3-5 places   6 negative   7 free
//
// Zstd tells numbers of whole bytes behind what seldom changes better than varints.
//
//   input   magnitudes: finite, not negative
//   output  NearestDecimal: digits / 10^places within 2^-40 of the magnitude, relative; the only
//           such, with the fewest places, so that equal doubles have equal decimals
//   source  the idea: Afroozeh, Kuffo, Boncz, "ALP" (2023)

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>

#include "catena/base/bytes.h"

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

  static constexpr int kPlacesShift = 3;
  static constexpr uint8_t kDigitBytesMask = 7;
  static constexpr uint8_t kNegative = 1 << 6;
  // At most so many bytes at `at`, of which more are written over; answers where they end.
  static constexpr size_t kBytesMax = 1 + 5;
  static constexpr size_t kWritten = 1 + sizeof digits;
  char* Write(bool negative, char* at) const noexcept {
    const int bytes = (std::bit_width(digits) + 7) / 8;
    *at = static_cast<char>(bytes | places << kPlacesShift | (negative ? kNegative : 0));
    std::memcpy(at + 1, &digits, sizeof digits);
    return at + 1 + bytes;
  }
  // Of the first byte, which is read already. Nothing where Write would not write it.
  static std::optional<Decimal> Read(uint8_t first, ByteReader* reader) noexcept {
    const std::string_view bytes = reader->Take(first & kDigitBytesMask);
    Decimal decimal{0, first >> kPlacesShift & 7};
    if (!bytes.empty()) std::memcpy(&decimal.digits, bytes.data(), bytes.size());
    const bool shortest = bytes.empty() || bytes.back() != 0;
    if (!reader->ok() || !shortest || !decimal.IsCanonical()) return std::nullopt;
    return decimal;
  }

  static constexpr double kPowers[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000};
  static_assert(sizeof(kPowers) / sizeof(double) == kPlacesMax + 1);
  // Below half of 1 / kDigitsEnd by far: no two decimals of so few digits are as close.
  static constexpr double kNear = 0x1p-40;
};

std::optional<Decimal> NearestDecimal(double magnitude) noexcept;

}  // namespace catena::aggregate
