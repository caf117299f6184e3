// SPDX-License-Identifier: Apache-2.0
// The JSON decoder against a naive twin over a boxed parser, on random schemas and random texts,
// some of them damaged.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/random.h"
#include "catena/topic/decoder.h"
#include "catena/types/data_type.h"

namespace catena::topic {
namespace {

using types::DataType;
using types::Kind;
using types::Value;
using types::ValueList;
using types::ValueMap;

constexpr const char* kScalars[] = {"BOOLEAN", "BYTE",   "SHORT",  "INT",  "LONG",     "FLOAT",
                                    "DOUBLE",  "STRING", "BINARY", "DATE", "TIMESTAMP"};
constexpr const char* kNumbers[] = {"0",
                                    "-0",
                                    "1",
                                    "-17",
                                    "127",
                                    "128",
                                    "32768",
                                    "2147483647",
                                    "2147483648",
                                    "1700000000123",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "18446744073709551616",
                                    "-9223372036854775809",
                                    "1.5",
                                    "2.0",
                                    "1e3",
                                    "1E+2",
                                    "-1.25e-3",
                                    "1e300",
                                    "1e-400",
                                    "3.5e38",
                                    "9007199254740993.0",
                                    "0.1",
                                    "123456789012345678901234567890",
                                    "0.30000000000000004"};
constexpr const char* kStrings[] = {
    "\"\"",         "\"a\"",         "\"12\"", "\"a\\nb\\\"c\\\\\"", "\"\\u00e9\\ud83d\\ude00\"",
    "\"\xc3\xa9\"", "\"2026-11-20\""};
constexpr const char* kLiterals[] = {"true", "false", "null"};

template <size_t N>
std::string Pick(Random* random, const char* const (&choices)[N]) {
  return choices[random->Below(N)];
}

std::string RandomType(Random* random, int depth) {
  const uint64_t choice = random->Below(depth < 2 ? 10 : 8);
  if (choice == 8) return "LIST<" + RandomType(random, depth + 1) + ">";
  if (choice == 9) return "MAP<STRING," + RandomType(random, depth + 1) + ">";
  return Pick(random, kScalars);
}

std::string Space(Random* random) { return random->OneIn(6) ? " \t\n" : ""; }

std::string AnyJson(Random* random, int depth);

std::string Elements(Random* random, int depth, const DataType* type, bool object);

// Mostly a value that `type` accepts.
std::string JsonFor(Random* random, const DataType& type, int depth) {
  if (random->OneIn(12)) return "null";
  if (random->OneIn(25)) return AnyJson(random, depth);
  switch (type.kind) {
    case Kind::kBool:
      return random->OneIn(2) ? "true" : "false";
    case Kind::kString:
    case Kind::kBinary:
      return Pick(random, kStrings);
    case Kind::kList:
      return Elements(random, depth + 1, &type.children[0], false);
    case Kind::kMap:
      return Elements(random, depth + 1, &type.children[1], true);
    default:
      return random->OneIn(8) ? Pick(random, kNumbers) : std::to_string(random->Between(-99, 99));
  }
}

std::string AnyJson(Random* random, int depth) {
  const uint64_t choice = random->Below(depth < 4 ? 5 : 3);
  if (choice == 0) return Pick(random, kNumbers);
  if (choice == 1) return Pick(random, kStrings);
  if (choice == 2) return Pick(random, kLiterals);
  return Elements(random, depth + 1, nullptr, choice == 3);
}

std::string Elements(Random* random, int depth, const DataType* type, bool object) {
  std::string text = object ? "{" : "[";
  const uint64_t count = random->Below(4);
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) text += ",";
    text += Space(random);
    if (object) text += "\"" + std::string(1, static_cast<char>('a' + random->Below(3))) + "\":";
    text += type != nullptr ? JsonFor(random, *type, depth) : AnyJson(random, depth);
  }
  return text + Space(random) + (object ? "}" : "]");
}

std::string RandomEvent(Random* random, const types::Schema& schema) {
  std::string text = "{";
  for (size_t i = 0; i < schema.size(); ++i) {
    if (random->OneIn(8)) continue;
    const size_t column = random->OneIn(8) ? random->Below(schema.size()) : i;
    const std::string& name = schema.fields[column].name;
    if (text.size() > 1) text += "," + Space(random);
    text += random->OneIn(15) ? "\"\\u00" + std::string(name[0] == 'a' ? "61" : "62") + "\""
                              : "\"" + name + "\"";
    text += Space(random) + ":" + Space(random);
    text += JsonFor(random, schema.fields[column].type, 1);
    if (random->OneIn(10)) text += ",\"unknown\":" + AnyJson(random, 1);
  }
  text += "}";
  if (!random->OneIn(4)) return text;
  for (uint64_t edits = 1 + random->Below(2); edits > 0; --edits) {  // Damage it.
    constexpr std::string_view kBytes = "{}[]\",:\\0123456789.eE+-tfn ax\xc3\xa9\xff\n";
    const size_t at = random->Below(text.size());
    const char byte = kBytes[random->Below(kBytes.size())];
    const uint64_t kind = random->Below(4);
    if (kind == 0) text[at] = byte;
    if (kind == 1) text.insert(at, 1, byte);
    if (kind == 2) text.erase(at, 1);
    if (kind == 3) text.resize(at);
    if (text.empty()) text = " ";
  }
  return text;
}

