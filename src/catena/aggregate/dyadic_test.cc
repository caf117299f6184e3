// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/dyadic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

using Wide = __int128;

Dyadic Of(int64_t value, int64_t exponent) {
  const auto bits = static_cast<uint64_t>(value);
  const uint64_t magnitude[] = {value < 0 ? uint64_t{0} - bits : bits};
  Dyadic number;
  number.Add(magnitude, exponent, value < 0);
  return number;
}

std::string BytesOf(const Dyadic& number) {
  std::string bytes;
  number.Encode(&bytes);
  return bytes;
}

TEST(Dyadic, ComputesAsIntegersDo) {
  testing::ForSeeds(20'000, [](Random& random) {
    constexpr int64_t kSizes[] = {1, 1000, int64_t{1} << 40, int64_t{1} << 62};
    const auto some = [&] {
      const int64_t size = kSizes[random.Below(4)];
      return random.Between(-size, size);
    };
    const int64_t a = some(), b = some(), c = some();
    const int64_t scale = random.Between(-200, 200);
    Dyadic sum = Of(a, scale) * Of(b, -scale);
    sum.Add(Of(c, 0));
    sum.Subtract(Dyadic(b));
    const Wide exact = static_cast<Wide>(a) * b + c - b;
    EXPECT_EQ(sum.Sign(), exact > 0 ? 1 : exact < 0 ? -1 : 0);
    EXPECT_EQ(sum.Round().Value(), static_cast<double>(exact));
    sum.Subtract(Of(c, 0));
    sum.Add(Of(b, 0));
    EXPECT_EQ(BytesOf(sum), BytesOf(Of(a, 0) * Of(b, 0)));
  });
}

TEST(Dyadic, AnyOrderOfTermsIsTheSameNumber) {
  testing::ForSeeds(3'000, [](Random& random) {
    std::vector<Dyadic> terms;
    for (uint64_t n = random.Below(12); n > 0; --n) {
      terms.push_back(
          Of(static_cast<int64_t>(random.Next() >> random.Below(63)) * (random.OneIn(2) ? 1 : -1),
             random.Between(-4000, 4000)));
    }
    Dyadic forward, backward, none;
    for (const Dyadic& term : terms) forward.Add(term);
    for (size_t i = terms.size(); i-- > 0;) backward.Add(terms[i]);
    const std::string bytes = BytesOf(forward);
    EXPECT_EQ(BytesOf(backward), bytes);
    ByteReader reader(bytes);
    Dyadic decoded;
    ASSERT_TRUE(decoded.Decode(&reader, -5000, 5000) && reader.AtEnd());
    EXPECT_EQ(BytesOf(decoded), bytes);
    for (const Dyadic& term : terms) decoded.Subtract(term);
    EXPECT_EQ(BytesOf(decoded), BytesOf(none));
    EXPECT_EQ(decoded.Sign(), 0);
  });
}

TEST(Dyadic, RoundsToEven) {
  const int64_t even = int64_t{1} << 53;
  EXPECT_EQ(Of(even + 1, 0).Round().Value(), static_cast<double>(even));
  EXPECT_EQ(Of(even + 3, 0).Round().Value(), static_cast<double>(even + 4));
  Dyadic above = Of(even + 1, 0);
  above.Add(Of(1, -3000));
  EXPECT_EQ(above.Round().Value(), static_cast<double>(even + 2));
  EXPECT_EQ(Of(-3, 2000).Round().mantissa, -1.5);
  EXPECT_EQ(Of(-3, 2000).Round().exponent, 2001);
  EXPECT_EQ(Of(-3, 2000).Round().Value(), -std::numeric_limits<double>::infinity());
}

TEST(Dyadic, RefusesBytesThatItWouldNotWrite) {
  const auto refuses = [](std::string_view bytes) {
    ByteReader reader(bytes);
    Dyadic number;
    return !number.Decode(&reader, -64, 64);
  };
  EXPECT_FALSE(refuses(std::string_view("\x01\x07\x00", 3)));
  EXPECT_TRUE(refuses(std::string_view("\x02\x07\x00\x00", 4)));  // A zero byte on top.
  EXPECT_TRUE(refuses("\x01\x07"));                               // No place.
  EXPECT_TRUE(refuses("\x01\x07\x7f"));                           // Below 2^-64.
  EXPECT_TRUE(refuses("\x01\x07\x60"));                           // Above 2^64.
  EXPECT_TRUE(refuses(""));
}

}  // namespace
}  // namespace catena::aggregate
