// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/registry/registry_decoder.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "catena/topic/avro/avro_decoder.h"
#include "catena/topic/avro/avro_text.h"
#include "catena/topic/protobuf/protobuf_decoder.h"
#include "catena/topic/registry/schema_registry.h"

namespace catena::topic {
namespace {

Error NotRead(const std::string& what, const std::string& type) {
  return Unsupported(
      what + ": only Avro and Protobuf records are read from a schema registry, not " + type);
}

// Values whose header says which schema they are of.
class RegistryText : public RecordText {
 public:
  RegistryText(const TopicAddress& topic, RegistryParameters parameters,
               std::unique_ptr<SchemaRegistry> registry)
      : topic_(topic), parameters_(std::move(parameters)), registry_(std::move(registry)) {}

  Result<Json> Read(std::string_view value) override {
    if (!parameters_.wire_format) {
      CATENA_TRY(RecordText * reader, Reader());
      return reader->Read(value);
    }
    CATENA_TRY(const RegisteredValue registered, SplitRegisteredValue(value));
    CATENA_TRY(RecordText * text, OfId(registered.schema_id));
    return text->Read(registered.rest);
  }

  Result<std::string> Write(const Json& event) override {
    CATENA_TRY(RecordText * reader, Reader());
    CATENA_TRY(const std::string rest, reader->Write(event));
    std::string value;
    if (parameters_.wire_format) AppendRegisteredHeader(reader_id_, &value);
    return value + rest;
  }

 private:
  Result<std::unique_ptr<RecordText>> TextOf(const RegisteredSchema& registered,
                                             const std::string& message, const std::string& what) {
    if (registered.type == kAvroType) return AvroTextOf(registered, what);
    if (registered.type != kProtobufType) return NotRead(what, registered.type);
    return ProtobufTextOf(registered, message, parameters_.wire_format, what);
  }

  Result<RecordText*> Reader() {
    if (reader_ == nullptr) {
      CATENA_TRY(const RegisteredSchema registered, registry_->OfReader(parameters_));
      const auto message = topic_.serde.find("message");
      CATENA_TRY(reader_, TextOf(registered, message == topic_.serde.end() ? "" : message->second,
                                 "subject " + parameters_.subject));
      reader_id_ = registered.id;
    }
    return reader_.get();
  }

  // What is wrong with a schema is wrong with its records, not with the registry.
  Result<RecordText*> OfId(uint32_t id) {
    const auto known = texts_.find(id);
    if (known != texts_.end()) return known->second.get();
    const auto registered = registry_->OfId(id);
    if (!registered.ok()) {
      const ErrorCode code = registered.error().code;
      const bool is_records = code == ErrorCode::kNotFound || code == ErrorCode::kUnsupported;
      return is_records ? InvalidData(registered.error().message) : registered.error();
    }
    auto text = TextOf(*registered, "", "schema " + std::to_string(id));
    if (!text.ok()) return InvalidData(text.error().message);
    return texts_.emplace(id, std::move(*text)).first->second.get();
  }

  TopicAddress topic_;
  RegistryParameters parameters_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::unique_ptr<RecordText> reader_;
  uint32_t reader_id_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<RecordText>> texts_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> OpenRegistryDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema) {
  CATENA_TRY(const RegistryParameters parameters, ReadRegistryParameters(topic));
  CATENA_TRY(auto registry, SchemaRegistry::Open(topic.serde));
  CATENA_TRY(const RegisteredSchema reader, registry->OfReader(parameters));
  if (reader.type == kAvroType) {
    return OpenRegisteredAvroDecoder(parameters, std::move(registry), reader, schema);
  }
  if (reader.type == kProtobufType) {
    return OpenRegisteredProtobufDecoder(topic, parameters, std::move(registry), reader, schema);
  }
  return NotRead("subject " + parameters.subject, reader.type);
}

Result<std::unique_ptr<RecordText>> OpenRegistryText(const TopicAddress& topic) {
  CATENA_TRY(RegistryParameters parameters, ReadRegistryParameters(topic));
  CATENA_TRY(auto registry, SchemaRegistry::Open(topic.serde));
  return std::unique_ptr<RecordText>(
      new RegistryText(topic, std::move(parameters), std::move(registry)));
}

}  // namespace catena::topic
