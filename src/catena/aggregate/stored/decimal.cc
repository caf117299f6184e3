// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored/decimal.h"

#include <cmath>
#include <iterator>

namespace catena::aggregate {
namespace {

constexpr double kPowers[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000};
static_assert(std::size(kPowers) == Decimal::kPlacesMax + 1);
// Below half of 1 / kDigitsEnd by far: no two decimals of so few digits are as close.
constexpr double kNear = 0x1p-40;

}  // namespace

double Decimal::ToDouble() const noexcept { return static_cast<double>(digits) / kPowers[places]; }

bool Decimal::IsNear(double magnitude) const noexcept {
  return std::fabs(magnitude - ToDouble()) <= magnitude * kNear;
}

// With as many places as fit: that has a decimal of fewer places as well, its zeros then go.
std::optional<Decimal> NearestDecimal(double magnitude) noexcept {
  constexpr auto kEnd = static_cast<double>(Decimal::kDigitsEnd - 1);
  if (!(magnitude < kEnd)) return std::nullopt;
  Decimal decimal;
  decimal.places = Decimal::kPlacesMax;
  while (magnitude * kPowers[decimal.places] >= kEnd) --decimal.places;
  decimal.digits = static_cast<uint64_t>(magnitude * kPowers[decimal.places] + 0.5);
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
