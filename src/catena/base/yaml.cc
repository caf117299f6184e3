// SPDX-License-Identifier: Apache-2.0
#include "catena/base/yaml.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <optional>

namespace catena {
namespace {

constexpr int kDepthMax = 64;

template <typename Number>
std::optional<Number> NumberOf(const std::string& text) {
  Number number{};
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stopped, code] = std::from_chars(begin, end, number);
  if (code != std::errc() || stopped != end || begin == end) return std::nullopt;
  return number;
}

Json Scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // Quoted.
  if (text.empty() || text == "~" || text == "null") return Json();
  if (text == "true" || text == "false") return text == "true";
  if (const auto whole = NumberOf<int64_t>(text)) return *whole;
  const bool numeric = text.find_first_not_of("0123456789.eE+-") == std::string::npos;
  if (const auto number = NumberOf<double>(text); number && numeric) return *number;
  return text;
}

Result<Json> ToJson(const YAML::Node& node, const std::string& what, int depth) {
  const std::string where = what + ": line " + std::to_string(node.Mark().line + 1);
  if (depth > kDepthMax) {
    return InvalidConf(where + ": nests deeper than " + std::to_string(kDepthMax) + " levels");
  }
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& element : node) {
      CATENA_TRY(Json json, ToJson(element, what, depth + 1));
      list.push_back(std::move(json));
    }
    return list;
  }
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& pair : node) {
      if (!pair.first.IsScalar()) return InvalidConf(where + ": a key is text");
      const std::string& key = pair.first.Scalar();
      if (object.contains(key)) return InvalidConf(where + ": a key stands twice: " + key);
      CATENA_TRY(object[key], ToJson(pair.second, what, depth + 1));
    }
    return object;
  }
  return node.IsScalar() ? Scalar(node) : Json();
}

}  // namespace

Result<Json> ParseYaml(const std::string& text, std::string_view what) {
  try {
    return ToJson(YAML::Load(text), std::string(what), 0);
  } catch (const YAML::Exception& error) {
    return InvalidConf(std::string(what) + ": not valid YAML at line " +
                       std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

}  // namespace catena
