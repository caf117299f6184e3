// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored/stored_value.h"

#include <gtest/gtest.h>

#include <cmath>

#include "catena/testing/generator.h"
#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

using std::string_view_literals::operator""sv;

std::string BytesOf(double value) {
  std::string bytes;
  EncodeValue(value, &bytes);
  return bytes;
}

bool Reads(std::string_view bytes, double* value) {
  IrReader reader(bytes);
  return DecodeValue(&reader, *value) && reader.AtEnd();
}

TEST(StoredValue, GoldenBytesOfDoubles) {
  EXPECT_EQ(BytesOf(0.0), "\x00\x00"sv);
  EXPECT_EQ(BytesOf(12.34), "\x04\xd2\x09");
  EXPECT_EQ(BytesOf(-7), "\x01\x07");
  EXPECT_EQ(BytesOf(-0.0), "\xff\x00\x00\x00\x00\x00\x00\x00\x80"sv);
  EXPECT_EQ(BytesOf(0.1 + 0.2), "\xff\x34\x33\x33\x33\x33\x33\xd3\x3f");
}

TEST(StoredValue, DoublesComeBackToTheLastBit) {
  testing::ForSeeds(100'000, [](Random& random) {
    double value = testing::RandomFloating<double>(random, testing::Values::kAny);
    if (random.OneIn(2)) value = static_cast<double>(random.Between(-99'999'999, 99'999)) / 10'000;
    double again = 0;
    ASSERT_TRUE(Reads(BytesOf(value), &again));
    EXPECT_EQ(std::bit_cast<uint64_t>(again), std::bit_cast<uint64_t>(value)) << value;
  });
}

TEST(StoredValue, RefusesDoublesThatItDoesNotWrite) {
  double value = 0;
  EXPECT_FALSE(Reads("", &value));
  EXPECT_FALSE(Reads("\x04", &value)) << "no digits";
  EXPECT_FALSE(Reads("\x04\x0a", &value)) << "a place too many";
  EXPECT_FALSE(Reads("\x0e\x01", &value)) << "seven places";
  EXPECT_FALSE(Reads("\x01\x00"sv, &value)) << "minus zero has its bits";
  EXPECT_FALSE(Reads("\x00\x80\x80\x80\x80\x80\x02"sv, &value)) << "digits above 2^36";
  EXPECT_FALSE(Reads("\xff\x00\x00"sv, &value)) << "cut short";
  EXPECT_FALSE(Reads("\xff\xae\x47\xe1\x7a\x14\xae\x28\x40", &value)) << "12.34 is a decimal";
}

TEST(StoredValue, DoublesOfVersion1AreTheirBits) {
  IrReader reader("\xae\x47\xe1\x7a\x14\xae\x28\x40");
  ASSERT_TRUE(reader.SetVersion(1));
  double value = 0;
  ASSERT_TRUE(DecodeValue(&reader, value));
  EXPECT_EQ(value, 12.34);
}

}  // namespace
}  // namespace catena::aggregate
