// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catena/topic/decoder_under_test.h"
#include "catena/types/data_type.h"

namespace catena::topic {
namespace {

using types::Value;
using types::ValueList;
using types::ValueMap;

Decoded Decode(const types::Schema& schema, const std::vector<std::string>& values) {
  return Decoder::Open({}, schema).value()->Decode(RecordsOf(values)).value();
}

// The value of column "x" of `type`, or the reason why there is none.
struct One {
  Value value;
  std::string reason;
};
One DecodeX(const std::string& type, const std::string& json) {
  const Decoded decoded = Decode(SchemaOf({{"x", type}}), {"{\"x\":" + json + "}"});
  if (!decoded.bad.empty()) return {Value(), decoded.bad[0].reason};
  return {decoded.rows.column(0).ValueAt(0), ""};
}

TEST(JsonDecoderTest, FillsColumnsByName) {
  const auto schema = SchemaOf({{"user", "STRING"}, {"amount", "DOUBLE"}, {"n", "LONG"}});
  const Decoded decoded =
      Decode(schema, {R"({"n": 7, "user": "a\u00e9\n", "other": [1, {"deep": null}], "amount": 3})",
                      R"({"amount":null,"user":"b"})", "{}"});
  ASSERT_TRUE(decoded.bad.empty());
  EXPECT_EQ(decoded.rows.schema(), schema);
  EXPECT_EQ(decoded.record_of_row, (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(decoded.rows.Row(0), (std::vector<Value>{"a\xc3\xa9\n", 3.0, 7}));
  EXPECT_EQ(decoded.rows.Row(1), (std::vector<Value>{"b", Value(), Value()}));
  EXPECT_EQ(decoded.rows.Row(2), (std::vector<Value>{Value(), Value(), Value()}));
}

TEST(JsonDecoderTest, BadRecordsLeaveNoTraceInTheRows) {
  const auto schema = SchemaOf({{"a", "LIST<LONG>"}, {"b", "LONG"}});
  const Decoded decoded = Decode(
      schema, {R"({"a":[1],"b":1})", R"({"a":[1,2],"b":"x"})", "nope", R"({"a":[3],"b":3})"});
  EXPECT_EQ(decoded.record_of_row, (std::vector<uint32_t>{0, 3}));
  ASSERT_EQ(decoded.bad.size(), 2u);
  EXPECT_EQ(decoded.bad[0].record, 1u);
  EXPECT_EQ(decoded.bad[1].record, 2u);
  EXPECT_EQ(decoded.rows.Row(1), (std::vector<Value>{ValueList{3}, 3}));
}

TEST(JsonDecoderTest, FirstOfARepeatedFieldCounts) {
  const auto schema = SchemaOf({{"x", "LONG"}, {"m", "MAP<STRING,LONG>"}});
  const Decoded decoded =
      Decode(schema, {R"({"x":1,"x":2,"\u0078":"text","m":{"k":1,"k":2,"l":null}})"});
  ASSERT_TRUE(decoded.bad.empty()) << decoded.bad[0].reason;
  EXPECT_EQ(decoded.rows.Row(0), (std::vector<Value>{1, ValueMap{{"k", 1}, {"l", Value()}}}));
}

TEST(JsonDecoderTest, FieldOrderMayChangeFromRecordToRecord) {
  const auto schema = SchemaOf({{"a", "LONG"}, {"ab", "LONG"}});
  const Decoded decoded = Decode(schema, {R"({"a":1,"ab":2})", R"({"ab":3,"a":4})",
                                          R"({"abc":9,"a":5})", R"({"a\"":8,"ab":6})"});
  ASSERT_TRUE(decoded.bad.empty());
  EXPECT_EQ(decoded.rows.Row(1), (std::vector<Value>{4, 3}));
  EXPECT_EQ(decoded.rows.Row(2), (std::vector<Value>{5, Value()}));
  EXPECT_EQ(decoded.rows.Row(3), (std::vector<Value>{Value(), 6}));
}

TEST(JsonDecoderTest, IntegersAreWholeAndFit) {
  EXPECT_EQ(DecodeX("LONG", "9223372036854775807").value,
            Value(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(DecodeX("LONG", "-9223372036854775808").value,
            Value(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(DecodeX("LONG", "5.0").value, Value(5));
  EXPECT_EQ(DecodeX("LONG", "-1.5e3").value, Value(-1500));
  EXPECT_EQ(DecodeX("BYTE", "-128").value, Value(-128));
  EXPECT_EQ(DecodeX("TIMESTAMP", "1700000000000").value, Value(int64_t{1700000000000}));
  for (const auto& [type, json] :
       std::vector<std::pair<std::string, std::string>>{{"LONG", "9223372036854775808"},
                                                        {"LONG", "1e19"},
                                                        {"LONG", "9007199254740994.0"},
                                                        {"INT", "2147483648"},
                                                        {"INT", "-2147483649"},
                                                        {"BYTE", "128"},
                                                        {"SHORT", "1e9"}}) {
    EXPECT_EQ(DecodeX(type, json).reason, "field \"x\" wants " + type + ", found the number " +
                                              json + ", which does not fit (byte 5)");
  }
  EXPECT_EQ(DecodeX("INT", "5.5").reason, "field \"x\" wants INT, found the number 5.5 (byte 5)");
}

TEST(JsonDecoderTest, ReasonsNameFieldTypeAndFinding) {
  EXPECT_EQ(DecodeX("DOUBLE", "\"12\" ").reason,
            "field \"x\" wants DOUBLE, found the string \"12\" (byte 5)");
  EXPECT_EQ(DecodeX("STRING", "12").reason,
            "field \"x\" wants STRING, found the number 12 (byte 5)");
  EXPECT_EQ(DecodeX("BOOLEAN", "1").reason,
            "field \"x\" wants BOOLEAN, found the number 1 (byte 5)");
  EXPECT_EQ(DecodeX("LONG", "true").reason, "field \"x\" wants LONG, found true (byte 5)");
  EXPECT_EQ(DecodeX("LONG", "[1]").reason, "field \"x\" wants LONG, found an array (byte 5)");
  EXPECT_EQ(DecodeX("LIST<LONG>", "{}").reason,
            "field \"x\" wants LIST<LONG>, found an object (byte 5)");
  EXPECT_EQ(DecodeX("LIST<LONG>", "[1,\"a\"]").reason,
            "field \"x\" wants LONG, found the string \"a\"; send a number, times as milliseconds "
            "since 1970 UTC (byte 8)");
  EXPECT_EQ(DecodeX("TIMESTAMP", "\"2026-11-20T13:05:00Z\"").reason,
            "field \"x\" wants TIMESTAMP, found the string \"2026-11-20T13:05:00Z\"; send a "
            "number, times as milliseconds since 1970 UTC (byte 5)");
  EXPECT_EQ(DecodeX("FLOAT", "1e39").reason,
            "field \"x\" wants FLOAT, found the number 1e39, which does not fit (byte 5)");
}

TEST(JsonDecoderTest, ListsAndMapsNest) {
  EXPECT_EQ(DecodeX("LIST<STRING>", "[]").value, Value(ValueList{}));
  EXPECT_EQ(DecodeX("LIST<STRING>", R"(["a",null,""])").value, Value(ValueList{"a", Value(), ""}));
  EXPECT_EQ(DecodeX("LIST<LIST<LONG>>", "[[1,2],null,[],[3]]").value,
            Value(ValueList{ValueList{1, 2}, Value(), ValueList{}, ValueList{3}}));
  EXPECT_EQ(DecodeX("MAP<STRING,LIST<DOUBLE>>", R"({"a":[1],"b":null})").value,
            Value(ValueMap{{"a", ValueList{1.0}}, {"b", Value()}}));
  std::string wide = "{";
  for (int i = 0; i < 40; ++i)
    wide += "\"k" + std::to_string(i % 25) + "\":" + std::to_string(i) + ",";
  wide.back() = '}';
  const Value map = DecodeX("MAP<STRING,LONG>", wide).value;
  EXPECT_EQ(std::get<ValueMap>(map.data).size(), 25u);
  EXPECT_EQ(std::get<ValueMap>(map.data)[24].second, Value(24));
}

TEST(JsonDecoderTest, HostileRecordsAreBadWithPosition) {
  const auto schema = SchemaOf({{"x", "LONG"}});
  const struct {
    std::string json;
    const char* reason;  // Part of it.
  } kHostile[] = {
      {"", "(byte 0)"},
      {"   ", "invalid JSON"},
      {"null", "not a JSON object (byte 0)"},
      {"[1]", "not a JSON object"},
      {"\"x\"", "not a JSON object"},
      {"{\"x\":1", "invalid JSON"},
      {"{\"x\":1}}", "invalid JSON"},
      {"{\"x\":1} {}", "bytes follow the object (byte 8)"},
      {"{\"x\" 1}", "invalid JSON"},
      {"{\"x\":1,}", "invalid JSON"},
      {"{x:1}", "invalid JSON"},
      {"{'x':1}", "invalid JSON"},
      {"{\"x\":01}", "invalid JSON"},
      {"{\"x\":1.}", "invalid JSON"},
      {"{\"x\":+1}", "invalid JSON"},
      {"{\"x\":NaN}", "invalid JSON"},
      {"{\"x\":nul}", "invalid JSON"},
      {"{\"other\":tru}", "invalid JSON"},
      {"{\"other\":1e999}", "invalid JSON"},
      {"{\"other\":[1 2]}", "invalid JSON"},
      {"{\"other\":{\"a\":}}", "invalid JSON"},
      {"{\"other\":\"\\q\"}", "invalid JSON"},
      {"{\"other\":\"\\ud800\"}", "invalid JSON"},
      {"{\"other\":\"\\udc00\"}", "invalid JSON"},
      {"{\"other\":\"a\nb\"}", "(byte 11)"},
      {"{\"other\":\"\xc3\x28\"}", "(byte 10)"},
      {"{\"other\":\"\xed\xa0\x80\"}", "(byte 10)"},
      {std::string("{\"x\":1}\0", 8), "invalid JSON"},
      {"{\"other\":\"unclosed}", "invalid JSON"},
  };
  const auto decoder = Decoder::Open({}, schema).value();
  for (const auto& [json, reason] : kHostile) {
    const Decoded decoded = decoder->Decode(RecordsOf({json, "{\"x\":3}"})).value();
    ASSERT_EQ(decoded.bad.size(), 1u) << json;
    EXPECT_NE(decoded.bad[0].reason.find(reason), std::string::npos)
        << json << " gives: " << decoded.bad[0].reason;
    EXPECT_EQ(decoded.rows.rows(), 1u);  // And the decoder goes on.
  }
}

TEST(JsonDecoderTest, DepthOf64IsTheLimit) {
  const auto nested = [](int levels) {
    return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  const auto schema = SchemaOf({{"x", "LONG"}});
  EXPECT_TRUE(Decode(schema, {nested(64)}).bad.empty());
  const Decoded deep = Decode(schema, {nested(65), nested(100'000)});
  ASSERT_EQ(deep.bad.size(), 2u);
  EXPECT_NE(deep.bad[0].reason.find("deeper than 64"), std::string::npos) << deep.bad[0].reason;
}

TEST(JsonDecoderTest, LargeRecordsGrowTheBuffer) {
  const std::string big(3'000'000, 'y');
  const Decoded decoded = Decode(SchemaOf({{"x", "STRING"}}),
                                 {R"({"x":"small"})", "{\"x\":\"" + big + "\"}", R"({"x":"z"})"});
  ASSERT_EQ(decoded.rows.rows(), 3u);
  EXPECT_EQ(decoded.rows.column(0).Text(1), big);
  EXPECT_EQ(decoded.rows.column(0).Text(2), "z");
}

TEST(JsonDecoderTest, NoRecordsGiveNoRows) {
  const Decoded decoded = Decode(SchemaOf({{"x", "LONG"}}), {});
  EXPECT_EQ(decoded.rows.rows(), 0u);
  EXPECT_EQ(decoded.rows.width(), 1u);
}

TEST(JsonDecoderTest, RefusesWhatJsonCannotCarry) {
  EXPECT_EQ(Decoder::Open({}, SchemaOf({{"s", "STRUCT<a:LONG>"}})).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(Decoder::Open({}, SchemaOf({{"m", "LIST<MAP<LONG,LONG>>"}})).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(Decoder::Open({.serde = {{"serde", "yaml"}}}, SchemaOf({})).error().code,
            ErrorCode::kInvalidConf);
}

}  // namespace
}  // namespace catena::topic
