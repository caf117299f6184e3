// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "catena/base/bytes.h"
#include "catena/topic/avro/avro_encoder.h"
#include "catena/topic/avro/avro_schema.h"
#include "catena/topic/decoder_under_test.h"
#include "catena/topic/registry/registry_under_test.h"
#include "catena/types/data_type.h"

namespace catena::topic {
namespace {

using types::Value;
using types::ValueList;
using types::ValueMap;
using Row = std::vector<Value>;

std::string RecordSchema(const std::string& fields) {
  return R"({"type": "record", "name": "a.Event", "fields": [)" + fields + "]}";
}

std::string Encoded(const std::string& schema, const std::string& json) {
  const AvroSchema parsed = AvroSchema::Parse(schema, "schema").value();
  std::string bytes;
  const Status status =
      AvroEncode(ParseJson(json, "event").value(), parsed, AvroSchema::kRoot, &bytes);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return bytes;
}

class AvroDecoderTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Decoder>> Open(const std::string& schema, const types::Schema& columns) {
    return Decoder::Open(file_.Holding(schema), columns);
  }
  // The only row, or the reason why there is none.
  std::string Print(const std::string& schema, const types::Schema& columns,
                    const std::string& bytes) {
    const auto decoder = Open(schema, columns);
    return decoder.ok() ? PrintRow(decoder->get(), bytes) : decoder.error().message;
  }

  SchemaFile file_{"avro", ".avsc"};
};

// The bytes are those of the specification's own examples.
TEST_F(AvroDecoderTest, ReadsTheExamplesOfTheSpecification) {
  const std::string record =
      RecordSchema(R"({"name": "a", "type": "long"}, {"name": "b", "type": "string"})");
  EXPECT_EQ(Print(record, SchemaOf({{"a", "LONG"}, {"b", "STRING"}}),
                  "\x36\x06"
                  "foo"),
            "27 \"foo\"");
  const std::string array =
      RecordSchema(R"({"name": "x", "type": {"type": "array", "items": "long"}})");
  EXPECT_EQ(Print(array, SchemaOf({{"x", "LIST<LONG>"}}), std::string("\x04\x06\x36\x00", 4)),
            "[3,27]");
  const std::string either = RecordSchema(R"({"name": "x", "type": ["null", "string"]})");
  EXPECT_EQ(Print(either, SchemaOf({{"x", "STRING"}}), std::string("\x00", 1)), "null");
  EXPECT_EQ(Print(either, SchemaOf({{"x", "STRING"}}),
                  "\x02\x02"
                  "a"),
            "\"a\"");
}

TEST_F(AvroDecoderTest, PromotesAndConverts) {
  const std::string schema = RecordSchema(
      R"({"name": "i", "type": "int"}, {"name": "f", "type": "float"},
         {"name": "us", "type": {"type": "long", "logicalType": "timestamp-micros"}},
         {"name": "d", "type": {"type": "int", "logicalType": "date"}},
         {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["RED", "GREEN"]}},
         {"name": "r", "type": {"type": "record", "name": "R", "fields": [
             {"name": "p", "type": "boolean"}, {"name": "q", "type": "bytes"}]}},
         {"name": "m", "type": {"type": "map", "values": ["null", "int"]}})");
  const std::string bytes =
      Encoded(schema, R"({"i": 7, "f": 0.5, "us": -1, "d": 20000, "e": "GREEN",
                  "r": {"p": true, "q": "z"}, "m": {"k": 3, "n": null}})");
  const auto columns = SchemaOf({{"m", "MAP<STRING,DOUBLE>"},
                                 {"i", "DOUBLE"},
                                 {"us", "TIMESTAMP"},
                                 {"f", "DOUBLE"},
                                 {"d", "DATE"},
                                 {"e", "STRING"},
                                 {"r", "STRUCT<q:STRING,missing:LONG,p:BOOLEAN>"}});
  EXPECT_EQ(Print(schema, columns, bytes),
            R"({"k":3.0,"n":null} 7.0 -1 0.5 20000 "GREEN" {"missing":null,"p":true,"q":"z"})");
  // Of the logical type, only TIMESTAMP takes notice.
  EXPECT_EQ(Print(schema, SchemaOf({{"us", "LONG"}}), bytes), "-1");
  EXPECT_EQ(Print(schema, SchemaOf({{"i", "BYTE"}, {"nobody", "LONG"}}), bytes), "7 null");
}

