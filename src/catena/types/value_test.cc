// SPDX-License-Identifier: Apache-2.0
#include "catena/types/value.h"

#include <gtest/gtest.h>

#include <limits>

#include "catena/types/batch.h"

namespace catena::types {
namespace {

TEST(ValueTest, NumbersOrderAcrossWidthsAndNaNIsLargest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Value(2), Value(2.0));
  EXPECT_EQ(Compare(Value(-0.0), Value(0.0)), -1);
  EXPECT_EQ(Compare(Value(std::numeric_limits<double>::infinity()), Value(nan)), -1);
  EXPECT_EQ(Value(nan), Value(nan));
  EXPECT_EQ(Compare(Value(), Value(false)), -1);
}

TEST(ValueTest, JsonBecomesTheColumnsType) {
  EXPECT_EQ(*FromJson(Json("5"), Kind::kLong), Value(5));
  EXPECT_EQ(*FromJson(Json(5.0), Kind::kInt), Value(5));
  EXPECT_EQ(*FromJson(Json(5), Kind::kString), Value("5"));
  EXPECT_FALSE(FromJson(Json(5.5), Kind::kLong).ok());
  EXPECT_FALSE(FromJson(Json(300), Kind::kByte).ok());
  EXPECT_FALSE(FromJson(Json::array(), Kind::kDouble).ok());
  EXPECT_FALSE(FromJson(Json(18446744073709551615ULL), Kind::kLong).ok());
}

TEST(DataTypeTest, SpellingsRoundTrip) {
  for (const char* text :
       {"LONG", "LIST<DOUBLE>", "MAP<STRING,LIST<LONG>>", "STRUCT<a:INT,b:STRING>"}) {
    auto type = ParseType(text);
    ASSERT_TRUE(type.ok()) << text;
    EXPECT_EQ(TypeName(*type), text);
  }
  EXPECT_FALSE(ParseType("BIGINT").ok());
  EXPECT_FALSE(ParseType("LIST<").ok());
}

TEST(ColumnTest, TakeAndConcatKeepNullsTextAndLists) {
  BatchBuilder builder(Schema{{{"s", Kind::kString}, {"l", DataType::List(Kind::kLong)}}});
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{"a", ValueList{1, 2}}).ok());
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{Value(), Value()}).ok());
  const Batch batch = builder.Build();
  const std::vector<uint32_t> rows = {1, 0, 0};
  const std::vector<Batch> parts = {batch, batch.Take(rows)};
  const Batch all = Concat(parts);
  ASSERT_EQ(all.rows(), 5u);
  EXPECT_TRUE(all.column(0).IsNull(2));
  EXPECT_EQ(all.Row(4), batch.Row(0));
  EXPECT_EQ(all.column(0).null_count(), 2u);
}

TEST(ColumnTest, AValueThatDoesNotFitIsRefused) {
  Column column(Kind::kByte);
  EXPECT_FALSE(column.AppendValue(Value(200)).ok());
  EXPECT_FALSE(column.AppendValue(Value("x")).ok());
  EXPECT_TRUE(column.AppendValue(Value(100)).ok());
  EXPECT_EQ(column.size(), 1u);
}

}  // namespace
}  // namespace catena::types
