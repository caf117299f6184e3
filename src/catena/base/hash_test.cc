// SPDX-License-Identifier: Apache-2.0
#include "catena/base/hash.h"

#include <gtest/gtest.h>

#include <string>

namespace catena {
namespace {

// Bit by bit, as the polynomial is defined.
uint32_t NaiveCrc32c(std::string_view bytes, uint32_t seed) {
  uint32_t crc = ~seed;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

TEST(HashTest, Crc32cHasItsCheckValue) { EXPECT_EQ(Crc32c("123456789"), 0xe3069283u); }

TEST(HashTest, Crc32cAgreesWithItsDefinitionAtEveryLengthAndContinues) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Crc32c(bytes), NaiveCrc32c(bytes, 0));
    EXPECT_EQ(Crc32c(bytes, 77), NaiveCrc32c(bytes, 77));
    EXPECT_EQ(Crc32c(bytes.substr(bytes.size() / 3), Crc32c(bytes.substr(0, bytes.size() / 3))),
              Crc32c(bytes));
    bytes.push_back(static_cast<char>(i * 37));
  }
}

// Stored keys and topic partitions depend on these.
TEST(HashTest, HashBytesNeverChanges) {
  EXPECT_EQ(HashBytes(""), MixHash(0xcbf29ce484222325ULL));
  static_assert(MixHash(0) == 0);
  static_assert(HashBytes("a") != HashBytes("b"));
}

}  // namespace
}  // namespace catena
