// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/protobuf/protobuf_decoder.h"

#include <fmt/format.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catena/topic/half_row.h"
#include "catena/topic/protobuf/protobuf_columns.h"
#include "catena/topic/protobuf/protobuf_json.h"
#include "catena/topic/protobuf/protobuf_schema.h"

namespace catena::topic {
namespace {

namespace pb = google::protobuf;

// Of a record: in memory a message of many small ones takes a hundred times its bytes.
constexpr size_t kMessageBytesMax = size_t{4} << 20;

// A message type, one message of it that is used again and again, and where its fields go.
struct Reading {
  std::unique_ptr<pb::Message> message;
  ProtobufColumns columns;
};

// A schema with the message types that records were of so far.
struct Written {
  std::optional<ProtobufSchema> schema;
  std::unique_ptr<pb::DynamicMessageFactory> factory;  // Of its messages, which go first.
  std::map<std::vector<int>, Reading> readings;        // By indexes; by none, the only one.
  std::string refused;  // Why no record of this schema can be read, or empty.
};

Result<Reading> BindReading(const pb::Descriptor& type, const types::Schema& columns,
                            pb::DynamicMessageFactory* factory) {
  Reading reading;
  CATENA_TRY(reading.columns, ProtobufColumns::Bind(type, columns));
  reading.message.reset(factory->GetPrototype(&type)->New());
  return reading;
}

Written WrittenBy(ProtobufSchema schema) {
  Written written;
  written.schema = std::move(schema);
  written.factory = std::make_unique<pb::DynamicMessageFactory>();
  return written;
}

class ProtobufDecoder : public Decoder {
 public:
  // All records are of one message type, under no indexes.
  ProtobufDecoder(types::Schema schema, Written only)
      : schema_(std::move(schema)), only_(std::move(only)) {}
  // Records name their schema and message.
  ProtobufDecoder(types::Schema schema, std::unique_ptr<SchemaRegistry> registry)
      : schema_(std::move(schema)), registry_(std::move(registry)) {}

  Result<Decoded> Decode(std::span<const Record> records) override;

 private:
  bool ReadRecord(std::string_view value, types::BatchBuilder* builder);
  bool ReadMessage(Reading* reading, std::string_view bytes, types::BatchBuilder* builder);
  Reading* ReadingOf(Written* written, const std::vector<int>& indexes);
  Written* WrittenWith(uint32_t id);
  bool Fail(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  types::Schema schema_;
  std::optional<Written> only_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::map<uint32_t, Written> written_;
  std::set<uint32_t> unknown_;  // Asked for by these records; those after them may be luckier.
  std::string reason_;
  Status stopped_;
};

Result<Decoded> ProtobufDecoder::Decode(std::span<const Record> records) {
  Decoded decoded;
  types::BatchBuilder builder(schema_, records.size());
  std::vector<uint32_t> good;
  stopped_ = Status();
  unknown_.clear();
  for (size_t i = 0; i < records.size(); ++i) {
    const bool is_good = ReadRecord(records[i].value, &builder);
    CATENA_RETURN_IF_ERROR(stopped_);
    if (is_good) {
      decoded.record_of_row.push_back(static_cast<uint32_t>(i));
      good.push_back(static_cast<uint32_t>(i));
    } else {
      decoded.bad.push_back({static_cast<uint32_t>(i), std::move(reason_)});
      EndHalfRow(i, &builder);
    }
  }
  decoded.rows = builder.Build();
  if (good.size() < records.size()) decoded.rows = decoded.rows.Take(good);
  return decoded;
}

bool ProtobufDecoder::ReadRecord(std::string_view value, types::BatchBuilder* builder) {
  if (only_) return ReadMessage(&only_->readings.begin()->second, value, builder);
  const auto registered = SplitRegisteredValue(value);
  if (!registered.ok()) return Fail(registered.error().message);
  Written* written = WrittenWith(registered->schema_id);
  if (written == nullptr) return false;
  if (!written->refused.empty()) return Fail(written->refused);
  const auto indexed = SplitIndexes(registered->rest);
  if (!indexed.ok()) return Fail(indexed.error().message);
  Reading* reading = ReadingOf(written, indexed->indexes);
  return reading != nullptr && ReadMessage(reading, indexed->bytes, builder);
}

bool ProtobufDecoder::ReadMessage(Reading* reading, std::string_view bytes,
                                  types::BatchBuilder* builder) {
  if (bytes.size() > kMessageBytesMax) return Fail("more than 4 MiB of Protobuf");
  pb::Message* message = reading->message.get();
  if (!message->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Fail("invalid Protobuf: the bytes are no " + message->GetDescriptor()->full_name());
  }
  if (!message->IsInitialized()) {
    return Fail("required fields are missing: " + message->InitializationErrorString());
  }
  return reading->columns.Append(*message, builder, &reason_);
}

Reading* ProtobufDecoder::ReadingOf(Written* written, const std::vector<int>& indexes) {
  const auto known = written->readings.find(indexes);
  if (known != written->readings.end()) return &known->second;
  const pb::Descriptor* type = written->schema->At(indexes);
  if (type == nullptr) {
    Fail("the schema has no message with the indexes that the record names");
    return nullptr;
  }
  auto reading = BindReading(*type, schema_, written->factory.get());
  if (!reading.ok()) {
    Fail(reading.error().message);
    return nullptr;
  }
  return &written->readings.emplace(indexes, std::move(*reading)).first->second;
}

Written* ProtobufDecoder::WrittenWith(uint32_t id) {
  const auto known = written_.find(id);
  if (known != written_.end()) return &known->second;
  const std::string what = fmt::format("schema {}", id);
  const std::string none = what + " is not known to the schema registry";
  if (unknown_.contains(id)) {
    Fail(none);
    return nullptr;
  }
  const Result<RegisteredSchema> registered = registry_->OfId(id);
  if (!registered.ok() && registered.error().code == ErrorCode::kNotFound) {
    unknown_.insert(id);
    Fail(none);
    return nullptr;
  }
  if (!registered.ok() && registered.error().code != ErrorCode::kUnsupported) {
    stopped_ = registered.error();
    return nullptr;
  }
  Written written;
  if (!registered.ok()) {
    written.refused = registered.error().message;
  } else if (registered->type != kProtobufType) {
    written.refused = what + " is none of Protobuf but " + registered->type;
  } else if (auto schema = ProtobufSchema::Parse(registered->text, what); !schema.ok()) {
    written.refused = schema.error().message;
  } else {
    written = WrittenBy(std::move(*schema));
  }
  return &written_.emplace(id, std::move(written)).first->second;
}

class ProtobufText : public RecordText {
 public:
  // `type` is what is written, and read where records carry no indexes.
  ProtobufText(ProtobufSchema schema, const pb::Descriptor* type, bool indexed)
      : schema_(std::move(schema)), type_(type), indexed_(indexed) {}

