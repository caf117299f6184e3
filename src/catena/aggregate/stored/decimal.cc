// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored/decimal.h"

namespace catena::aggregate {

// With as many places as fit: that has a decimal of fewer places as well, its zeros then go.
std::optional<Decimal> NearestDecimal(double magnitude) noexcept {
  constexpr auto kEnd = static_cast<double>(Decimal::kDigitsEnd - 1);
  constexpr const double(&kPowers)[Decimal::kPlacesMax + 1] = Decimal::kPowers;
  if (!(magnitude < kEnd)) return std::nullopt;
  Decimal decimal;
  decimal.places = Decimal::kPlacesMax;
  while (magnitude * kPowers[decimal.places] >= kEnd) --decimal.places;
  decimal.digits =
      static_cast<uint64_t>(static_cast<int64_t>(magnitude * kPowers[decimal.places] + 0.5));
  if (!decimal.IsNear(magnitude)) return std::nullopt;
  if (decimal.places >= 4 && decimal.digits % 10'000 == 0) {  // Amounts of two places.
    decimal.digits /= 10'000;
    decimal.places -= 4;
  }
  while (decimal.places > 0 && decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    --decimal.places;
  }
  return decimal;
}

}  // namespace catena::aggregate
