// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/decoder.h"

#include <array>

#include "catena/topic/avro/avro_decoder.h"
#include "catena/topic/json_decoder.h"

namespace catena::topic {
namespace {

struct Format {
  std::string_view name;
  Result<std::unique_ptr<Decoder>> (*open)(const TopicAddress&, const types::Schema&);
};

constexpr std::array kFormats = {
    Format{"json", [](const TopicAddress& /*topic*/,
                      const types::Schema& schema) { return OpenJsonDecoder(schema); }},
    Format{"avro", OpenAvroDecoder},
    Format{"schema_registry", OpenRegistryDecoder},
};

std::string FormatOf(const TopicAddress& topic) {
  const auto named = topic.serde.find("serde");
  if (named != topic.serde.end()) return named->second;
  return topic.serde.contains("registry_host") ? "schema_registry" : "json";
}

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::Open(const TopicAddress& topic,
                                               const types::Schema& schema) {
  const std::string format = FormatOf(topic);
  std::string known;
  for (const Format& one : kFormats) {
    if (one.name == format) return one.open(topic, schema);
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  return InvalidConf("unknown record format; write serde= one of " + known + ": \"" + format +
                     "\"");
}

}  // namespace catena::topic