// Keeps the first of repeated keys; the parser by itself keeps the last.
std::optional<Json> ParseFirstWins(const std::string& text) {
  if (!ParseJson(text, "event").ok()) return std::nullopt;
  std::map<int, std::set<std::string>> seen;  // Keys by depth.
  const auto keep_first = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) seen[depth + 1].clear();
    if (event != Json::parse_event_t::key) return true;
    return seen[depth].insert(parsed.get<std::string>()).second;
  };
  return Json::parse(text, keep_first, false);
}

std::optional<int64_t> NaiveInteger(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto wide = json.get<uint64_t>();
    if (wide > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(wide);
  }
  if (json.is_number_integer()) return json.get<int64_t>();
  if (!json.is_number_float()) return std::nullopt;
  const double real = json.get<double>();
  if (real != std::floor(real) || std::abs(real) > 9007199254740992.0) return std::nullopt;
  return static_cast<int64_t>(real);
}

std::optional<Value> Naive(const Json& json, const DataType& type) {
  if (json.is_null()) return Value();
  if (type.kind == Kind::kBool) {
    return json.is_boolean() ? std::optional<Value>(json.get<bool>()) : std::nullopt;
  }
  if (type.IsText()) {
    return json.is_string() ? std::optional<Value>(json.get<std::string>()) : std::nullopt;
  }
  if (type.IsFloating()) {
    if (!json.is_number()) return std::nullopt;
    const auto real = json.get<double>();
    if (type.kind == Kind::kDouble) return Value(real);
    if (std::abs(real) > std::numeric_limits<float>::max()) return std::nullopt;
    return Value(static_cast<double>(static_cast<float>(real)));
  }
  if (type.kind == Kind::kList) {
    if (!json.is_array()) return std::nullopt;
    ValueList list;
    for (const Json& element : json) {
      const auto value = Naive(element, type.children[0]);
      if (!value) return std::nullopt;
      list.push_back(*value);
    }
    return Value(list);
  }
  if (type.kind == Kind::kMap) {
    if (!json.is_object()) return std::nullopt;
    ValueMap map;
    for (const auto& [key, element] : json.items()) {
      const auto value = Naive(element, type.children[1]);
      if (!value) return std::nullopt;
      map.emplace_back(key, *value);
    }
    return Value(map);
  }
  const auto integer = NaiveInteger(json);
  const int64_t high = type.kind == Kind::kByte    ? 127
                       : type.kind == Kind::kShort ? 32767
                       : type.kind == Kind::kInt || type.kind == Kind::kDate
                           ? std::numeric_limits<int32_t>::max()
                           : std::numeric_limits<int64_t>::max();
  if (!integer || *integer > high || *integer < -high - 1) return std::nullopt;
  return Value(*integer);
}

std::optional<std::vector<Value>> NaiveRow(const std::string& text, const types::Schema& schema) {
  const std::optional<Json> json = ParseFirstWins(text);
  if (!json || !json->is_object()) return std::nullopt;
  std::vector<Value> row;
  for (const types::Field& field : schema.fields) {
    const auto found = json->find(field.name);
    const auto value = found == json->end() ? Value() : Naive(*found, field.type);
    if (!value) return std::nullopt;
    row.push_back(*value);
  }
  return row;
}

// Maps of the twin are sorted by key, and it reads -0 as the integer 0.
Value Normal(Value value) {
  if (auto* real = std::get_if<double>(&value.data); real != nullptr && *real == 0) *real = 0.0;
  if (auto* list = std::get_if<ValueList>(&value.data)) {
    for (Value& element : *list) element = Normal(std::move(element));
  }
  if (auto* map = std::get_if<ValueMap>(&value.data)) {
    for (auto& [key, mapped] : *map) mapped = Normal(std::move(mapped));
    std::sort(map->begin(), map->end(),
              [](const auto& a, const auto& b) { return types::Compare(a.first, b.first) < 0; });
  }
  return value;
}

void CompareOnce(Random* random) {
  types::Schema schema;
  for (uint64_t i = 1 + random->Below(6); i > 0; --i) {
    const std::string name(1, static_cast<char>('a' + schema.size()));
    schema.fields.push_back({name, types::ParseType(RandomType(random, 0)).value()});
  }
  std::vector<Record> records(1 + random->Below(20));
  for (Record& record : records) record.value = RandomEvent(random, schema);
  const auto decoder = Decoder::Open({}, schema).value();
  const Decoded decoded = decoder->Decode(records).value();
  ASSERT_EQ(decoded.record_of_row.size(), decoded.rows.rows());
  size_t row = 0;
  size_t bad = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string& text = records[i].value;
    const auto expected = NaiveRow(text, schema);
    if (!expected) {
      ASSERT_TRUE(bad < decoded.bad.size() && decoded.bad[bad].record == i)
          << "accepted under " << schema.ToString() << ": " << text;
      ++bad;
      continue;
    }
    ASSERT_TRUE(row < decoded.rows.rows() && decoded.record_of_row[row] == i)
        << "refused under " << schema.ToString() << ": " << text << ": "
        << (bad < decoded.bad.size() ? decoded.bad[bad].reason : "");
    const std::vector<Value> actual = decoded.rows.Row(row++);
    for (size_t c = 0; c < schema.size(); ++c) {
      ASSERT_EQ(Normal(actual[c]), Normal((*expected)[c]))
          << schema.fields[c].name << " under " << schema.ToString() << ": " << text;
    }
  }
}

TEST(JsonDecoderPropertyTest, AgreesWithTheNaiveTwin) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    CompareOnce(&random);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace catena::topic
