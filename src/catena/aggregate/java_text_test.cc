// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/java_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

TEST(JavaText, SpellsAsJava) {
  const std::pair<double, const char*> kSpellings[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {6.0, "6.0"},
      {-0.25, "-0.25"},
      {100.0, "100.0"},
      {123456.789, "123456.789"},
      {9999999.0, "9999999.0"},
      {10000000.0, "1.0E7"},
      {12345678.9, "1.23456789E7"},
      {0.001, "0.001"},
      {0.000999, "9.99E-4"},
      {1e21, "1.0E21"},
      {5e-324, "4.9E-324"},
      {std::numeric_limits<double>::max(), "1.7976931348623157E308"},
      {-0.4083016812801361, "-0.4083016812801361"},
      {static_cast<double>(0.1F), "0.10000000149011612"},
      {std::nan(""), "NaN"},
      {std::numeric_limits<double>::infinity(), "Infinity"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"}};
  for (const auto& [number, spelling] : kSpellings) EXPECT_EQ(JavaText(number), spelling);
  EXPECT_EQ(JavaText(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
}

TEST(JavaText, ReadsBackAsTheSameNumber) {
  testing::ForSeeds(2000, [](Random& random) {
    const uint64_t bits = random.Next();
    double number = 0.0;
    std::memcpy(&number, &bits, sizeof(number));
    if (random.OneIn(2)) number = static_cast<double>(random.Between(-1'000'000, 1'000'000)) / 64;
    if (std::isnan(number)) return;
    const std::string text = JavaText(number);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), number) << text;
    EXPECT_TRUE(text.find('.') != std::string::npos || std::isinf(number)) << text;
  });
}

}  // namespace
}  // namespace catena::aggregate
