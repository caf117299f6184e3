// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_schema.h"

#include <array>
#include <map>
#include <set>
#include <utility>

#include "catena/base/file.h"

namespace catena::topic {
namespace {

constexpr int kJsonDepthMax = 256;
constexpr size_t kTypesMax = 100'000;
constexpr uint64_t kFixedBytesMax = uint64_t{1} << 31;
constexpr size_t kQuotedBytesMax = 100;

constexpr std::array kKindNames = {"null",   "boolean", "int",    "long",  "float",
                                   "double", "bytes",   "string", "fixed", "enum",
                                   "array",  "map",     "record", "union"};
constexpr size_t kPrimitives = 8;  // The first of them.

struct LogicalName {
  std::string_view name;
  AvroKind of;
  AvroLogical logical;
};

constexpr std::array kLogicalNames = {
    LogicalName{"date", AvroKind::kInt, AvroLogical::kDate},
    LogicalName{"timestamp-millis", AvroKind::kLong, AvroLogical::kTimestampMillis},
    LogicalName{"timestamp-micros", AvroKind::kLong, AvroLogical::kTimestampMicros},
    LogicalName{"timestamp-nanos", AvroKind::kLong, AvroLogical::kTimestampNanos},
    LogicalName{"local-timestamp-millis", AvroKind::kLong, AvroLogical::kTimestampMillis},
    LogicalName{"local-timestamp-micros", AvroKind::kLong, AvroLogical::kTimestampMicros},
    LogicalName{"local-timestamp-nanos", AvroKind::kLong, AvroLogical::kTimestampNanos},
    LogicalName{"decimal", AvroKind::kBytes, AvroLogical::kDecimal},
    LogicalName{"decimal", AvroKind::kFixed, AvroLogical::kDecimal},
};

AvroLogical LogicalOf(std::string_view name, AvroKind kind) {
  for (const LogicalName& one : kLogicalNames) {
    if (one.name == name && one.of == kind) return one.logical;
  }
  return AvroLogical::kOther;
}

std::optional<AvroKind> PrimitiveOf(std::string_view name) {
  for (size_t i = 0; i < kPrimitives; ++i) {
    if (name == kKindNames[i]) return static_cast<AvroKind>(i);
  }
  return std::nullopt;
}

// Named types may stand in one union several times.
bool IsNamed(AvroKind kind) {
  return kind == AvroKind::kFixed || kind == AvroKind::kEnum || kind == AvroKind::kRecord;
}

std::string Text(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

Error Refused(std::string_view why, const Json& json) {
  std::string text = PrintJson(json);
  if (text.size() > kQuotedBytesMax) text = text.substr(0, kQuotedBytesMax) + "...";
  return InvalidConf(std::string(why) + ": " + text);
}

}  // namespace

class AvroSchemaParser {
 public:
  explicit AvroSchemaParser(std::vector<AvroType>* types) : types_(types) {}

  // The type's position; `space` is the namespace around it.
  Result<uint32_t> Read(const Json& json, const std::string& space) {
    if (json.is_string()) return ReadName(json, space);
    if (json.is_array()) return ReadUnion(json, space);
    const auto type = json.is_object() ? json.find("type") : json.end();
    if (!json.is_object() || type == json.end()) {
      return Refused("an Avro type is a name, an array or an object with a type", json);
    }
    if (!type->is_string()) return Read(*type, space);
    const auto name = type->get<std::string>();
    if (name == "record" || name == "error") return ReadRecord(json, space);
    if (name == "enum") return ReadEnum(json, space);
    if (name == "fixed") return ReadFixed(json, space);
    if (name == "array") return ReadElements(AvroKind::kArray, "items", json, space);
    if (name == "map") return ReadElements(AvroKind::kMap, "values", json, space);
    const std::optional<AvroKind> primitive = PrimitiveOf(name);
    if (!primitive) return ReadName(*type, space);
    CATENA_TRY(const uint32_t at, Add(*primitive));
    SetLogical(json, at);
    return at;
  }

 private:
  Result<uint32_t> Add(AvroKind kind) {
    if (types_->size() >= kTypesMax) return InvalidConf("an Avro schema of more than 100000 types");
    types_->push_back({.kind = kind});
    return static_cast<uint32_t>(types_->size() - 1);
  }

  void SetLogical(const Json& json, uint32_t at) {
    const std::string name = Text(json, "logicalType");
    AvroType& type = (*types_)[at];
    if (!name.empty()) type.logical = LogicalOf(name, type.kind);
  }

  Result<uint32_t> ReadName(const Json& json, const std::string& space) {
    const auto name = json.get<std::string>();
    if (const auto primitive = PrimitiveOf(name)) return Add(*primitive);
    const bool is_full = name.find('.') != std::string::npos || space.empty();
    auto found = named_.find(is_full ? name : space + "." + name);
    if (found == named_.end()) found = named_.find(name);
    if (found != named_.end()) return found->second;
    return Refused("no Avro type, nor defined before in this schema", json);
  }

  // A new named type; `inner` becomes the namespace of what it contains.
  Result<uint32_t> Define(AvroKind kind, const Json& json, const std::string& space,
                          std::string* inner) {
    std::string name = Text(json, "name");
    if (name.empty()) return Refused("a record, enum or fixed has a name", json);
    const size_t dot = name.rfind('.');
    if (dot != std::string::npos) {
      *inner = name.substr(0, dot);
    } else {
      *inner = json.contains("namespace") ? Text(json, "namespace") : space;
      if (!inner->empty()) name = *inner + "." + name;
    }
    CATENA_TRY(const uint32_t at, Add(kind));
    if (!named_.emplace(name, at).second)
      return Refused("a name that is defined twice", Json(name));
    (*types_)[at].name = name;
    return at;
  }

