// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/stored_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "catena/base/random.h"

namespace catena::kv {
namespace {

using std::string_literals::operator""s;

std::string KeyOf(DatasetId id, std::string_view key, int64_t millis, uint64_t sequence) {
  std::string bytes;
  AppendValuePrefix(&bytes, id, key);
  AppendInstant(&bytes, FromMillis(millis), sequence);
  return bytes;
}

TEST(StoredFormatTest, GoldenBytes) {
  EXPECT_EQ(NameKey("D"), "nD");
  EXPECT_EQ(EncodeDatasetId(0x01020304), "\x01\x02\x03\x04");
  EXPECT_EQ(MarkKey(2, "offset"), "m\0\0\0\x02offset"s);
  EXPECT_EQ(KeyOf(1, "a", 0, 0),
            "v\0\0\0\x01"
            "a\0\x01"
            "\x80\0\0\0\0\0\0\0"
            "\0\0\0\0\0\0\0\0"s);
  EXPECT_EQ(KeyOf(0x0a0b0c0d, "a\0"s, -1, 0x0102),
            "v\x0a\x0b\x0c\x0d"
            "a\0\xff\0\x01"
            "\x7f\xff\xff\xff\xff\xff\xff\xff"
            "\0\0\0\0\0\0\x01\x02"s);
}

TEST(StoredFormatTest, BytesSortAsKeyTimeSequence) {
  const std::vector<std::string> keys = {""s,   "\0"s,  "\0\0"s,  "\0\x01"s,  "\x01"s,
                                         "a"s,  "a\0"s, "a\0\0"s, "a\0b"s,    "a\x01"s,
                                         "ab"s, "b"s,   "\xff"s,  "\xff\xff"s};
  std::vector<std::string> stored;
  for (const std::string& key : keys) {
    for (const int64_t millis : {INT64_MIN, int64_t{-5}, int64_t{0}, INT64_MAX}) {
      for (const uint64_t sequence : {uint64_t{0}, uint64_t{7}, UINT64_MAX}) {
        stored.push_back(KeyOf(1, key, millis, sequence));
      }
    }
  }
  EXPECT_TRUE(std::is_sorted(stored.begin(), stored.end()));
  EXPECT_LT(stored.back(), KeyOf(2, "", INT64_MIN, 0));
}

TEST(StoredFormatTest, NoPrefixOfValuesIsAPrefixOfAnother) {
  std::string a;
  std::string b;
  AppendValuePrefix(&a, 1, "a");
  AppendValuePrefix(&b, 1, "a\0"s);
  EXPECT_FALSE(b.starts_with(a));
  EXPECT_FALSE(a.starts_with(b));
}

TEST(StoredFormatTest, RandomKeysRoundTrip) {
  Random random(20261121);
  for (int i = 0; i < 2000; ++i) {
    std::string key;
    for (uint64_t n = random.Below(12); n > 0; --n) {
      key.push_back(static_cast<char>(random.OneIn(2) ? 0 : random.Below(256)));
    }
    const auto millis = static_cast<int64_t>(random.Next());
    const uint64_t sequence = random.Next();
    const std::optional<ValueKey> parsed = ParseValueKey(KeyOf(77, key, millis, sequence));
    ASSERT_TRUE(parsed.has_value()) << "seed 20261121 i " << i;
    EXPECT_EQ(parsed->id, 77u);
    EXPECT_EQ(parsed->key, key);
    EXPECT_EQ(ToMillis(parsed->instant.time), millis);
    EXPECT_EQ(parsed->instant.sequence, sequence);
  }
}

TEST(StoredFormatTest, BytesOfNoKnownFormAreRefused) {
  const std::string good = KeyOf(1, "ab", 1, 1);
  EXPECT_FALSE(ParseValueKey("").has_value());
  EXPECT_FALSE(ParseValueKey("m" + good.substr(1)).has_value());
  EXPECT_FALSE(ParseValueKey(good.substr(0, good.size() - 1)).has_value());
  EXPECT_FALSE(ParseValueKey("v\0\0\0\x01"
                             "a\0\x02"s +
                             std::string(16, 'x'))
                   .has_value());
  EXPECT_FALSE(ParseValueKey("v\0\0\0\x01"
                             "a\0"s +
                             std::string(16, 'x'))
                   .has_value());
}

TEST(StoredFormatTest, AfterPrefixIsTheNextPrefix) {
  EXPECT_EQ(AfterPrefix("ab"), "ac");
  EXPECT_EQ(AfterPrefix("a\xff\xff"), "b");
  EXPECT_EQ(AfterPrefix("\xff"), "");
}

}  // namespace
}  // namespace catena::kv