TEST_F(AvroDecoderTest, RefusesColumnsThatNoRecordCanFill) {
  const auto refuse = [&](const std::string& type, const std::string& column) {
    const auto decoder =
        Open(RecordSchema(R"({"name": "x", "type": )" + type + "}"), SchemaOf({{"x", column}}));
    EXPECT_FALSE(decoder.ok()) << type << " as " << column;
    if (decoder.ok()) return std::string();
    EXPECT_EQ(decoder.error().code, ErrorCode::kInvalidConf);
    return decoder.error().message;
  };
  EXPECT_NE(refuse("\"string\"", "LONG")
                .find("field \"x\": wants LONG, the schema of the records "
                      "has string"),
            std::string::npos)
      << refuse("\"string\"", "LONG");
  EXPECT_NE(refuse("[\"null\", \"double\"]", "LONG"), "");
  EXPECT_NE(refuse("\"long\"", "STRING"), "");
  EXPECT_NE(refuse(R"({"type": "bytes", "logicalType": "decimal", "precision": 4})", "DOUBLE"), "");
  EXPECT_NE(refuse(R"({"type": "int", "logicalType": "date"})", "TIMESTAMP"), "");
  EXPECT_NE(refuse(R"({"type": "array", "items": "string"})", "LIST<INT>"), "");
  EXPECT_NE(refuse(R"({"type": "map", "values": "int"})", "MAP<LONG,INT>"), "");
}

TEST_F(AvroDecoderTest, OneBadRecordLeavesTheOthers) {
  const std::string schema = RecordSchema(
      R"({"name": "a", "type": "string"},
         {"name": "l", "type": {"type": "array", "items": {"type": "array", "items": "int"}}},
         {"name": "u", "type": ["long", "string"]})");
  const auto columns = SchemaOf({{"u", "SHORT"}, {"l", "LIST<LIST<INT>>"}, {"a", "STRING"}});
  const std::string good = Encoded(schema, R"({"a": "x", "l": [[1, 2], []], "u": 5})");
  std::vector<std::string> values;
  for (size_t size = 0; size <= good.size(); ++size) values.push_back(good.substr(0, size));
  values.push_back(good + "!");
  values.push_back(Encoded(schema, R"({"a": "x", "l": [], "u": "text"})"));
  values.push_back(Encoded(schema, R"({"a": "x", "l": [[7]], "u": 40000})"));
  values.push_back(good);
  const auto decoder = Open(schema, columns).value();
  const Decoded decoded = decoder->Decode(RecordsOf(values)).value();
  ASSERT_EQ(decoded.rows.rows(), 2U);
  const Row row = {Value(5),
                   Value(ValueList{Value(ValueList{Value(1), Value(2)}), Value(ValueList{})}),
                   Value("x")};
  EXPECT_EQ(decoded.rows.Row(0), row);
  EXPECT_EQ(decoded.rows.Row(1), row);
  EXPECT_EQ(decoded.record_of_row,
            (std::vector<uint32_t>{static_cast<uint32_t>(good.size()),
                                   static_cast<uint32_t>(values.size() - 1)}));
  EXPECT_EQ(decoded.bad[0].reason, "the record has no value");
  const size_t last = decoded.bad.size() - 1;
  EXPECT_EQ(decoded.bad[last - 2].reason,
            "bytes follow the record; they were written with another schema (byte 11)");
  EXPECT_EQ(decoded.bad[last - 1].reason,
            "field \"u\" wants SHORT, the schema of the records has string (byte 4)");
  EXPECT_EQ(decoded.bad[last].reason,
            "field \"u\" wants SHORT, found the number 40000, which does not fit (byte 11)");
}

TEST_F(AvroDecoderTest, NoFewBytesMakeMuchWork) {
  const std::string schema = RecordSchema(
      R"({"name": "n", "type": {"type": "array", "items": "null"}},
         {"name": "t", "type": ["null", {"type": "record", "name": "T", "fields": [
             {"name": "next", "type": ["null", "T"]}]}]})");
  std::string many;
  AppendZigzag(&many, int64_t{1} << 60);
  for (const char* column : {"n", "other"}) {
    EXPECT_NE(Print(schema, SchemaOf({{column, "LIST<LONG>"}}), many).find("10000 elements"),
              std::string::npos);
  }
  const std::string deep = std::string(1, '\0') + std::string(100'000, '\x02');
  EXPECT_NE(Print(schema, SchemaOf({{"x", "LONG"}}), deep).find("64 levels"), std::string::npos);
}

TEST_F(AvroDecoderTest, RefusesWhatIsNoSchema) {
  for (const char* text :
       {"", "{", "[]", "7", "\"Unknown\"", R"({"type": "record"})",
        R"({"type": "record", "name": "R", "fields": [{"name": "x"}]})",
        R"({"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"},
                                                      {"name": "x", "type": "int"}]})",
        R"(["int", "int"])", R"(["null", ["int"]])", R"({"type": "enum", "name": "E"})",
        R"({"type": "fixed", "name": "F", "size": -1})", R"({"type": "array"})"}) {
    const auto parsed = AvroSchema::Parse(text, "s.avsc");
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidConf);
    EXPECT_EQ(parsed.error().message.find("s.avsc"), 0U) << parsed.error().message;
  }
  EXPECT_FALSE(Open("\"long\"", SchemaOf({{"x", "LONG"}})).ok());
  EXPECT_FALSE(Decoder::Open({.serde = {{"serde", "avro"}}}, {}).ok());
}

