// SPDX-License-Identifier: Apache-2.0
// SchemaRegistry: asks a Confluent-compatible schema registry what schema a record was written
// with.
//
//   input    a topic's `serde` (topic.h): registry_host, registry_port, registry_scheme (http,
//   https),
//            and from `kafka:` of catena.yaml basic.auth.user.info, "user:password"
//   errors   kNotFound: no such schema or subject; kUnavailable: no answer, or one that says that
//            asking again may help; kInvalidConf: access refused, or what answers is no registry
//   threads  one thread
//   source   Confluent Schema Registry API: /schemas/ids/{id}, /subjects/{subject}/versions/{v}

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "catena/base/http/http_client.h"
#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

// What a topic's URL says of its records' schemas.
struct RegistryParameters {
  std::string subject;      // Whose schema is the reader's, and what tools write with.
  std::string version;      // A number or "latest".
  bool wire_format = true;  // Each value names its writer's schema.
};
Result<RegistryParameters> ReadRegistryParameters(const TopicAddress& topic);

// The value of a record in the wire format: byte 0, the schema's id, most significant byte first,
// and the rest. kInvalidData when it does not begin so.
struct RegisteredValue {
  uint32_t schema_id = 0;
  std::string_view rest;
};
inline constexpr size_t kRegisteredHeaderBytes = 5;
Result<RegisteredValue> SplitRegisteredValue(std::string_view value);
void AppendRegisteredHeader(uint32_t schema_id, std::string* value);

inline constexpr const char* kAvroType = "AVRO";
inline constexpr const char* kProtobufType = "PROTOBUF";

struct RegisteredSchema {
  uint32_t id = 0;   // Of OfReader alone.
  std::string type;  // kAvroType, kProtobufType, "JSON".
  std::string text;
};

class SchemaRegistry {
 public:
  static Result<std::unique_ptr<SchemaRegistry>> Open(
      const std::map<std::string, std::string>& serde);

  Result<RegisteredSchema> OfId(uint32_t id);
  // kInvalidConf when there is no such subject or version.
  Result<RegisteredSchema> OfReader(const RegistryParameters& parameters);

 private:
  SchemaRegistry(std::string url, HttpOptions options)
      : url_(std::move(url)), client_(std::move(options)) {}
  Result<RegisteredSchema> Ask(const std::string& path);

  std::string url_;
  HttpClient client_;
};

}  // namespace catena::topic
