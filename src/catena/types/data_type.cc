// SPDX-License-Identifier: Apache-2.0
#include "catena/types/data_type.h"

#include <array>
#include <utility>

namespace catena::types {
namespace {

constexpr std::array<std::pair<std::string_view, Kind>, 11> kScalars = {{
    {"BOOLEAN", Kind::kBool},
    {"BYTE", Kind::kByte},
    {"SHORT", Kind::kShort},
    {"INT", Kind::kInt},
    {"LONG", Kind::kLong},
    {"FLOAT", Kind::kFloat},
    {"DOUBLE", Kind::kDouble},
    {"STRING", Kind::kString},
    {"BINARY", Kind::kBinary},
    {"DATE", Kind::kDate},
    {"TIMESTAMP", Kind::kTimestamp},
}};

// Splits "a,b<c,d>" at commas outside of angle brackets.
std::vector<std::string_view> SplitTop(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t from = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(text.substr(from, i - from));
      from = i + 1;
    } else if (text[i] == '<') {
      ++depth;
    } else if (text[i] == '>') {
      --depth;
    }
  }
  return parts;
}

Result<DataType> ParseAt(std::string_view text, int depth);

Result<DataType> ParseNested(std::string_view head, std::string_view inside, int depth) {
  const std::vector<std::string_view> parts = SplitTop(inside);
  DataType type;
  type.kind = head == "LIST" ? Kind::kList : head == "MAP" ? Kind::kMap : Kind::kStruct;
  const size_t wanted = type.kind == Kind::kList ? 1 : type.kind == Kind::kMap ? 2 : parts.size();
  if (parts.size() != wanted) return InvalidConf("wrong number of type arguments");
  for (std::string_view part : parts) {
    if (type.kind == Kind::kStruct) {
      const size_t colon = part.find(':');
      if (colon == std::string_view::npos) return InvalidConf("a struct field is name:TYPE");
      type.field_names.emplace_back(part.substr(0, colon));
      part = part.substr(colon + 1);
    }
    CATENA_TRY(DataType child, ParseAt(part, depth + 1));
    type.children.push_back(std::move(child));
  }
  return type;
}

Result<DataType> ParseAt(std::string_view text, int depth) {
  if (depth > 16) return InvalidConf("types nest deeper than 16 levels");
  for (const auto& [name, kind] : kScalars) {
    if (text == name) return DataType(kind);
  }
  const size_t open = text.find('<');
  if (open != std::string_view::npos && text.back() == '>') {
    const std::string_view head = text.substr(0, open);
    if (head == "LIST" || head == "MAP" || head == "STRUCT") {
      return ParseNested(head, text.substr(open + 1, text.size() - open - 2), depth);
    }
  }
  return InvalidConf(
      "unknown type; write BOOLEAN, BYTE, SHORT, INT, LONG, FLOAT, DOUBLE, STRING, BINARY, DATE, "
      "TIMESTAMP, LIST<T>, MAP<K,V> or STRUCT<name:T,...>: \"" +
      std::string(text) + "\"");
}

}  // namespace

DataType DataType::List(DataType element) {
  DataType type(Kind::kList);
  type.children.push_back(std::move(element));
  return type;
}

DataType DataType::Map(DataType key, DataType value) {
  DataType type(Kind::kMap);
  type.children.push_back(std::move(key));
  type.children.push_back(std::move(value));
  return type;
}

std::string TypeName(const DataType& type) {
  for (const auto& [name, kind] : kScalars) {
    if (type.kind == kind) return std::string(name);
  }
  std::string text = type.kind == Kind::kList  ? "LIST<"
                     : type.kind == Kind::kMap ? "MAP<"
                                               : "STRUCT<";
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (i > 0) text += ",";
    if (type.kind == Kind::kStruct) text += type.field_names[i] + ":";
    text += TypeName(type.children[i]);
  }
  return text + ">";
}

Result<DataType> ParseType(std::string_view text) { return ParseAt(text, 0); }

}  // namespace catena::types