  Result<Json> Read(std::string_view value) override {
    const pb::Descriptor* type = type_;
    if (indexed_) {
      CATENA_TRY(const IndexedMessage indexed, SplitIndexes(value));
      type = schema_.At(indexed.indexes);
      if (type == nullptr) return InvalidData("the schema has no such message");
      value = indexed.bytes;
    }
    const std::unique_ptr<pb::Message> message(factory_.GetPrototype(type)->New());
    if (!message->ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      return InvalidData("the bytes are no " + type->full_name());
    }
    // Protobuf's JSON takes the first field of a wrapper for its value, whatever its number.
    message->DiscardUnknownFields();
    return ProtobufToJson(*message);
  }

  Result<std::string> Write(const Json& event) override {
    const std::unique_ptr<pb::Message> message(factory_.GetPrototype(type_)->New());
    CATENA_RETURN_IF_ERROR(JsonToProtobuf(event, message.get()));
    std::string value;
    if (indexed_) AppendIndexes(*type_, &value);
    if (!message->AppendToString(&value)) {
      return InvalidData("required fields are missing: " + message->InitializationErrorString());
    }
    return value;
  }

 private:
  ProtobufSchema schema_;
  const pb::Descriptor* type_;
  bool indexed_;
  pb::DynamicMessageFactory factory_;
};

Result<std::unique_ptr<RecordText>> TextOf(ProtobufSchema schema, const std::string& message,
                                           bool indexed) {
  CATENA_TRY(const pb::Descriptor* type, schema.Message(message));
  return std::unique_ptr<RecordText>(new ProtobufText(std::move(schema), type, indexed));
}

// Of one message type alone.
Result<std::unique_ptr<Decoder>> DecoderOf(ProtobufSchema schema, const std::string& message,
                                           const std::string& what, const types::Schema& columns) {
  CATENA_TRY(const pb::Descriptor* type, schema.Message(message));
  Written written = WrittenBy(std::move(schema));
  auto reading = BindReading(*type, columns, written.factory.get());
  if (!reading.ok()) return reading.error().WithContext(what);
  written.readings.emplace(std::vector<int>(), std::move(*reading));
  return std::unique_ptr<Decoder>(new ProtobufDecoder(columns, std::move(written)));
}

}  // namespace

Result<std::unique_ptr<Decoder>> OpenProtobufDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema) {
  CATENA_TRY(ProtobufSchema written, ProtobufSchema::Read(topic));
  return DecoderOf(std::move(written), ProtobufMessageOf(topic), topic.serde.at("schema"), schema);
}

Result<std::unique_ptr<Decoder>> OpenRegisteredProtobufDecoder(
    const TopicAddress& topic, const RegistryParameters& parameters,
    std::unique_ptr<SchemaRegistry> registry, const RegisteredSchema& reader,
    const types::Schema& schema) {
  const std::string what = "subject " + parameters.subject;
  CATENA_TRY(ProtobufSchema newest, ProtobufSchema::Parse(reader.text, what));
  // What no record of the newest schema can fill is told now rather than record by record.
  CATENA_TRY(auto of_newest, DecoderOf(std::move(newest), ProtobufMessageOf(topic), what, schema));
  if (!parameters.wire_format) return of_newest;
  return std::unique_ptr<Decoder>(new ProtobufDecoder(schema, std::move(registry)));
}

Result<std::unique_ptr<RecordText>> OpenProtobufText(const TopicAddress& topic) {
  CATENA_TRY(ProtobufSchema schema, ProtobufSchema::Read(topic));
  return TextOf(std::move(schema), ProtobufMessageOf(topic), /*indexed=*/false);
}

Result<std::unique_ptr<RecordText>> ProtobufTextOf(const RegisteredSchema& registered,
                                                   const std::string& message, bool indexed,
                                                   const std::string& what) {
  CATENA_TRY(ProtobufSchema schema, ProtobufSchema::Parse(registered.text, what));
  return TextOf(std::move(schema), message, indexed);
}

}  // namespace catena::topic
