// SPDX-License-Identifier: Apache-2.0
// Against the scalar loop, on arrays that the blocks take and on arrays that they must refuse.
#include "catena/aggregate/dense_fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "catena/aggregate/value_order.h"
#include "catena/testing/generator.h"
#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

std::string BytesOf(const ExactSum& sum) {
  std::string bytes;
  sum.Encode(&bytes);
  return bytes;
}

template <typename T>
std::string ScalarSum(std::span<const T> values) {
  ExactSum sum;
  for (const T value : values) sum.Add(value);
  return BytesOf(sum);
}

template <typename T>
std::string DenseSum(std::span<const T> values) {
  ExactSum sum;
  AddAll(values, &sum);
  return BytesOf(sum);
}

// Of one magnitude, of a narrow or a wide range of them, or of anything that a double can be.
double RandomOf(Random& random, uint64_t kind, int exponent) {
  const double unit = random.Unit() - 0.5;
  switch (kind) {
    case 0:
      return static_cast<double>(random.Between(-100'000, 100'000)) / 100.0;
    case 1:
      return std::ldexp(unit, exponent + static_cast<int>(random.Below(20)));
    case 2:
      return std::ldexp(unit, exponent + static_cast<int>(random.Below(45)));
    case 3:
      return random.OneIn(3) ? 0.0 : std::ldexp(unit, exponent);
    case 4:  // All of one sign and just below a power of two: the largest sums.
      return std::ldexp(1.0 - 0x1p-53, exponent);
    default:
      return testing::RandomFloating<double>(random, testing::Values::kAny);
  }
}

template <typename T>
std::vector<T> RandomNumbers(Random& random) {
  const uint64_t kind = random.Below(6);
  constexpr int kExponents[] = {0, 0, 20, -30, -60, 70, 900, 1000, -900, -1060};
  const int exponent = kExponents[random.Below(std::size(kExponents))];
  std::vector<T> values(random.Below(random.OneIn(4) ? 1500 : 80));
  for (T& value : values) value = static_cast<T>(RandomOf(random, kind, exponent));
  return values;
}

// Each value into its own sum and all of them into one, as addends and by Add.
template <typename T>
void ExpectAddends(Random& random) {
  const std::vector<T> values = RandomNumbers<T>(random);
  const std::span<const T> some = std::span(values).first(std::min(values.size(), kAddends));
  auto addends = std::make_unique<Addends>();
  if (!ToAddends(some, addends.get())) {
    EXPECT_TRUE(std::any_of(some.begin(), some.end(), [](T value) {
      const double size = std::abs(static_cast<double>(value));
      return !(size == 0 || (size >= 0x1p-52 && size < 0x1p75));
    }));
    return;
  }
  ExactSum all;
  ExactSum expected;
  for (size_t i = 0; i < some.size(); ++i) {
    ExactSum one;
    one.Add(*addends, i);
    EXPECT_EQ(BytesOf(one), ScalarSum<T>(some.subspan(i, 1))) << some[i];
    all.Add(*addends, i);
    expected.Add(some[i]);
  }
  EXPECT_EQ(BytesOf(all), BytesOf(expected));
}

template <typename T, bool kLargest>
T ScalarExtreme(std::span<const T> values) {
  T best = values[0];
  for (const T value : values) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) return std::numeric_limits<T>::quiet_NaN();
    }
    if (kLargest ? ValueLess(best, value) : ValueLess(value, best)) best = value;
  }
  return best;
}

// Equal to the last bit, the sign of zero and of NaN included.
template <typename T>
void ExpectSameExtremes(std::span<const T> values) {
  if (values.empty()) return;
  const T largest = ExtremeOf<T, true>(values);
  const T smallest = ExtremeOf<T, false>(values);
  const T expected_largest = ScalarExtreme<T, true>(values);
  const T expected_smallest = ScalarExtreme<T, false>(values);
  EXPECT_EQ(std::memcmp(&largest, &expected_largest, sizeof(T)), 0)
      << +largest << " and not " << +expected_largest;
  EXPECT_EQ(std::memcmp(&smallest, &expected_smallest, sizeof(T)), 0)
      << +smallest << " and not " << +expected_smallest;
}

template <typename T>
void ExpectFloatingFolds(Random& random) {
  const std::vector<T> values = RandomNumbers<T>(random);
  EXPECT_EQ(DenseSum<T>(values), ScalarSum<T>(values));
  ExpectSameExtremes<T>(values);
}

template <typename T>
void ExpectIntegerFolds(Random& random) {
  std::vector<T> values(random.Below(random.OneIn(4) ? 1500 : 80));
  const testing::Values kind = testing::RandomKindOfValues(random);
  __int128 sum = 0;
  for (T& value : values) {
    value = static_cast<T>(std::get<int64_t>(testing::RandomInteger<T>(random, kind).data));
    sum += value;
  }
  EXPECT_TRUE(WideSum<T>(values) == sum);
  EXPECT_EQ(WrappedSum<T>(values), static_cast<uint64_t>(sum));
  ExpectSameExtremes<T>(values);
}

TEST(DenseFold, EqualsTheScalarLoop) {
  testing::ForSeeds(6000, [](Random& random) {
    ExpectFloatingFolds<double>(random);
    ExpectFloatingFolds<float>(random);
    ExpectIntegerFolds<int8_t>(random);
    ExpectIntegerFolds<int16_t>(random);
    ExpectIntegerFolds<int32_t>(random);
    ExpectIntegerFolds<int64_t>(random);
  });
}

TEST(DenseFold, AddendsEqualTheScalarAdd) {
  testing::ForSeeds(3000, [](Random& random) {
    ExpectAddends<double>(random);
    ExpectAddends<float>(random);
  });
}

TEST(DenseFold, AddendsThatOverflowTheInlineLimbsSpill) {
  const std::vector<double> most(kAddends, 0x1.fffffffffffffp74);
  auto addends = std::make_unique<Addends>();
  ASSERT_TRUE(ToAddends<double>(most, addends.get()));
  ExactSum sum;
  ExactSum expected;
  for (int round = 0; round < 40; ++round) {
    for (size_t i = 0; i < kAddends; ++i) sum.Add(*addends, i);
    for (const double value : most) expected.Add(value);
  }
  EXPECT_FALSE(sum.is_inline());
  EXPECT_EQ(BytesOf(sum), BytesOf(expected));
}

TEST(DenseFold, ABlockOfTheLargestSumsIsExact) {
  for (int exponent = -1074; exponent <= 1023; ++exponent) {
    const double most = std::ldexp(1.0 + (1.0 - 0x1p-52), exponent);
    const std::vector<double> full(kSumBlock, most);
    EXPECT_EQ(DenseSum<double>(full), ScalarSum<double>(full)) << exponent;
    std::vector<double> mixed(kSumBlock, -most);
    for (size_t i = 0; i < mixed.size(); ++i) mixed[i] = std::ldexp(mixed[i], -(int(i) % 60));
    EXPECT_EQ(DenseSum<double>(mixed), ScalarSum<double>(mixed)) << exponent;
  }
}

TEST(DenseFold, WhatCancelsStaysInline) {
  // High and low parts of these are smaller than any value; sums of them keep the short form.
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(std::ldexp(1.0 + i * 0x1p-52, -52));
  ExactSum sum;
  AddAll<double>(values, &sum);
  EXPECT_TRUE(sum.is_inline());
  EXPECT_EQ(BytesOf(sum), ScalarSum<double>(values));
}

}  // namespace
}  // namespace catena::aggregate
