// SPDX-License-Identifier: Apache-2.0
#include "catena/types/row_codec.h"

#include <gtest/gtest.h>

#include "catena/base/bytes.h"

namespace catena::types {
namespace {

Schema AllTypes() {
  return Schema{{{"b", Kind::kBool},
                 {"i", Kind::kInt},
                 {"l", Kind::kLong},
                 {"f", Kind::kFloat},
                 {"d", Kind::kDouble},
                 {"s", Kind::kString},
                 {"list", DataType::List(Kind::kDouble)},
                 {"map", DataType::Map(Kind::kString, Kind::kLong)}}};
}

std::vector<size_t> AllColumns(const Schema& schema) {
  std::vector<size_t> columns(schema.size());
  for (size_t i = 0; i < columns.size(); ++i) columns[i] = i;
  return columns;
}

TEST(RowCodecTest, GoldenBytes) {
  BatchBuilder builder(Schema{{{"l", Kind::kLong}, {"s", Kind::kString}, {"n", Kind::kInt}}});
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{-2, "ab", {}}).ok());
  const Batch batch = builder.Build();
  std::string bytes;
  RowCodec(batch.schema()).Encode(batch, AllColumns(batch.schema()), 0, &bytes);
  EXPECT_EQ(bytes, std::string("\x02\x03\x02\x04"
                               "ab"
                               "\x00",
                               7));
}

TEST(RowCodecTest, EveryTypeRoundTripsAndEveryPrefixIsRefused) {
  const Schema schema = AllTypes();
  BatchBuilder builder(schema);
  const std::vector<Value> row = {true,
                                  7,
                                  int64_t{1} << 60,
                                  0.5,
                                  -0.25,
                                  std::string("x\0y", 3),
                                  ValueList{1.5, Value()},
                                  ValueMap{{"k", 9}}};
  ASSERT_TRUE(builder.AppendRow(row).ok());
  const Batch batch = builder.Build();
  const RowCodec codec(schema);
  std::string bytes;
  codec.Encode(batch, AllColumns(schema), 0, &bytes);
  BatchBuilder decoded(schema);
  ASSERT_TRUE(codec.DecodeInto(bytes, &decoded).ok());
  EXPECT_EQ(decoded.Build().Row(0), row);
  for (size_t size = 0; size < bytes.size(); ++size) {
    BatchBuilder into(schema);
    EXPECT_FALSE(codec.DecodeInto(std::string_view(bytes).substr(0, size), &into).ok()) << size;
  }
}

TEST(RowCodecTest, EqualMapsAreEqualBytes) {
  const Schema schema{{{"m", DataType::Map(Kind::kString, Kind::kLong)}}};
  BatchBuilder builder(schema);
  for (const ValueMap& map : {ValueMap{{"b", 2}, {"", Value()}, {"a", 1}},
                              ValueMap{{"a", 1}, {"b", 7}, {"", Value()}, {"b", 2}}}) {
    ASSERT_TRUE(builder.AppendRow(std::vector<Value>{map}).ok());
  }
  const Batch batch = builder.Build();
  std::string bytes[2];
  for (size_t row : {0, 1}) RowCodec(schema).Encode(batch, AllColumns(schema), row, &bytes[row]);
  EXPECT_EQ(bytes[0], bytes[1]);
  BatchBuilder decoded(schema);
  ASSERT_TRUE(RowCodec(schema).DecodeInto(bytes[1], &decoded).ok());
  EXPECT_EQ(decoded.Build().Row(0)[0], Value(ValueMap{{"", Value()}, {"a", 1}, {"b", 2}}));
}

TEST(KeyTest, EqualKeysOfAnyIntegerWidthAreEqualBytes) {
  BatchBuilder narrow(Schema{{{"k", Kind::kInt}}});
  ASSERT_TRUE(narrow.AppendRow(std::vector<Value>{5}).ok());
  const std::vector<size_t> first = {0};
  std::string a, b;
  ASSERT_TRUE(EncodeKey(narrow.Build(), first, 0, &a));
  ASSERT_TRUE(EncodeKey(std::vector<Value>{int64_t{5}}, &b));
  EXPECT_EQ(a, b);
}

TEST(KeyTest, ANullPartMakesNoKey) {
  std::string bytes = "before";
  EXPECT_FALSE(EncodeKey(std::vector<Value>{1, Value()}, &bytes));
  EXPECT_EQ(bytes, "before");
}

TEST(KeyTest, NoKeyIsAPrefixOfAnotherAndOrderIsValueOrder) {
  const std::vector<Value> texts = {"", std::string("\0", 1), "a", std::string("a\0", 2), "ab"};
  std::string previous;
  for (const Value& text : texts) {
    std::string bytes;
    ASSERT_TRUE(EncodeKey(std::vector<Value>{text}, &bytes));
    EXPECT_LT(previous, bytes);
    EXPECT_FALSE(!previous.empty() && bytes.starts_with(previous));
    auto decoded = DecodeKey(bytes, std::vector<DataType>{Kind::kString});
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ((*decoded)[0], text);
    previous = bytes;
  }
}

TEST(KeyTest, ATextEndsOnlyWithTwoZeroes) {
  const auto decodes = [](std::string_view bytes) {
    return DecodeKey(bytes, std::vector<DataType>{Kind::kString}).ok();
  };
  EXPECT_TRUE(decodes({"\5a\0\0", 4}));
  EXPECT_FALSE(decodes({"\5a\0\2", 4}));
  EXPECT_FALSE(decodes({"\5a\0", 3}));
}

// A decoder that cut them would make another row of bytes that no row has.
TEST(RowCodecTest, ValuesThatTheirTypeCannotHoldAreRefused) {
  const auto decodes = [](DataType type, int64_t number) {
    const Schema schema{{{"v", std::move(type)}}};
    std::string bytes = "\x02";
    AppendZigzag(&bytes, number);
    BatchBuilder into(schema);
    return RowCodec(schema).DecodeInto(bytes, &into).ok();
  };
  EXPECT_TRUE(decodes(Kind::kByte, -128));
  EXPECT_FALSE(decodes(Kind::kByte, 128));
  EXPECT_TRUE(decodes(Kind::kShort, 32767));
  EXPECT_FALSE(decodes(Kind::kShort, 32768));
  EXPECT_TRUE(decodes(Kind::kDate, INT32_MIN));
  EXPECT_FALSE(decodes(Kind::kDate, int64_t{INT32_MIN} - 1));
  EXPECT_FALSE(decodes(Kind::kInt, int64_t{1} << 32));
  EXPECT_TRUE(decodes(Kind::kBool, -1));  // Zigzag of -1 is the byte 1.
  EXPECT_FALSE(decodes(Kind::kBool, 1));
}

}  // namespace
}  // namespace catena::types
