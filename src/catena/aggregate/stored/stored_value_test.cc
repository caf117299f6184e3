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
  EXPECT_EQ(BytesOf(0.0), "\x00"sv);
  EXPECT_EQ(BytesOf(12.34), "\x12\xd2\x04");
  EXPECT_EQ(BytesOf(-7), "\x41\x07");
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
  EXPECT_FALSE(Reads("\x11", &value)) << "no digits";
  EXPECT_FALSE(Reads("\x09\x0a", &value)) << "a place too many";
  EXPECT_FALSE(Reads("\x39\x01", &value)) << "seven places";
  EXPECT_FALSE(Reads("\x40", &value)) << "minus zero has its bits";
  EXPECT_FALSE(Reads("\x02\x05\x00"sv, &value)) << "a byte too many";
  EXPECT_FALSE(Reads("\x05\x01\x01\x01\x01\x10", &value)) << "digits of 2^36";
  EXPECT_FALSE(Reads("\x06\x01\x01\x01\x01\x01\x01", &value)) << "six bytes";
  EXPECT_FALSE(Reads("\x81\x01", &value)) << "a rest";
  EXPECT_FALSE(Reads("\xff\x00\x00"sv, &value)) << "cut short";
  EXPECT_FALSE(Reads("\xff\xae\x47\xe1\x7a\x14\xae\x28\x40", &value)) << "12.34 is a decimal";
}

TEST(StoredValue, DoublesOfVersion2AreVarints) {
  const auto reads = [](std::string_view bytes, double* value) {
    IrReader reader(bytes);
    return reader.SetVersion(2) && DecodeValue(&reader, *value) && reader.AtEnd();
  };
  double value = 1;
  EXPECT_TRUE(reads("\x00\x00"sv, &value));
  EXPECT_EQ(value, 0.0);
  EXPECT_TRUE(reads("\x04\xd2\x09", &value));
  EXPECT_EQ(value, 12.34);
  EXPECT_TRUE(reads("\x01\x07", &value));
  EXPECT_EQ(value, -7);
  EXPECT_TRUE(reads("\xff\x34\x33\x33\x33\x33\x33\xd3\x3f", &value));
  EXPECT_EQ(value, 0.1 + 0.2);
  EXPECT_FALSE(reads("\x04", &value)) << "no digits";
  EXPECT_FALSE(reads("\x04\x0a", &value)) << "a place too many";
  EXPECT_FALSE(reads("\x0e\x01", &value)) << "seven places";
  EXPECT_FALSE(reads("\x01\x00"sv, &value)) << "minus zero has its bits";
  EXPECT_FALSE(reads("\x00\x80\x80\x80\x80\x80\x02"sv, &value)) << "digits above 2^36";
}

struct Position {
  int64_t time = 0;
  uint64_t order = 0;
};
constexpr Timestamp kSince = FromMillis(1'000'000);

std::string BytesOf(const Position& position) {
  std::string bytes;
  EncodePosition(position.time, position.order, kSince, &bytes);
  return bytes;
}

bool Reads(std::string_view bytes, Position* position, uint8_t version = kIrVersion) {
  IrReader reader(bytes, kSince);
  return reader.SetVersion(version) && DecodePosition(&reader, position->time, position->order) &&
         reader.AtEnd();
}

TEST(StoredValue, GoldenBytesOfPositions) {
  EXPECT_EQ(BytesOf({1'000'000, 0}), "\x00"sv);
  EXPECT_EQ(BytesOf({1'000'127, 5}), "\x09\x7f\x05");
  EXPECT_EQ(BytesOf({1'000'128, 5}), "\x0a\x80\x00\x05"sv);
  EXPECT_EQ(BytesOf({999'872, uint64_t{3} << 48 | 256}), "\xd1\x03\x80\x00\x01"sv);
  Position read;
  EXPECT_TRUE(Reads("\xff\x01\x03\x80\x02"sv, &read, 2)) << "version 2: varints";
  EXPECT_EQ(read.time, 999'872);
  EXPECT_EQ(read.order, uint64_t{3} << 48 | 256);
}

TEST(StoredValue, PositionsComeBackInOneForm) {
  testing::ForSeeds(100'000, [](Random& random) {
    const auto any = [&] { return random.Next() >> random.Below(64); };
    const uint64_t time = random.OneIn(2) ? any() : 0 - any();
    const Position position{static_cast<int64_t>(time), any()};
    Position read;
    const std::string bytes = BytesOf(position);
    ASSERT_TRUE(Reads(bytes, &read));
    EXPECT_EQ(read.time, position.time);
    EXPECT_EQ(read.order, position.order);
    // Whatever bytes read are what would be written, but for varints, which have longer forms.
    std::string other = bytes;
    other[random.Below(other.size())] = static_cast<char>(random.Below(256));
    if (static_cast<uint8_t>(other[0]) >> 6 != 3 && Reads(other, &read)) {
      EXPECT_EQ(BytesOf(read), other);
    }
  });
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