// --- the registry --------------------------------------------------------------------------------

std::string Wire(uint32_t id, const std::string& body) {
  std::string bytes(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(id >> shift));
  return bytes + body;
}

class AvroRegistryTest : public testing::Test {
 protected:
  AvroRegistryTest() {
    registry_.Put("/schemas/ids/1", 200, {{"schema", kOld}});
    registry_.Put("/schemas/ids/2", 200, {{"schema", kNew}});
    registry_.Put("/subjects/t-value/versions/latest", 200,
                  {{"schema", kNew}, {"id", 2}, {"version", 2}});
  }
  Result<std::unique_ptr<Decoder>> Open(std::map<std::string, std::string> serde = {}) {
    serde.insert({{"registry_host", "127.0.0.1"}, {"registry_port", registry_.port()}});
    return Decoder::Open({.name = "t", .serde = serde}, columns_);
  }

  const std::string kOld =
      RecordSchema(R"({"name": "who", "type": "int"}, {"name": "gone", "type": "string"},
                      {"name": "amount", "type": "float"})");
  const std::string kNew = RecordSchema(
      R"({"name": "amount", "type": "double"}, {"name": "user", "type": "long", "aliases": ["who"]},
         {"name": "country", "type": "string", "default": "DE"},
         {"name": "tags", "type": {"type": "array", "items": "string"}, "default": ["a", "b"]})");
  const std::string kOldRecord = Encoded(kOld, R"({"who": 7, "gone": "x", "amount": 1.5})");
  const std::string kNewRecord =
      Encoded(kNew, R"({"amount": 2.5, "user": 8, "country": "FR", "tags": []})");
  const types::Schema columns_ = SchemaOf(
      {{"user", "LONG"}, {"amount", "DOUBLE"}, {"country", "STRING"}, {"tags", "LIST<STRING>"}});
  RegistryUnderTest registry_;
};

TEST_F(AvroRegistryTest, ReadsEachRecordAsItWasWritten) {
  const auto decoder = Open().value();
  const auto records = RecordsOf({Wire(1, kOldRecord), Wire(2, kNewRecord), Wire(1, kOldRecord)});
  const Row old_row = {Value(7), Value(1.5), Value("DE"), Value(ValueList{Value("a"), Value("b")})};
  for (int pass = 0; pass < 2; ++pass) {
    const Decoded decoded = decoder->Decode(records).value();
    ASSERT_EQ(decoded.rows.rows(), 3U) << decoded.bad[0].reason;
    EXPECT_EQ(decoded.rows.Row(0), old_row);
    EXPECT_EQ(decoded.rows.Row(1), (Row{Value(8), Value(2.5), Value("FR"), Value(ValueList{})}));
    EXPECT_EQ(decoded.rows.Row(2), old_row);
  }
  EXPECT_EQ(registry_.asked(), 3);  // The subject, and each schema once.
}

TEST_F(AvroRegistryTest, AnUnknownSchemaIsABadRecordUntilItIsKnown) {
  const auto decoder = Open().value();
  const auto records = RecordsOf({Wire(9, kNewRecord), Wire(2, kNewRecord), Wire(9, kNewRecord),
                                  "{\"user\": 1}", std::string("\0\0", 2)});
  const Decoded decoded = decoder->Decode(records).value();
  EXPECT_EQ(decoded.record_of_row, (std::vector<uint32_t>{1}));
  ASSERT_EQ(decoded.bad.size(), 4U);
  EXPECT_EQ(decoded.bad[0].reason, "schema 9 is not known to the schema registry");
  EXPECT_EQ(decoded.bad[1].reason, decoded.bad[0].reason);
  EXPECT_NE(decoded.bad[2].reason.find("without the schema registry"), std::string::npos);
  EXPECT_EQ(registry_.asked(), 3);
  registry_.Put("/schemas/ids/9", 200, {{"schema", kNew}});
  EXPECT_EQ(decoder->Decode(records)->record_of_row, (std::vector<uint32_t>{0, 1, 2}));
}

