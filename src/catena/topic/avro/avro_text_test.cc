// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "catena/base/file.h"
#include "catena/base/random.h"
#include "catena/topic/avro/avro_encoder.h"
#include "catena/topic/registry/registry_under_test.h"

namespace catena::topic {
namespace {

constexpr const char* kOfEveryKind = R"({"type": "record", "name": "a.Every", "fields": [
    {"name": "flag", "type": "boolean"}, {"name": "small", "type": "int"},
    {"name": "big", "type": "long"}, {"name": "real", "type": "double"},
    {"name": "single", "type": "float"}, {"name": "text", "type": "string"},
    {"name": "raw", "type": "bytes"}, {"name": "three", "type":
        {"type": "fixed", "name": "Three", "size": 3}},
    {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}},
    {"name": "tags", "type": {"type": "array", "items": ["null", "string"]}},
    {"name": "limits", "type": {"type": "map", "values": "long"}},
    {"name": "before", "type": ["null", "Every"]}]})";

Json RandomEvent(Random* random, int depth) {
  const auto text = [&] {
    constexpr const char* kTexts[] = {"", "a", "\xc3\xa9\xc2\x80\x7f", "plain text"};
    return std::string(kTexts[random->Below(4)]);
  };
  Json tags = Json::array();
  for (uint64_t i = random->Below(4); i > 0; --i) {
    tags.push_back(random->OneIn(3) ? Json() : Json(text()));
  }
  Json limits = Json::object();
  for (uint64_t i = random->Below(4); i > 0; --i) limits[text()] = random->Below(1000);
  const auto big = static_cast<int64_t>(random->Below(UINT64_MAX));
  return {{"flag", random->OneIn(2)},
          {"small", static_cast<int32_t>(big)},
          {"big", big},
          {"real", static_cast<double>(big) / 3},
          {"single", static_cast<double>(static_cast<float>(big))},
          {"text", text()},
          {"raw", text()},
          {"three", random->OneIn(2) ? "abc" : "\xc3\xbf\xc2\x80z"},
          {"color", random->OneIn(2) ? "RED" : "GREEN"},
          {"tags", std::move(tags)},
          {"limits", std::move(limits)},
          {"before", depth < 3 && random->OneIn(2) ? RandomEvent(random, depth + 1) : Json()}};
}

TEST(AvroText, WhatIsWrittenIsRead) {
  const uint64_t seed = 20261127;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const AvroSchema schema = AvroSchema::Parse(kOfEveryKind, "schema").value();
  for (int i = 0; i < 3000; ++i) {
    const Json event = RandomEvent(&random, 0);
    std::string bytes;
    ASSERT_TRUE(AvroEncode(event, schema, AvroSchema::kRoot, &bytes).ok()) << PrintJson(event);
    const auto read = AvroToJson(bytes, schema);
    ASSERT_TRUE(read.ok()) << PrintJson(event);
    ASSERT_EQ(*read, event);
    // Damaged bytes are refused or other values, and cost no more than their size.
    bytes[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
    bytes.resize(random.Below(bytes.size() + 1));
    const auto damaged = AvroToJson(bytes, schema);
    EXPECT_TRUE(damaged.ok() || damaged.error().code == ErrorCode::kInvalidData);
  }
}

TEST(AvroText, BlocksWithSizesAreReadAndBytesLeftOverAreNot) {
  const AvroSchema schema = AvroSchema::Parse(R"({"type": "record", "name": "R", "fields": [
      {"name": "a", "type": {"type": "array", "items": "int"}}]})",
                                              "schema")
                                .value();
  EXPECT_EQ(AvroToJson(std::string("\x03\x04\x02\x04\x00", 5), schema).value(),
            Json({{"a", {1, 2}}}));
  const auto longer = AvroToJson(std::string("\x00\x00", 2), schema);
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().message, "no Avro value of the schema (byte 1)");
}

TEST(AvroText, AFileHoldsTheSchema) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("catena_avro_text_" + std::to_string(getpid())))
          .string();
  ASSERT_TRUE(ReplaceFile(path, R"({"type": "record", "name": "R", "fields": [
      {"name": "a", "type": "long"}]})")
                  .ok());
  const auto text = RecordText::Open({.serde = {{"serde", "avro"}, {"schema", path}}}).value();
  EXPECT_FALSE(text->is_json());
  EXPECT_EQ(text->Write(Json{{"a", -1}}).value(), "\x01");
  EXPECT_EQ(text->Write(Json{{"a", "x"}}).error().message, "field \"a\": wants long, found \"x\"");
  std::filesystem::remove(path);
  EXPECT_EQ(RecordText::Open({.serde = {{"serde", "avro"}}}).error().code, ErrorCode::kInvalidConf);
}

TEST(RegistryText, WritesBySubjectAndReadsByTheSchemaThatARecordNames) {
  RegistryUnderTest registry;
  const std::string first =
      R"({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]})";
  const std::string second = R"({"type": "record", "name": "R", "fields": [
      {"name": "b", "type": "string", "default": "none"}, {"name": "a", "type": "long"}]})";
  registry.Put("/schemas/ids/1", 200, {{"schema", first}});
  registry.Put("/schemas/ids/258", 200, {{"schema", second}});
  registry.Put("/schemas/ids/3", 200, {{"schema", "{}"}, {"schemaType", "JSON"}});
  registry.Put("/subjects/pay-value/versions/latest", 200, {{"id", 258}, {"schema", second}});
  registry.Put("/subjects/pay-value/versions/1", 200, {{"id", 1}, {"schema", first}});
  TopicAddress address{
      .name = "pay", .serde = {{"registry_host", "127.0.0.1"}, {"registry_port", registry.port()}}};
  const auto text = RecordText::Open(address).value();
  EXPECT_EQ(registry.asked(), 0);
  EXPECT_EQ(text->Write(Json{{"a", 3}}).value(), std::string("\0\0\0\1\2\10none\6", 11));
  EXPECT_EQ(text->Read(std::string("\0\0\0\1\2\2x\6", 8)).value(), Json({{"a", 3}, {"b", "x"}}));
  EXPECT_EQ(text->Read(std::string("\0\0\0\0\1\6", 6)).value(), Json({{"a", 3}}));
  for (const std::string& bad : {std::string("\0\0\0\0\3\6", 6), std::string("\0\0\0\0\4\6", 6),
                                 std::string("{\"a\": 3}"), std::string()}) {
    EXPECT_EQ(text->Read(bad).error().code, ErrorCode::kInvalidData) << bad;
  }
  address.serde["reader_schema_version"] = "1";
  EXPECT_EQ(RecordText::Open(address).value()->Write(Json{{"a", 3}}).value(),
            std::string("\0\0\0\0\1\6", 6));
  address.serde["reader_schema_version"] = "9";
  EXPECT_EQ(RecordText::Open(address).value()->Write(Json{{"a", 3}}).error().code,
            ErrorCode::kInvalidConf);
  registry.Stop();
  EXPECT_EQ(RecordText::Open(address).value()->Write(Json{{"a", 3}}).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace catena::topic
