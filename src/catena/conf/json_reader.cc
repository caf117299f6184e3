// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/json_reader.h"

#include <algorithm>
#include <string_view>

namespace catena::conf {
namespace {

constexpr int kVersion = 1;
constexpr size_t kNameBytesMax = 256;
constexpr std::string_view kTableWritePrefix = "spark.chronon.table_write.";

const char* KindName(Json::value_t kind) {
  switch (kind) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    default:
      return "a number";
  }
}

}  // namespace

Status JsonReader::status(const std::string& file) const {
  if (problems_.empty()) return Status();
  std::string message;
  for (const std::string& problem : problems_) message += (message.empty() ? "" : "\n") + problem;
  return InvalidConf(message).WithContext(file.empty() ? "conf" : file);
}

const Json* JsonReader::Member(const Json& json, const char* name, Json::value_t kind,
                               const std::string& path) {
  const auto at = json.find(name);
  if (at == json.end() || at->is_null()) return nullptr;
  if (at->type() != kind) {
    Complain(path + "." + name, std::string("must be ") + KindName(kind));
    return nullptr;
  }
  return &*at;
}

std::string JsonReader::Text(const Json& json, const char* name, const std::string& path) {
  const Json* member = Member(json, name, Json::value_t::string, path);
  return member == nullptr ? "" : member->get<std::string>();
}

bool JsonReader::Flag(const Json& json, const char* name, const std::string& path) {
  const auto at = json.find(name);
  if (at == json.end() || at->is_null()) return false;
  if (at->is_boolean()) return at->get<bool>();
  if (at->is_number_integer()) return at->get<int64_t>() != 0;
  Complain(path + "." + name, "must be true, false, 0 or 1");
  return false;
}

int64_t JsonReader::Integer(const Json& json, const char* name, int64_t absent,
                            const std::string& path) {
  const auto at = json.find(name);
  if (at == json.end() || at->is_null()) return absent;
  if (at->is_number_integer()) return at->get<int64_t>();
  Complain(path + "." + name, "must be a whole number");
  return absent;
}

const Json::array_t& JsonReader::Array(const Json& json, const char* name,
                                       const std::string& path) {
  static const Json::array_t kNone;
  const Json* member = Member(json, name, Json::value_t::array, path);
  return member == nullptr ? kNone : member->get_ref<const Json::array_t&>();
}

std::vector<std::string> JsonReader::Texts(const Json& json, const char* name,
                                           const std::string& path) {
  std::vector<std::string> texts;
  for (const Json& element : Array(json, name, path)) {
    if (!element.is_string()) {
      Complain(path + "." + name, "must hold strings only");
      continue;
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

std::map<std::string, std::string> JsonReader::TextMap(const Json& json, const char* name,
                                                       const std::string& path) {
  std::map<std::string, std::string> texts;
  const Json* member = Member(json, name, Json::value_t::object, path);
  if (member == nullptr) return texts;
  for (const auto& [key, value] : member->items()) {
    if (!value.is_string()) {
      Complain(path + "." + name + "." + key, "must be a string");
      continue;
    }
    texts[key] = value.get<std::string>();
  }
  return texts;
}

void JsonReader::CheckVersion(const Json& extra) {
  const Json version = extra.value("version", Json(kVersion));
  if (version == Json(kVersion)) return;
  Complain("catena.version",
           "this catena reads version " + std::to_string(kVersion) +
               "; compile the conf with a catena of the same release: " + PrintJson(version));
}

MetaData JsonReader::ReadMetaData(const Json& json, const std::string& path) {
  MetaData metadata;
  const Json* member = Member(json, "metaData", Json::value_t::object, path);
  if (member == nullptr) {
    Complain(path, "has no metaData");
    return metadata;
  }
  const std::string here = path + ".metaData";
  metadata.name = Text(*member, "name", here);
  metadata.team = Text(*member, "team", here);
  metadata.output_namespace = Text(*member, "outputNamespace", here);
  metadata.online = Flag(*member, "online", here);
  metadata.production = Flag(*member, "production", here);
  if (member->contains("historicalBackfill") && !(*member)["historicalBackfill"].is_null()) {
    metadata.historical_backfill = Flag(*member, "historicalBackfill", here);
  }
  const bool clean = std::all_of(metadata.name.begin(), metadata.name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("_./-").find(c) != std::string_view::npos;
  });
  if (metadata.name.empty() || metadata.name.size() > kNameBytesMax || !clean ||
      metadata.name.find("..") != std::string::npos) {
    Complain(here + ".name", "must be 1 to 256 characters of A-Z a-z 0-9 _ . / -, without \"..\"");
  }
  if (const std::string custom = Text(*member, "customJson", here); !custom.empty()) {
    auto parsed = ParseJson(custom, here + ".customJson");
    if (parsed.ok()) metadata.custom_json = std::move(*parsed);
  }
  for (const auto& [key, value] : TextMap(*member, "tableProperties", here)) {
    metadata.table_properties[key] = value;
  }
  ReadTableFormat(*member, here, &metadata);
  ReadStreamParameters(*member, here, &metadata);
  return metadata;
}

// In Chronon the format of a table is a property of the job that writes it.
void JsonReader::ReadTableFormat(const Json& member, const std::string& here, MetaData* metadata) {
  const Json* execution = Member(member, "executionInfo", Json::value_t::object, here);
  const std::string path = here + ".executionInfo.conf";
  const Json* conf =
      execution == nullptr ? nullptr : Member(*execution, "conf", Json::value_t::object, here);
  if (conf == nullptr) return;
  const Json* modes = Member(*conf, "modeConfigs", Json::value_t::object, path);
  for (const auto& [of, name] : {std::pair{conf, "common"}, std::pair{modes, "backfill"}}) {
    if (of == nullptr) continue;
    for (const auto& [key, value] : TextMap(*of, name, path)) {
      if (key.starts_with(kTableWritePrefix)) metadata->table_properties[key] = value;
    }
  }
}

// An argument of a Python GroupBy lands in customJson under its own name, beside much that is
// others'; in executionInfo, which has everybody's properties, ours are told by their prefix.
void JsonReader::ReadStreamParameters(const Json& member, const std::string& here,
                                      MetaData* metadata) {
  const auto set = [&](const std::string& where, const std::string& name, const Json& value) {
    const std::string text = value.is_string() ? value.get<std::string>() : PrintJson(value);
    const Status status = SetStreamParameter(where, name, text, &metadata->stream);
    if (!status.ok()) Complain(where, status.error().message.substr(where.size() + 2));
  };
  const Json* execution = Member(member, "executionInfo", Json::value_t::object, here);
  const std::string conf_path = here + ".executionInfo.conf";
  const Json* conf =
      execution == nullptr ? nullptr : Member(*execution, "conf", Json::value_t::object, here);
  if (conf != nullptr) {
    const Json* modes = Member(*conf, "modeConfigs", Json::value_t::object, conf_path);
    for (const auto& [of, name] : {std::pair{conf, "common"}, std::pair{modes, "streaming"}}) {
      if (of == nullptr) continue;
      for (const auto& [key, value] : TextMap(*of, name, conf_path)) {
        if (key.starts_with(kStreamPrefix)) set(conf_path + "." + name, key, value);
      }
    }
  }
  if (!metadata->custom_json.is_object()) return;
  for (const auto& [key, value] : metadata->custom_json.items()) {
    if ((IsStreamParameter(key) && key != "debug") || key.starts_with(kStreamPrefix)) {
      set(here + ".customJson", key, value);
    }
  }
}

}  // namespace catena::conf