TEST_F(AvroRegistryTest, ASchemaThatFillsNoColumnIsABadRecord) {
  registry_.Put("/schemas/ids/3", 200,
                {{"schema", RecordSchema(R"({"name": "user", "type": "string"})")}});
  registry_.Put("/schemas/ids/4", 200, {{"schema", "message X {}"}, {"schemaType", "PROTOBUF"}});
  registry_.Put("/schemas/ids/5", 200, {{"schema", "{"}});
  const auto decoder = Open().value();
  const Decoded decoded =
      decoder->Decode(RecordsOf({Wire(3, "x"), Wire(4, "x"), Wire(5, "x"), Wire(2, kNewRecord)}))
          .value();
  EXPECT_EQ(decoded.record_of_row, (std::vector<uint32_t>{3}));
  EXPECT_EQ(decoded.bad[0].reason,
            "schema 3: field \"user\": wants LONG, the schema of the records has string");
  EXPECT_EQ(decoded.bad[1].reason, "schema 4 is none of Avro but PROTOBUF");
  EXPECT_EQ(decoded.bad[2].reason.find("schema 5: "), 0U) << decoded.bad[2].reason;
}

TEST_F(AvroRegistryTest, ARegistryThatIsDownIsWaitedFor) {
  const auto decoder = Open().value();
  ASSERT_TRUE(decoder->Decode(RecordsOf({Wire(2, kNewRecord)})).ok());
  registry_.Put("/schemas/ids/1", 503, Json::object());
  EXPECT_EQ(decoder->Decode(RecordsOf({Wire(1, kOldRecord)})).error().code,
            ErrorCode::kUnavailable);
  registry_.Put("/schemas/ids/1", 200, {{"schema", kOld}});
  EXPECT_EQ(decoder->Decode(RecordsOf({Wire(1, kOldRecord)}))->rows.rows(), 1U);
  registry_.Stop();
  EXPECT_EQ(decoder->Decode(RecordsOf({Wire(1, kOldRecord), Wire(2, kNewRecord)}))->rows.rows(),
            2U);
  EXPECT_EQ(decoder->Decode(RecordsOf({Wire(7, kNewRecord)})).error().code,
            ErrorCode::kUnavailable);
  EXPECT_EQ(Open().error().code, ErrorCode::kUnavailable);
}

// Whatever stands in between, such as a proxy, answers in JSON of its own.
TEST_F(AvroRegistryTest, AnAnswerOfOtherTypesIsAnError) {
  const std::string path = "/subjects/odd-value/versions/latest";
  const auto open = [&](int status, const Json& answer) {
    registry_.Put(path, status, answer);
    const auto decoder = Open({{"subject", "odd-value"}});
    return decoder.ok() ? "" : decoder.error().message;
  };
  const Json good = {{"id", 2}, {"schema", kNew}};
  EXPECT_EQ(open(200, good), "");
  const auto with = [&](const char* member, const Json& value) {
    Json odd = good;
    odd[member] = value;
    return odd;
  };
  EXPECT_EQ(open(200, with("schemaType", nullptr)), "");
  for (const Json& odd :
       {with("id", "2"), with("id", -2), with("id", uint64_t{1} << 32), with("schemaType", 5),
        with("schema", nullptr), with("schema", 5), Json::array({good}), Json(5)}) {
    EXPECT_NE(open(200, odd).find("no schema registry answers there"), std::string::npos) << odd;
  }
  for (const Json& code : {Json("40401"), Json(nullptr), Json(-1)}) {
    EXPECT_NE(open(404, {{"error_code", code}}).find("no schema registry answers there"),
              std::string::npos)
        << code;
  }
}

TEST_F(AvroRegistryTest, SaysWhatIsWrongWithTheConf) {
  EXPECT_NE(Open({{"subject", "a/b"}}).error().message.find("/subjects/a%2Fb/versions/latest"),
            std::string::npos);
  EXPECT_EQ(Open({{"subject", "a/b"}}).error().code, ErrorCode::kInvalidConf);
  registry_.Put("/subjects/u-value/versions/3", 401, Json::object());
  const auto refused = Open({{"subject", "u-value"}, {"reader_schema_version", "3"}});
  EXPECT_NE(refused.error().message.find("refuses access"), std::string::npos);
  EXPECT_EQ(Open({{"registry_scheme", "ftp"}}).error().code, ErrorCode::kInvalidConf);
  EXPECT_EQ(Open({{"schema_registry_wire_format", "yes"}}).error().code, ErrorCode::kInvalidConf);
  EXPECT_EQ(Decoder::Open({.serde = {{"serde", "schema_registry"}}}, columns_).error().code,
            ErrorCode::kInvalidConf);
}

TEST_F(AvroRegistryTest, ReadsBareValuesOfTheSubject) {
  const auto decoder = Open({{"schema_registry_wire_format", "false"}}).value();
  EXPECT_EQ(decoder->Decode(RecordsOf({kNewRecord}))->rows.rows(), 1U);
}

}  // namespace
}  // namespace catena::topic
