// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored/decimal.h"

#include <gtest/gtest.h>

#include <cmath>

#include "catena/testing/generator.h"
#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

TEST(Decimal, OfAmountsHasTheirDigits) {
  const auto expect = [](double magnitude, uint64_t digits, int places) {
    const auto decimal = NearestDecimal(magnitude);
    ASSERT_TRUE(decimal.has_value()) << magnitude;
    EXPECT_EQ(decimal->digits, digits);
    EXPECT_EQ(decimal->places, places);
  };
  expect(0.0, 0, 0);
  expect(12.34, 1234, 2);
  expect(0.1 + 0.2, 3, 1);
  expect(1200.0, 1200, 0);
  expect(0.000001, 1, 6);
  expect(68719476734.0, 68719476734, 0);
}

TEST(Decimal, OfOtherNumbersIsNone) {
  for (const double magnitude : {1.0 / 3, 1e-7, 0x1p36, 1e300, HUGE_VAL, std::nan("")}) {
    EXPECT_FALSE(NearestDecimal(magnitude).has_value()) << magnitude;
  }
}

// As one would look for it: place by place.
std::optional<Decimal> NaiveNearest(double magnitude) {
  for (int places = 0; places <= Decimal::kPlacesMax; ++places) {
    const double scaled = magnitude * std::pow(10.0, places);
    if (!(scaled < static_cast<double>(Decimal::kDigitsEnd - 1))) break;
    const Decimal decimal{static_cast<uint64_t>(std::llround(scaled)), places};
    if (decimal.IsNear(magnitude)) return decimal;
  }
  return std::nullopt;
}

TEST(Decimal, IsThatOfTheNaiveSearch) {
  testing::ForSeeds(100'000, [](Random& random) {
    double magnitude = std::fabs(testing::RandomFloating<double>(random, testing::Values::kAny));
    if (random.OneIn(2)) {
      magnitude = static_cast<double>(random.Below(uint64_t{1} << random.Below(40))) /
                  std::pow(10.0, static_cast<double>(random.Below(8)));
    }
    if (random.OneIn(4)) magnitude *= 1 + std::ldexp(1.0, -static_cast<int>(random.Below(56)));
    const auto decimal = NearestDecimal(magnitude);
    const auto naive = NaiveNearest(magnitude);
    ASSERT_EQ(decimal.has_value(), naive.has_value()) << magnitude;
    if (!decimal) return;
    EXPECT_TRUE(decimal->IsCanonical());
    EXPECT_EQ(decimal->digits, naive->digits) << magnitude;
    EXPECT_EQ(decimal->places, naive->places) << magnitude;
  });
}

}  // namespace
}  // namespace catena::aggregate
