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

#include "catena/base/http/http_client.h"
#include "catena/base/result.h"

namespace catena::topic {

struct RegisteredSchema {
  std::string type;  // "AVRO", "PROTOBUF", "JSON".
  std::string text;
};

class SchemaRegistry {
 public:
  static Result<std::unique_ptr<SchemaRegistry>> Open(
      const std::map<std::string, std::string>& serde);

  Result<RegisteredSchema> OfId(uint32_t id);
  // `version` is a number or "latest".
  Result<RegisteredSchema> OfSubject(const std::string& subject, const std::string& version);

 private:
  SchemaRegistry(std::string url, HttpOptions options)
      : url_(std::move(url)), client_(std::move(options)) {}
  Result<RegisteredSchema> Ask(const std::string& path);

  std::string url_;
  HttpClient client_;
};

}  // namespace catena::topic
