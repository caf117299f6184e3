// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/registry/schema_registry.h"

#include <cstring>
#include <optional>
#include <utility>

#include "catena/base/json.h"

namespace catena::topic {
namespace {

// What a registry answers when it knows of nothing by that name; any other 404 is another server's.
constexpr uint32_t kSubjectNotFound = 40401;
constexpr uint32_t kVersionNotFound = 40402;
constexpr uint32_t kSchemaNotFound = 40403;

std::string ValueOf(const std::map<std::string, std::string>& serde, const char* key,
                    const char* absent) {
  const auto found = serde.find(key);
  return found == serde.end() ? absent : found->second;
}

// Of an answer, which may hold anything: nothing where the member is of another type.
std::optional<std::string> TextOf(const Json& answer, const char* member, const char* absent) {
  const auto found = answer.find(member);
  if (found == answer.end() || found->is_null()) return absent;
  if (!found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<uint32_t> NumberOf(const Json& answer, const char* member) {
  const auto found = answer.find(member);
  if (found == answer.end() || found->is_null()) return 0;
  if (!found->is_number_unsigned() || found->get<uint64_t>() > UINT32_MAX) return std::nullopt;
  return found->get<uint32_t>();
}

bool IsWorthAnotherTry(long status) { return status >= 500 || status == 408 || status == 429; }

}  // namespace

Result<RegistryParameters> ReadRegistryParameters(const TopicAddress& topic) {
  const std::string wire = ValueOf(topic.serde, "schema_registry_wire_format", "true");
  if (wire != "true" && wire != "false") {
    return InvalidConf("schema_registry_wire_format is true or false: " + wire);
  }
  return RegistryParameters{ValueOf(topic.serde, "subject", (topic.name + "-value").c_str()),
                            ValueOf(topic.serde, "reader_schema_version", "latest"),
                            wire == "true"};
}

Result<RegisteredValue> SplitRegisteredValue(std::string_view value) {
  if (value.size() < kRegisteredHeaderBytes || value[0] != 0) {
    return InvalidData(
        "the record does not begin with byte 0 and the id of its schema; was it written without "
        "the schema registry?");
  }
  uint32_t id = 0;
  std::memcpy(&id, value.data() + 1, sizeof id);
  return RegisteredValue{__builtin_bswap32(id), value.substr(kRegisteredHeaderBytes)};
}

void AppendRegisteredHeader(uint32_t schema_id, std::string* value) {
  const uint32_t big = __builtin_bswap32(schema_id);
  char bytes[sizeof big];
  std::memcpy(bytes, &big, sizeof big);
  value->push_back(0);
  value->append(bytes, sizeof bytes);
}

Result<std::unique_ptr<SchemaRegistry>> SchemaRegistry::Open(
    const std::map<std::string, std::string>& serde) {
  const std::string host = ValueOf(serde, "registry_host", "");
  const std::string port = ValueOf(serde, "registry_port", "");
  const std::string scheme = ValueOf(serde, "registry_scheme", "http");
  const std::string user = ValueOf(serde, "basic.auth.user.info", "");
  const std::string source = ValueOf(serde, "basic.auth.credentials.source", "");
  if (host.empty()) return InvalidConf("serde=schema_registry needs registry_host=HOST as well");
  if (scheme != "http" && scheme != "https") {
    return InvalidConf("registry_scheme is http or https: " + scheme);
  }
  if (!source.empty() && (source != "USER_INFO" || user.empty())) {
    return InvalidConf(
        "basic.auth.credentials.source is USER_INFO, with basic.auth.user.info under `kafka:` of "
        "catena.yaml: " +
        source);
  }
  const std::string url = scheme + "://" + host + (port.empty() ? "" : ":" + port);
  return std::unique_ptr<SchemaRegistry>(new SchemaRegistry(
      url, {.user_and_password = user, .accept = "application/vnd.schemaregistry.v1+json"}));
}

Result<RegisteredSchema> SchemaRegistry::OfId(uint32_t id) {
  return Ask("/schemas/ids/" + std::to_string(id));
}

Result<RegisteredSchema> SchemaRegistry::OfReader(const RegistryParameters& parameters) {
  auto registered = Ask("/subjects/" + UrlSegment(parameters.subject) + "/versions/" +
                        UrlSegment(parameters.version));
  if (registered.ok() || registered.error().code != ErrorCode::kNotFound) return registered;
  return InvalidConf(registered.error().message + "; is it subject=" + parameters.subject + "?");
}

Result<RegisteredSchema> SchemaRegistry::Ask(const std::string& path) {
  const std::string where = "schema registry, GET " + url_ + path;
  auto answer = client_.Get(url_ + path);
  if (!answer.ok()) return answer.error().WithContext("schema registry");
  const long status = answer->status;
  if (IsWorthAnotherTry(status)) return Unavailable(where + " answered " + std::to_string(status));
  if (status == 401 || status == 403) {
    return InvalidConf(where + " refuses access (" + std::to_string(status) +
                       "); set basic.auth.user.info under `kafka:` of catena.yaml");
  }
  const Result<Json> json = ParseJson(answer->body, where);
  const Json body = json.ok() && json->is_object() ? *json : Json::object();
  if (status == 404) {
    const uint32_t code = NumberOf(body, "error_code").value_or(0);
    if (code == kSubjectNotFound || code == kVersionNotFound || code == kSchemaNotFound) {
      return NotFound("the schema registry knows of none: GET " + url_ + path);
    }
  }
  const auto text = TextOf(body, "schema", "");
  const auto type = TextOf(body, "schemaType", kAvroType);
  const auto id = NumberOf(body, "id");
  if (status != 200 || !text || text->empty() || !type || !id) {
    return InvalidConf(
        "no schema registry answers there; look at registry_host and registry_port (" +
        std::to_string(status) + "): GET " + url_ + path);
  }
  if (body.contains("references") && !body["references"].empty()) {
    return Unsupported("the schema refers to those of other subjects, which is not read yet: GET " +
                       url_ + path);
  }
  return RegisteredSchema{*id, *type, *text};
}

}  // namespace catena::topic
