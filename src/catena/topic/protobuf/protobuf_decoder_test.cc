// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "catena/base/random.h"
#include "catena/topic/decoder_under_test.h"
#include "catena/topic/protobuf/protobuf_json.h"
#include "catena/topic/protobuf/protobuf_schema.h"
#include "catena/topic/record_text.h"
#include "catena/topic/registry/registry_under_test.h"
#include "catena/types/data_type.h"

namespace catena::topic {
namespace {

namespace pb = google::protobuf;
using types::Value;
using types::ValueList;
using types::ValueMap;

constexpr const char* kPayment = R"(
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Payment {
  enum Kind { UNKNOWN = 0; CARD = 1; CASH = 7; }
  message Item { string name = 1; double price = 2; repeated int32 counts = 3; }
  int64 user = 1;
  optional int64 merchant = 2;
  float amount = 3;
  string note = 4;
  bytes raw = 5;
  Kind kind = 6;
  bool paid = 7;
  repeated string tags = 8;
  map<string, uint32> limits = 9;
  Item first = 10;
  repeated Item items = 11;
  uint64 big = 12;
  google.protobuf.Timestamp at = 13;
  google.protobuf.Int64Value points = 14;
  oneof how { sint32 left = 15; string right = 16; }
  map<string, Item> named = 17;
  Payment before = 18;
}
message Other { int64 user = 1; }
)";

class ProtobufDecoderTest : public testing::Test {
 protected:
  TopicAddress AddressOf(const std::string& schema, const std::string& message = "") {
    TopicAddress address = file_.Holding(schema);
    if (!message.empty()) address.serde["message"] = message;
    return address;
  }
  std::string Encoded(const Json& event, const std::string& message = "") {
    const auto text = RecordText::Open(AddressOf(kPayment, message)).value();
    auto value = text->Write(event);
    EXPECT_TRUE(value.ok()) << value.error().message;
    return value.ok() ? *value : "";
  }
  // The only row, or the reason why there is none.
  std::string Print(const std::vector<std::pair<std::string, std::string>>& columns,
                    const std::string& bytes) {
    const auto decoder = Decoder::Open(AddressOf(kPayment), SchemaOf(columns));
    return decoder.ok() ? PrintRow(decoder->get(), bytes) : decoder.error().message;
  }

