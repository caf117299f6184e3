// SPDX-License-Identifier: Apache-2.0
#include "catena/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace catena {
namespace {

TEST(BytesTest, OrderedIntegersSortAsBytes) {
  const std::vector<int64_t> values = {
      std::numeric_limits<int64_t>::min(), -300, -1, 0, 1, 255, 256,
      std::numeric_limits<int64_t>::max()};
  std::string previous;
  for (const int64_t value : values) {
    std::string bytes;
    AppendOrderedInt64(&bytes, value);
    EXPECT_LT(previous, bytes) << value;
    EXPECT_EQ(ByteReader(bytes).OrderedInt64(), value);
    previous = bytes;
  }
}

TEST(BytesTest, FixedIsLittleEndianOnThisMachine) {
  std::string bytes;
  AppendFixed64(&bytes, 1);
  EXPECT_EQ(bytes, std::string("\x01\0\0\0\0\0\0\0", 8));
}

TEST(BytesTest, ZigzagRoundTripsExtremes) {
  for (const int64_t value :
       {int64_t{0}, int64_t{-1}, int64_t{63}, int64_t{-64}, int64_t{64},
        std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    std::string bytes;
    AppendZigzag(&bytes, value);
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Zigzag(), value);
    EXPECT_TRUE(reader.ok() && reader.AtEnd());
  }
}

TEST(BytesTest, ShortAndOverlongInputIsRefused) {
  ByteReader shorter(
      std::string_view("\x05"
                       "abc",
                       4));
  EXPECT_EQ(shorter.Sized(), "");
  EXPECT_FALSE(shorter.ok());
  ByteReader overlong(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10));
  overlong.Varint();
  EXPECT_FALSE(overlong.ok());
}

}  // namespace
}  // namespace catena