  Result<uint32_t> ReadRecord(const Json& json, const std::string& space) {
    std::string inner;
    CATENA_TRY(const uint32_t at, Define(AvroKind::kRecord, json, space, &inner));
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array()) {
      return Refused("a record has an array of fields", json);
    }
    std::set<std::string> names;
    for (const Json& field : *fields) {
      const std::string name = field.is_object() ? Text(field, "name") : "";
      const auto type = field.is_object() ? field.find("type") : field.end();
      if (name.empty() || type == field.end()) {
        return Refused("a field has a name and a type", field);
      }
      if (!names.insert(name).second) return Refused("a field that is there twice", field);
      AvroField read{.name = name};
      if (const auto aliases = field.find("aliases"); aliases != field.end()) {
        if (!aliases->is_array()) return Refused("aliases are an array of names", field);
        for (const Json& alias : *aliases) {
          if (!alias.is_string()) return Refused("aliases are an array of names", field);
          read.aliases.push_back(alias.get<std::string>());
        }
      }
      if (const auto absent = field.find("default"); absent != field.end()) read.absent = *absent;
      auto child = Read(*type, inner);
      if (!child.ok()) return child.error().WithContext("field \"" + name + "\"");
      (*types_)[at].children.push_back(*child);
      (*types_)[at].fields.push_back(std::move(read));
    }
    return at;
  }

  Result<uint32_t> ReadEnum(const Json& json, const std::string& space) {
    std::string inner;
    CATENA_TRY(const uint32_t at, Define(AvroKind::kEnum, json, space, &inner));
    const auto symbols = json.find("symbols");
    if (symbols == json.end() || !symbols->is_array() || symbols->empty()) {
      return Refused("an enum has an array of symbols", json);
    }
    for (const Json& symbol : *symbols) {
      if (!symbol.is_string()) return Refused("an enum has an array of symbols", json);
      (*types_)[at].symbols.push_back(symbol.get<std::string>());
    }
    return at;
  }

  Result<uint32_t> ReadFixed(const Json& json, const std::string& space) {
    std::string inner;
    CATENA_TRY(const uint32_t at, Define(AvroKind::kFixed, json, space, &inner));
    const auto size = json.find("size");
    if (size == json.end() || !size->is_number_unsigned() || *size > kFixedBytesMax) {
      return Refused("a fixed has a size in bytes, up to 2^31", json);
    }
    (*types_)[at].size = size->get<size_t>();
    SetLogical(json, at);
    return at;
  }

  Result<uint32_t> ReadElements(AvroKind kind, const char* key, const Json& json,
                                const std::string& space) {
    const auto element = json.find(key);
    if (element == json.end()) return Refused("an array has items, a map has values", json);
    CATENA_TRY(const uint32_t at, Add(kind));
    CATENA_TRY(const uint32_t child, Read(*element, space));
    (*types_)[at].children.push_back(child);
    return at;
  }

  Result<uint32_t> ReadUnion(const Json& json, const std::string& space) {
    if (json.empty()) return Refused("a union has branches", json);
    CATENA_TRY(const uint32_t at, Add(AvroKind::kUnion));
    std::set<AvroKind> kinds;
    for (const Json& branch : json) {
      CATENA_TRY(const uint32_t child, Read(branch, space));
      const AvroKind kind = (*types_)[child].kind;
      if (kind == AvroKind::kUnion || (!IsNamed(kind) && !kinds.insert(kind).second)) {
        return Refused("a union holds no union, and each type once", json);
      }
      (*types_)[at].children.push_back(child);
    }
    return at;
  }

  std::vector<AvroType>* types_;
  std::map<std::string, uint32_t> named_;
};

Result<AvroSchema> AvroSchema::Parse(std::string_view text, std::string_view what) {
  AvroSchema schema;
  // A schema of one name may stand there without quotes, as registries keep it.
  if (const auto primitive = PrimitiveOf(text)) {
    schema.types_.push_back({.kind = *primitive});
    return schema;
  }
  CATENA_TRY(const Json json, ParseJson(text, what, kJsonDepthMax));
  auto root = AvroSchemaParser(&schema.types_).Read(json, "");
  if (!root.ok()) return root.error().WithContext(what);
  return schema;
}

std::string AvroSchema::NameOf(uint32_t at) const {
  const AvroType& type = types_[at];
  for (const LogicalName& one : kLogicalNames) {
    if (type.logical == one.logical && type.kind == one.of) return std::string(one.name);
  }
  return type.name.empty() ? kKindNames[static_cast<size_t>(type.kind)] : type.name;
}

Result<AvroSchema> ReadAvroSchemaFile(const TopicAddress& topic) {
  const auto path = topic.serde.find("schema");
  if (path == topic.serde.end()) {
    return InvalidConf("serde=avro needs schema=FILE as well, an Avro schema");
  }
  const auto text = ReadFile(path->second);
  if (!text.ok()) return InvalidConf("the Avro schema of the topic: " + text.error().message);
  return AvroSchema::Parse(*text, path->second);
}

}  // namespace catena::topic
