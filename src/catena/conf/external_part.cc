// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/external_part.h"

#include <iterator>

namespace catena::conf {
namespace {

constexpr char kContextual[] = "contextual";

// By DataKind, up to TIMESTAMP; then MAP, LIST, STRUCT.
constexpr types::Kind kScalars[] = {
    types::Kind::kBool,   types::Kind::kByte,  types::Kind::kShort,    types::Kind::kInt,
    types::Kind::kLong,   types::Kind::kFloat, types::Kind::kDouble,   types::Kind::kString,
    types::Kind::kBinary, types::Kind::kDate,  types::Kind::kTimestamp};
constexpr int64_t kMap = 11;
constexpr int64_t kList = 12;

types::DataType ReadType(const Json& json, const std::string& path, JsonReader* reader) {
  const int64_t kind = reader->Integer(json, "kind", -1, path);
  if (kind >= 0 && kind < std::ssize(kScalars)) return kScalars[kind];
  std::vector<types::DataType> inner;
  for (const Json& param : reader->Array(json, "params", path)) {
    const Json* type = param.is_object()
                           ? reader->Member(param, "dataType", Json::value_t::object, path)
                           : nullptr;
    if (type != nullptr) inner.push_back(ReadType(*type, path, reader));
  }
  if (kind == kMap && inner.size() == 2) return types::DataType::Map(inner[0], inner[1]);
  if (kind == kList && inner.size() == 1) return types::DataType::List(inner[0]);
  reader->Complain(path, "must be a scalar, a list or a map: kind " + std::to_string(kind));
  return types::Kind::kString;
}

types::Schema ReadFields(const Json& source, const char* name, const std::string& path,
                         JsonReader* reader) {
  types::Schema schema;
  const Json* member = reader->Member(source, name, Json::value_t::object, path);
  if (member == nullptr) return schema;
  for (const Json& param : reader->Array(*member, "params", path + "." + name)) {
    if (!param.is_object()) continue;
    const std::string field = reader->Text(param, "name", path + "." + name);
    const std::string here = path + "." + name + "." + field;
    const Json* type = reader->Member(param, "dataType", Json::value_t::object, here);
    if (field.empty() || type == nullptr) {
      reader->Complain(here, "wants a name and a dataType");
      continue;
    }
    schema.fields.push_back({field, ReadType(*type, here, reader)});
  }
  return schema;
}

}  // namespace

ExternalPart ReadExternalPart(const Json& part, const Json& source, const std::string& path,
                              JsonReader* reader) {
  ExternalPart external;
  const Json* metadata = reader->Member(source, "metadata", Json::value_t::object, path);
  const std::string name =
      metadata == nullptr ? "" : reader->Text(*metadata, "name", path + ".source.metadata");
  if (name.empty()) reader->Complain(path + ".source", "has no metadata.name");
  const std::string prefix = reader->Text(part, "prefix", path);
  external.full_name = "ext_" + (prefix.empty() ? "" : prefix + "_") + CleanName(name);
  external.contextual = name == kContextual;
  external.keys = ReadFields(source, "keySchema", path + ".source", reader);
  external.values = ReadFields(source, "valueSchema", path + ".source", reader);
  for (const auto& [left, key] : reader->TextMap(part, "keyMapping", path)) {
    for (types::Field& field : external.keys.fields) {
      if (field.name == key) field.name = left;
    }
  }
  return external;
}

}  // namespace catena::conf