  SchemaFile file_{"protobuf", ".proto"};
};

TEST_F(ProtobufDecoderTest, AnUnknownFieldOfAWrapperIsNotItsValue) {
  const std::string bytes = "\x72\x02\x10\x07";  // points { 2: 7 }
  EXPECT_EQ(Print({{"points", "LONG"}}, bytes), "0");
  const auto text = RecordText::Open(AddressOf(kPayment)).value();
  EXPECT_EQ(text->Read(bytes).value()["points"], "0");
}

TEST_F(ProtobufDecoderTest, FieldsFillColumnsOfTheirNames) {
  const std::string bytes = Encoded({{"user", 7},
                                     {"amount", 2.5},
                                     {"raw", "AAEC"},  // Base64, as Protobuf's JSON has bytes.
                                     {"kind", "CASH"},
                                     {"tags", {"b", "a"}},
                                     {"limits", {{"z", 1}, {"k", 4294967295}}},
                                     {"first", {{"name", "x"}, {"counts", {1, -2}}}},
                                     {"big", "18446744073709551615"},
                                     {"at", "2026-11-27T03:00:00.123999Z"},
                                     {"left", -3}});
  EXPECT_EQ(Print({{"amount", "DOUBLE"}, {"user", "LONG"}, {"nobody", "STRING"}}, bytes),
            "2.5 7 null");
  EXPECT_EQ(
      Print({{"kind", "STRING"}, {"tags", "LIST<STRING>"}, {"limits", "MAP<STRING,LONG>"}}, bytes),
      R"("CASH" ["b","a"] {"k":4294967295,"z":1})");
  EXPECT_EQ(
      Print({{"kind", "INT"}, {"user", "DOUBLE"}, {"left", "SHORT"}, {"right", "STRING"}}, bytes),
      "7 7.0 -3 null");
  EXPECT_EQ(Print({{"first", "STRUCT<counts:LIST<LONG>,name:STRING,gone:LONG>"}}, bytes),
            R"({"counts":[1,-2],"gone":null,"name":"x"})");
  EXPECT_EQ(Print({{"at", "TIMESTAMP"}}, bytes), Print({{"at", "LONG"}}, bytes));
  EXPECT_EQ(Print({{"at", "LONG"}}, bytes), "1795748400123");
  EXPECT_EQ(Print({{"big", "DOUBLE"}}, bytes), "1.8446744073709552e+19");
}

TEST_F(ProtobufDecoderTest, OnlyWhatKnowsThatItWasNotSetIsNull) {
  EXPECT_EQ(Print({{"user", "LONG"}, {"note", "STRING"}, {"kind", "STRING"}, {"paid", "BOOLEAN"}},
                  Encoded({{"left", 0}})),
            R"(0 "" "UNKNOWN" false)");
  const std::vector<std::pair<std::string, std::string>> known = {{"merchant", "LONG"},
                                                                  {"points", "LONG"},
                                                                  {"at", "TIMESTAMP"},
                                                                  {"first", "STRUCT<name:STRING>"},
                                                                  {"left", "INT"}};
  EXPECT_EQ(Print(known, Encoded({{"user", 1}})), "null null null null null");
  EXPECT_EQ(Print(known, Encoded({{"merchant", 0}, {"points", 0}, {"left", 0}})),
            "0 0 null null 0");
  // No bytes at all are the message of defaults.
  EXPECT_EQ(Print({{"user", "LONG"}, {"merchant", "LONG"}}, ""), "0 null");
}

TEST_F(ProtobufDecoderTest, ColumnsThatNoMessageCanFillAreRefusedBeforeTheFirstRecord) {
  for (const auto& [column, type, why] :
       {std::tuple{"user", "STRING", "shop.Payment.user of type int64"},
        std::tuple{"note", "LONG", "of type string"},
        std::tuple{"tags", "STRING", "of type repeated string"},
        std::tuple{"user", "LIST<LONG>", "of type int64"},
        std::tuple{"limits", "LIST<LONG>", "of type map"},
        std::tuple{"first", "LONG", "of type shop.Payment.Item"},
        std::tuple{"first", "STRUCT<name:LONG>", "shop.Payment.Item.name"}}) {
    const auto decoder = Decoder::Open(AddressOf(kPayment), SchemaOf({{column, type}}));
    ASSERT_FALSE(decoder.ok()) << column << " " << type;
    EXPECT_EQ(decoder.error().code, ErrorCode::kInvalidConf);
    EXPECT_NE(decoder.error().message.find(why), std::string::npos) << decoder.error().message;
  }
}

TEST_F(ProtobufDecoderTest, SchemasThatAreNoneAreRefusedWithTheirPlace) {
  const auto refusal = [&](const std::string& schema, const std::string& message = "") {
    const auto decoder = Decoder::Open(AddressOf(schema, message), SchemaOf({{"user", "LONG"}}));
    return decoder.ok() ? "" : decoder.error().message;
  };
  EXPECT_NE(refusal("message A { optional int64 user = ; }").find("line 1, column 35"),
            std::string::npos)
      << refusal("message A { optional int64 user = ; }");
  EXPECT_NE(refusal("syntax = \"proto3\"; import \"other.proto\";").find("other.proto"),
            std::string::npos);
  EXPECT_NE(refusal(kPayment, "shop.Paymant").find("shop.Payment, shop.Other"), std::string::npos);
  EXPECT_NE(refusal("syntax = \"proto3\";").find("no such message"), std::string::npos);
  EXPECT_EQ(refusal(kPayment, "shop.Other"), "");
  EXPECT_EQ(refusal(kPayment, "shop.Payment.Item"), "");
}

TEST_F(ProtobufDecoderTest, ADescriptorSetHoldsWhatAFileImports) {
  pb::FileDescriptorSet set;
  pb::FileDescriptorProto& item = *set.add_file();
  item.set_name("item.proto");
  item.set_package("shop");
  pb::DescriptorProto& price = *item.add_message_type();
  price.set_name("Price");
  auto add = [](pb::DescriptorProto* message, const char* name, int number, auto type) {
    pb::FieldDescriptorProto& field = *message->add_field();
    field.set_name(name);
    field.set_number(number);
    field.set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(type);
    return &field;
  };
  add(&price, "cents", 1, pb::FieldDescriptorProto::TYPE_INT64);
  pb::FileDescriptorProto& sale = *set.add_file();
  sale.set_name("sale.proto");
  sale.set_package("shop");
  sale.add_dependency("item.proto");
  pb::DescriptorProto& message = *sale.add_message_type();
  message.set_name("Sale");
  add(&message, "price", 1, pb::FieldDescriptorProto::TYPE_MESSAGE)->set_type_name(".shop.Price");
  const SchemaFile file("protobuf", ".desc");
  const TopicAddress address = file.Holding(set.SerializeAsString());
  const auto decoder = Decoder::Open(address, SchemaOf({{"price", "STRUCT<cents:LONG>"}})).value();
  const std::string value =
      RecordText::Open(address).value()->Write(Json{{"price", {{"cents", 5}}}}).value();
  EXPECT_EQ(PrintRow(decoder.get(), value), R"({"cents":5})");
  const auto refused = Decoder::Open(file.Holding("neither"), SchemaOf({}));
  EXPECT_NE(refused.error().message.find("--include_imports"), std::string::npos);
}

TEST_F(ProtobufDecoderTest, BadRecordsAreToldAndTheOthersStay) {
  const auto decoder =
      Decoder::Open(AddressOf(kPayment),
                    SchemaOf({{"user", "INT"}, {"kind", "STRING"}, {"tags", "LIST<STRING>"}}))
          .value();
  const std::string good = Encoded({{"user", 1}, {"tags", {"a"}}});
  const Decoded decoded =
      decoder
          ->Decode(RecordsOf({good, Encoded({{"user", 5'000'000'000}, {"tags", {"b"}}}),
                              Encoded({{"kind", 99}}), "\xff\xff", good}))
          .value();
  EXPECT_EQ(decoded.record_of_row, (std::vector<uint32_t>{0, 4}));
  ASSERT_EQ(decoded.bad.size(), 3u);
  EXPECT_EQ(decoded.bad[0].reason,
            "field \"user\" wants INT, found the number 5000000000, which does not fit");
  EXPECT_EQ(decoded.bad[1].reason, "field \"kind\" the enum has no value number 99");
  EXPECT_EQ(decoded.bad[2].reason, "invalid Protobuf: the bytes are no shop.Payment");
  EXPECT_EQ(decoded.rows.Row(1)[2], Value(ValueList{"a"}));
}

TEST_F(ProtobufDecoderTest, RequiredFieldsOfProto2AreRequired) {
  const std::string schema =
      "syntax = \"proto2\"; message A { required int64 a = 1; optional int64 b = 2 [default = 7]; "
      "}";
  const auto decoder =
      Decoder::Open(AddressOf(schema), SchemaOf({{"a", "LONG"}, {"b", "LONG"}})).value();
  const Decoded decoded = decoder->Decode(RecordsOf({std::string("\x08\x05", 2), ""})).value();
  EXPECT_EQ(decoded.rows.Row(0)[1], Value());
  ASSERT_EQ(decoded.bad.size(), 1u);
  EXPECT_EQ(decoded.bad[0].reason, "required fields are missing: a");
}

// -- against Protobuf's own JSON ---------------------------------------------------------------
class RandomMessages {
 public:
  explicit RandomMessages(Random* random) : random_(random) {}

  void Fill(pb::Message* message, int depth) {
    const pb::Descriptor& type = *message->GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor& field = *type.field(i);
      if (random_->OneIn(3)) continue;
      const uint64_t values = field.is_repeated() ? random_->Below(4) : 1;
      for (uint64_t n = 0; n < values; ++n) Set(field, message, depth);
    }
  }

 private:
  template <typename T, typename One, typename More>
  void Put(const pb::FieldDescriptor& field, pb::Message* message, T value, One set, More add) {
    const pb::Reflection& reflection = *message->GetReflection();
    field.is_repeated() ? (reflection.*add)(message, &field, value)
                        : (reflection.*set)(message, &field, value);
  }
  void Set(const pb::FieldDescriptor& field, pb::Message* message, int depth) {
    using R = pb::Reflection;
    const auto bits = static_cast<int64_t>(random_->Next() >> random_->Below(64));
    const pb::Reflection& reflection = *message->GetReflection();
    switch (field.cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return Put(field, message, static_cast<int32_t>(bits), &R::SetInt32, &R::AddInt32);
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return Put(field, message, bits, &R::SetInt64, &R::AddInt64);
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return Put(field, message, static_cast<uint32_t>(bits), &R::SetUInt32, &R::AddUInt32);
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        return Put(field, message, static_cast<uint64_t>(bits), &R::SetUInt64, &R::AddUInt64);
      case pb::FieldDescriptor::CPPTYPE_FLOAT:
        return Put(field, message, static_cast<float>(random_->Below(400)) / 4, &R::SetFloat,
                   &R::AddFloat);
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        return Put(field, message, static_cast<double>(bits) / 3, &R::SetDouble, &R::AddDouble);
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return Put(field, message, random_->OneIn(2), &R::SetBool, &R::AddBool);
      case pb::FieldDescriptor::CPPTYPE_ENUM:
        return Put(field, message, static_cast<int>(random_->OneIn(9) ? 3 : random_->OneIn(2) * 7),
                   &R::SetEnumValue, &R::AddEnumValue);
      case pb::FieldDescriptor::CPPTYPE_STRING: {
        constexpr const char* kTexts[] = {"", "a", "plain", "\xc3\xa9\xf0\x9f\x98\x80"};
        const std::string text = kTexts[random_->Below(4)];
        return field.is_repeated() ? reflection.AddString(message, &field, text)
                                   : reflection.SetString(message, &field, text);
      }
      case pb::FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth > 3) return;
        return Fill(field.is_repeated() ? reflection.AddMessage(message, &field)
                                        : reflection.MutableMessage(message, &field),
                    depth + 1);
    }
  }

  Random* random_;
};

// What a field of a message's JSON is as a value of the type; nothing when it does not fit.
std::optional<Value> Twin(const Json& json, const types::DataType& type) {
  if (json.is_null()) return Value();
  ValueList list;
  ValueMap pairs;
  switch (type.kind) {
    case types::Kind::kList:
      for (const Json& element : json) {
        const auto value = Twin(element, type.children[0]);
        if (!value) return std::nullopt;
        list.push_back(*value);
      }
      return Value(std::move(list));
    case types::Kind::kMap:
      for (const auto& [key, element] : json.items()) {
        const auto value = Twin(element, type.children[1]);
        if (!value) return std::nullopt;
        pairs.emplace_back(Value(key), *value);
      }
      return Value(std::move(pairs));
    case types::Kind::kStruct:
      for (size_t i = 0; i < type.children.size(); ++i) {
        const auto value = Twin(json.value(type.field_names[i], Json()), type.children[i]);
        if (!value) return std::nullopt;
        pairs.emplace_back(Value(type.field_names[i]), *value);
      }
      return Value(std::move(pairs));
    case types::Kind::kString:  // A number is of an enum without a name for it.
      return json.is_string() ? std::optional(Value(json.get<std::string>())) : std::nullopt;
    case types::Kind::kFloat:
    case types::Kind::kDouble: {  // "NaN", "Infinity"; a float in as few digits as tell it apart.
      const double real =
          json.is_number() ? json.get<double>() : std::stod(json.get<std::string>());
      const bool is_float = type.kind == types::Kind::kFloat;
      return Value(is_float ? static_cast<double>(static_cast<float>(real)) : real);
    }
    default: {
      const auto value = types::FromJson(json, type);
      return value.ok() ? std::optional(*value) : std::nullopt;
    }
  }
}

TEST_F(ProtobufDecoderTest, EveryMessageIsTheRowOfProtobufsOwnJson) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const types::Schema columns =
      SchemaOf({{"user", "LONG"},
                {"merchant", "INT"},
                {"amount", "FLOAT"},
                {"note", "STRING"},
                {"kind", "STRING"},
                {"paid", "BOOLEAN"},
                {"tags", "LIST<STRING>"},
                {"limits", "MAP<STRING,LONG>"},
                {"first", "STRUCT<name:STRING,price:DOUBLE,counts:LIST<INT>>"},
                {"items", "LIST<STRUCT<price:DOUBLE,name:STRING>>"},
                {"big", "LONG"},
                {"points", "LONG"},
                {"left", "INT"},
                {"right", "STRING"},
                {"named", "MAP<STRING,STRUCT<name:STRING>>"},
                {"before", "STRUCT<user:LONG,before:STRUCT<kind:STRING>>"}});
  const TopicAddress address = AddressOf(kPayment);
  const auto decoder = Decoder::Open(address, columns).value();
  const ProtobufSchema schema = ProtobufSchema::Read(address).value();
  pb::DynamicMessageFactory factory;
  const std::unique_ptr<pb::Message> message(
      factory.GetPrototype(schema.Message("").value())->New());
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 4000; ++i) {
    message->Clear();
    RandomMessages(&random).Fill(message.get(), 0);
    std::string bytes = message->SerializeAsString();
    for (uint64_t n = random.OneIn(3) ? random.Below(4) : 0; n > 0 && !bytes.empty(); --n) {
      bytes[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
      if (random.OneIn(4)) bytes.resize(random.Below(bytes.size() + 1));
    }
    const Decoded decoded = decoder->Decode(RecordsOf({bytes})).value();
    ASSERT_EQ(decoded.bad.size() + decoded.rows.rows(), 1u);
    // A row, if and only if Protobuf takes the bytes and each field fits its column.
    std::optional<std::vector<Value>> expected;
    if (message->ParseFromString(bytes)) {
      message->DiscardUnknownFields();  // Protobuf's JSON may take one for a wrapper's value.
      const auto json = ProtobufToJson(*message);
      if (!json.ok()) continue;  // A time out of its range, in a field that no column wants.
      expected.emplace();
      for (const types::Field& column : columns.fields) {
        const auto value = Twin(json->value(column.name, Json()), column.type);
        if (!value) expected.reset();
        if (!value) break;
        expected->push_back(*value);
      }
    }
    ASSERT_EQ(decoded.bad.empty(), expected.has_value())
        << (decoded.bad.empty() ? "" : decoded.bad[0].reason) << " " << message->DebugString();
    expected ? ++good : ++bad;
    if (expected) {
      for (size_t c = 0; c < columns.size(); ++c) {
        ASSERT_EQ(decoded.rows.Row(0)[c], (*expected)[c])
            << columns.fields[c].name << " " << PrintJson(types::ToJson(decoded.rows.Row(0)[c]))
            << " " << message->DebugString();
      }
    }
  }
  EXPECT_GT(good, 500);
  EXPECT_GT(bad, 300);
}

// -- with a registry ---------------------------------------------------------------------------
TEST_F(ProtobufDecoderTest, ARegistryNamesSchemaAndMessage) {
  RegistryUnderTest registry;
  const Json first = {{"schemaType", "PROTOBUF"}, {"schema", kPayment}, {"id", 1}};
  registry.Put("/schemas/ids/1", 200, first);
  registry.Put("/schemas/ids/2", 200,
               {{"schemaType", "PROTOBUF"},
                {"schema", "syntax = \"proto3\"; message P { int32 user = 4; string more = 1; }"}});
  registry.Put("/schemas/ids/3", 200, {{"schema", R"("long")"}});
  registry.Put("/subjects/pay-value/versions/latest", 200, first);
  TopicAddress address{
      .name = "pay", .serde = {{"registry_host", "127.0.0.1"}, {"registry_port", registry.port()}}};
  const auto decoder = Decoder::Open(address, SchemaOf({{"user", "LONG"}})).value();
  const auto text = RecordText::Open(address).value();
  const std::string written = text->Write(Json{{"user", 5}}).value();
  EXPECT_EQ(written, std::string("\0\0\0\0\1\0\x08\x05", 8));
  address.serde["message"] = "shop.Payment.Item";
  const std::string item = RecordText::Open(address).value()->Write(Json{{"name", "x"}}).value();
  EXPECT_EQ(item, std::string("\0\0\0\0\1\4\0\0\x0a\1x", 11));
  EXPECT_EQ(text->Read(item).value().at("name"), "x");
  const std::string second("\0\0\0\0\2\0\x20\x07", 8);
  const std::string other("\0\0\0\0\1\2\2\x08\x09", 9);
  const Decoded decoded =
      decoder
          ->Decode(RecordsOf({written, second, other, item, std::string("\0\0\0\0\1\2\x20", 7),
                              std::string("\0\0\0\0\3\2", 6), std::string("\0\0\0\0\4\0", 6),
                              std::string("\0\0\0\0\1\xff\xff", 7), "no", ""}))
          .value();
  EXPECT_EQ(decoded.record_of_row, (std::vector<uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(decoded.rows.Row(0)[0], Value(5));
  EXPECT_EQ(decoded.rows.Row(1)[0], Value(7));
  EXPECT_EQ(decoded.rows.Row(2)[0], Value(9));
  EXPECT_EQ(decoded.rows.Row(3)[0], Value());  // An Item has no user.
  ASSERT_EQ(decoded.bad.size(), 6u);
  EXPECT_NE(decoded.bad[0].reason.find("no message with the indexes"), std::string::npos);
  EXPECT_NE(decoded.bad[1].reason.find("none of Protobuf but AVRO"), std::string::npos);
  EXPECT_NE(decoded.bad[2].reason.find("not known to the schema registry"), std::string::npos);
  EXPECT_NE(decoded.bad[3].reason.find("no indexes"), std::string::npos);
  EXPECT_EQ(text->Read(second).value(), (Json{{"user", 7}, {"more", ""}}));
  registry.Stop();
  EXPECT_EQ(decoder->Decode(RecordsOf({std::string("\0\0\0\0\7\0", 6)})).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace catena::topic
