// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/decoder.h"

#include <array>

#include "catena/topic/avro/avro_decoder.h"
#include "catena/topic/avro/avro_text.h"
#include "catena/topic/change_envelope.h"
#include "catena/topic/json_decoder.h"
#include "catena/topic/protobuf/protobuf_decoder.h"
#include "catena/topic/record_text.h"
#include "catena/topic/registry/registry_decoder.h"

namespace catena::topic {
namespace {

struct Format {
  std::string_view name;
  Result<std::unique_ptr<Decoder>> (*open)(const TopicAddress&, const types::Schema&);
  Result<std::unique_ptr<RecordText>> (*open_text)(const TopicAddress&);
};

class JsonRecords : public RecordText {
 public:
  Result<Json> Read(std::string_view value) override {
    auto json = ParseJson(value, "record");
    return json.ok() ? std::move(json) : InvalidData(json.error().message);
  }
  Result<std::string> Write(const Json& event) override { return PrintJson(event); }
  bool is_json() const override { return true; }
};

constexpr std::array kFormats = {
    Format{"json",
           [](const TopicAddress& /*topic*/, const types::Schema& schema) {
             return OpenJsonDecoder(schema);
           },
           [](const TopicAddress& /*topic*/) -> Result<std::unique_ptr<RecordText>> {
             return std::unique_ptr<RecordText>(new JsonRecords());
           }},
    Format{"avro", OpenAvroDecoder, OpenAvroText},
    Format{"protobuf", OpenProtobufDecoder, OpenProtobufText},
    Format{"schema_registry", OpenRegistryDecoder, OpenRegistryText},
};

Result<const Format*> FormatOf(const TopicAddress& topic) {
  const auto named = topic.serde.find("serde");
  const bool asks_registry = topic.serde.contains("registry_host");
  const std::string format = named != topic.serde.end() ? named->second
                             : asks_registry            ? "schema_registry"
                                                        : "json";
  std::string known;
  for (const Format& one : kFormats) {
    if (one.name == format) return &one;
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  return InvalidConf("unknown record format; write serde= one of " + known + ": \"" + format +
                     "\"");
}

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::Open(const TopicAddress& topic,
                                               const types::Schema& schema) {
  CATENA_TRY(const Format* format, FormatOf(topic));
  if (!topic.serde.contains("envelope")) return format->open(topic, schema);
  if (format->name == "json") return OpenEnvelopeDecoder(topic, schema);
  return InvalidConf(
      "change envelopes are read from JSON records; let the connector write flat records "
      "(mutation_ts, is_before) in other formats, or JSON: \"" +
      std::string(format->name) + "\"");
}

Result<std::unique_ptr<RecordText>> RecordText::Open(const TopicAddress& topic) {
  CATENA_TRY(const Format* format, FormatOf(topic));
  return format->open_text(topic);
}

}  // namespace catena::topic
