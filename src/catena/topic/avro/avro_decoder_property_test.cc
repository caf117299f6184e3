// SPDX-License-Identifier: Apache-2.0
// The Avro decoder against a naive twin that walks the schema's JSON and boxes every value, on
// random schemas, columns and records, some of them damaged.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/file.h"
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

constexpr std::string_view kTexts[] = {"", "a", "plain text", "\xc3\xa9\xf0\x9f\x98\x80"};
constexpr int64_t kIntegers[] = {
    0,         -1,       127, 128, -32769, 2147483647, -2147483648, 2147483648, 1763640000123456,
    INT64_MAX, INT64_MIN};

Json RandomSchema(Random* random, int depth, int* names) {
  switch (random->Below(depth < 3 ? 18 : 12)) {
    case 0:
    case 1:
      return random->OneIn(6) ? "null" : "boolean";
    case 2:
      return random->OneIn(3) ? Json{{"type", "int"}, {"logicalType", "date"}} : Json("int");
    case 3:
    case 4:
      return "long";
    case 5: {
      constexpr const char* kLogicals[] = {"timestamp-millis", "timestamp-micros",
                                           "timestamp-nanos"};
      return {{"type", "long"}, {"logicalType", kLogicals[random->Below(3)]}};
    }
    case 6:
      return "float";
    case 7:
      return "double";
    case 8:
      return "bytes";
    case 9:
      return "string";
    case 10:
      return {{"type", "fixed"}, {"name", "F" + std::to_string((*names)++)}, {"size", 3}};
    case 11:
      return {{"type", "enum"},
              {"name", "E" + std::to_string((*names)++)},
              {"symbols", {"RED", "GREEN"}}};
    case 12:
      return {{"type", "array"}, {"items", RandomSchema(random, depth + 1, names)}};
    case 13:
      return {{"type", "map"}, {"values", RandomSchema(random, depth + 1, names)}};
    case 14: {
      Json fields = Json::array();
      for (uint64_t i = random->Below(4); i > 0; --i) {
        fields.push_back(
            {{"name", "r" + std::to_string(i)}, {"type", RandomSchema(random, depth + 1, names)}});
      }
      return {{"type", "record"}, {"name", "R" + std::to_string((*names)++)}, {"fields", fields}};
    }
    case 15:
      return {"null", "long", "string"};
    default: {
      const Json inner = RandomSchema(random, depth + 1, names);
      if (inner.is_array() || inner == "null") return inner;
      return random->OneIn(2) ? Json{"null", inner} : Json{inner, "null"};
    }
  }
}

std::string KindOf(const Json& schema) {
  if (schema.is_array()) return "union";
  return schema.is_string() ? schema.get<std::string>() : schema.at("type").get<std::string>();
}

std::string LogicalOf(const Json& schema) {
  return schema.is_object() ? schema.value("logicalType", "") : "";
}

template <typename T, size_t N>
T Pick(Random* random, const T (&choices)[N]) {
  return choices[random->Below(N)];
}

void PutInteger(int64_t value, std::string* out) {
  uint64_t raw = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; raw >= 0x80; raw >>= 7) out->push_back(static_cast<char>(raw | 0x80));
  out->push_back(static_cast<char>(raw));
}

void PutRandom(Random* random, const Json& schema, std::string* out);

// In up to two blocks, with their size in bytes or without.
void PutElements(Random* random, const Json& element, bool is_map, std::string* out) {
  for (uint64_t blocks = random->Below(3); blocks > 0; --blocks) {
    const auto count = static_cast<int64_t>(1 + random->Below(3));
    std::string block;
    for (int64_t i = 0; i < count; ++i) {
      if (is_map) {
        const uint64_t name = random->Below(random->OneIn(8) ? 2 : 100'000);
        const std::string key = "k" + std::to_string(name);
        PutInteger(static_cast<int64_t>(key.size()), &block);
        block += key;
      }
      PutRandom(random, element, &block);
    }
    const bool sized = random->OneIn(2);
    PutInteger(sized ? -count : count, out);
    if (sized) PutInteger(static_cast<int64_t>(block.size()), out);
    *out += block;
  }
  PutInteger(0, out);
}

void PutRandom(Random* random, const Json& schema, std::string* out) {
  const std::string kind = KindOf(schema);
  if (kind == "boolean") {
    out->push_back(static_cast<char>(random->Below(2)));
  } else if (kind == "int" || kind == "long") {
    PutInteger(random->OneIn(6) ? Pick(random, kIntegers) : random->Between(-120, 120), out);
  } else if (kind == "float" || kind == "double") {
    const double real = random->OneIn(9) ? 1e300 : random->Unit() * 100 - 50;
    const auto wide = std::bit_cast<uint64_t>(real);
    const auto narrow = std::bit_cast<uint32_t>(static_cast<float>(real));
    const uint64_t bits = kind == "float" ? narrow : wide;
    for (int byte = 0; byte < (kind == "float" ? 4 : 8); ++byte) {
      out->push_back(static_cast<char>(bits >> (8 * byte)));
    }
  } else if (kind == "string" || kind == "bytes") {
    const std::string text(random->OneIn(20) ? "\xff\xfe" : Pick(random, kTexts));
    PutInteger(static_cast<int64_t>(text.size()), out);
    *out += text;
  } else if (kind == "fixed") {
    *out += "\xff\x01z";
  } else if (kind == "enum") {
    PutInteger(static_cast<int64_t>(random->Below(2)), out);
  } else if (kind == "array" || kind == "map") {
    PutElements(random, schema.at(kind == "map" ? "values" : "items"), kind == "map", out);
  } else if (kind == "record") {
    for (const Json& field : schema.at("fields")) PutRandom(random, field.at("type"), out);
  } else if (kind == "union") {
    const uint64_t branch = random->Below(schema.size());
    PutInteger(static_cast<int64_t>(branch), out);
    PutRandom(random, schema.at(branch), out);
  }
}

// A type that values of the schema may fill.
std::string ColumnFor(Random* random, const Json& schema) {
  constexpr const char* kOfInt[] = {"BYTE",  "SHORT",  "INT",  "LONG",
                                    "FLOAT", "DOUBLE", "DATE", "TIMESTAMP"};
  const std::string kind = KindOf(schema);
  const std::string logical = LogicalOf(schema);
  if (kind == "boolean") return "BOOLEAN";
  if (kind == "int") return logical == "date" ? "DATE" : Pick(random, kOfInt);
  if (kind == "long") {
    constexpr const char* kOfLong[] = {"SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "TIMESTAMP"};
    return Pick(random, kOfLong);
  }
  if (kind == "float" || kind == "double") return random->OneIn(2) ? "FLOAT" : "DOUBLE";
  if (kind == "string" || kind == "bytes") return random->OneIn(2) ? "STRING" : "BINARY";
  if (kind == "fixed") return "BINARY";
  if (kind == "enum") return "STRING";
  if (kind == "array") return "LIST<" + ColumnFor(random, schema.at("items")) + ">";
  if (kind == "map") return "MAP<STRING," + ColumnFor(random, schema.at("values")) + ">";
  if (kind == "record") {
    std::string fields = "absent:LONG";
    for (const Json& field : schema.at("fields")) {
      if (random->OneIn(3)) continue;
      const std::string one =
          field.at("name").get<std::string>() + ":" + ColumnFor(random, field.at("type"));
      fields = random->OneIn(2) ? one + "," + fields : fields + "," + one;
    }
    return "STRUCT<" + fields + ">";
  }
  if (kind == "union") {
    const Json& branch = schema.at(random->Below(schema.size()));
    return ColumnFor(random, branch == "null" ? schema.at(schema.at(0) == "null" ? 1 : 0) : branch);
  }
  return "LONG";
}

class Twin {
 public:
  explicit Twin(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::vector<Value>> Row(const Json& schema, const types::Schema& columns) {
    DataType row;
    row.kind = Kind::kStruct;
    for (const types::Field& field : columns.fields) {
      row.field_names.push_back(field.name);
      row.children.push_back(field.type);
    }
    const Value read = Read(schema, row);
    if (bad_ || at_ != bytes_.size()) return std::nullopt;
    std::vector<Value> values;
    for (const auto& [name, value] : std::get<ValueMap>(read.data)) values.push_back(value);
    return values;
  }

 private:
  Value Bad() {
    bad_ = true;
    return {};
  }

  std::string_view Take(int64_t size) {
    if (bad_ || size < 0 || static_cast<uint64_t>(size) > bytes_.size() - at_) {
      bad_ = true;
      return {};
    }
    at_ += static_cast<size_t>(size);
    return bytes_.substr(at_ - static_cast<size_t>(size), static_cast<size_t>(size));
  }

  int64_t Integer() {
    unsigned __int128 raw = 0;
    for (int i = 0; i < 10; ++i) {
      const std::string_view one = Take(1);
      if (bad_) return 0;
      const auto byte = static_cast<uint8_t>(one[0]);
      raw |= static_cast<unsigned __int128>(byte & 0x7f) << (7 * i);
      if (byte >= 0x80) continue;
      if (raw >> 64 != 0) break;
      const auto low = static_cast<uint64_t>(raw);
      return low % 2 == 0 ? static_cast<int64_t>(low / 2) : -1 - static_cast<int64_t>(low / 2);
    }
    bad_ = true;
    return 0;
  }

  // Calls `element` for each; true when the block was jumped over instead.
  template <typename Element>
  void Elements(bool may_jump, Element element) {
    while (!bad_) {
      int64_t count = Integer();
      if (bad_ || count == 0) return;
      int64_t size = 0;
      if (count < 0) {
        size = Integer();
        if (size < 0 || count == INT64_MIN) bad_ = true;
        count = -count;
      }
      if (may_jump && size > 0) {
        Take(size);
        continue;
      }
      for (int64_t i = 0; i < count && !bad_; ++i) {
        const size_t before = at_;
        element();
        if (at_ == before && ++of_nothing_ > 10'000) bad_ = true;
      }
    }
  }

  void Pass(const Json& schema) {
    const std::string kind = KindOf(schema);
    if (bad_) return;
    if (kind == "boolean") Take(1);
    if (kind == "int" || kind == "long" || kind == "enum") Integer();
    if (kind == "float") Take(4);
    if (kind == "double") Take(8);
    if (kind == "string" || kind == "bytes") Take(Integer());
    if (kind == "fixed") Take(schema.at("size").get<int64_t>());
    if (kind == "array") Elements(true, [&] { Pass(schema.at("items")); });
    if (kind == "map") {
      Elements(true, [&] {
        Take(Integer());
        Pass(schema.at("values"));
      });
    }
    if (kind == "record") {
      for (const Json& field : schema.at("fields")) Pass(field.at("type"));
    }
    if (kind == "union") {
      if (const Json* branch = Branch(schema)) Pass(*branch);
    }
  }

  const Json* Branch(const Json& schema) {
    const int64_t branch = Integer();
    if (!bad_ && branch >= 0 && branch < static_cast<int64_t>(schema.size())) {
      return &schema.at(static_cast<size_t>(branch));
    }
    bad_ = true;
    return nullptr;
  }

  Value Number(const Json& schema, const DataType& type) {
    const std::string kind = KindOf(schema);
    if (kind == "float") {
      float real = 0;
      if (const auto bytes = Take(4); !bad_) std::memcpy(&real, bytes.data(), 4);
      return type.IsFloating() ? Value(static_cast<double>(real)) : Bad();
    }
    if (kind == "double") {
      double real = 0;
      if (const auto bytes = Take(8); !bad_) std::memcpy(&real, bytes.data(), 8);
      if (type.kind == Kind::kDouble) return real;
      const bool fits = !std::isfinite(real) || std::abs(real) <= std::numeric_limits<float>::max();
      return type.kind == Kind::kFloat && fits ? Value(double{static_cast<float>(real)}) : Bad();
    }
    const int64_t whole = Integer();
    if (bad_) return {};
    if (type.kind == Kind::kDouble) return static_cast<double>(whole);
    if (type.kind == Kind::kFloat) return double{static_cast<float>(whole)};
    const int bits = type.kind == Kind::kByte                              ? 8
                     : type.kind == Kind::kShort                           ? 16
                     : type.kind == Kind::kInt || type.kind == Kind::kDate ? 32
                                                                           : 64;
    const int64_t high = INT64_MAX >> (64 - (kind == "int" ? std::min(bits, 32) : bits));
    if (whole > high || whole < -high - 1) return Bad();
    const std::string logical = LogicalOf(schema);
    if (type.kind != Kind::kTimestamp) {
      return type.IsInteger() || type.kind == Kind::kDate ? Value(whole) : Bad();
    }
    const int64_t unit = logical == "timestamp-micros"  ? 1000
                         : logical == "timestamp-nanos" ? 1'000'000
                                                        : 1;
    int64_t millis = whole / unit;
    if (millis * unit > whole) --millis;
    return logical == "date" ? Bad() : Value(millis);
  }

  Value Text(const Json& schema, const DataType& type) {
    if (KindOf(schema) == "enum") {
      const int64_t symbol = Integer();
      if (bad_ || symbol < 0 || symbol > 1 || type.kind != Kind::kString) return Bad();
      return schema.at("symbols").at(static_cast<size_t>(symbol)).get<std::string>();
    }
    const bool fixed = KindOf(schema) == "fixed";
    const std::string text(Take(fixed ? schema.at("size").get<int64_t>() : Integer()));
    if (fixed && type.kind != Kind::kBinary) return Bad();
    if (!type.IsText() || (type.kind == Kind::kString && !IsUtf8(text))) return Bad();
    return text;
  }

  // By way of a JSON printer that refuses anything else.
  static bool IsUtf8(const std::string& text) {
    try {
      return !Json(text).dump().empty();
    } catch (const Json::exception&) {
      return false;
    }
  }

  Value Read(const Json& schema, const DataType& type) {
    const std::string kind = KindOf(schema);
    if (bad_ || kind == "null") return {};
    if (kind == "boolean") {
      const std::string_view one = Take(1);
      if (bad_ || static_cast<uint8_t>(one[0]) > 1 || type.kind != Kind::kBool) return Bad();
      return one[0] == 1;
    }
    if (kind == "int" || kind == "long" || kind == "float" || kind == "double") {
      return Number(schema, type);
    }
    if (kind == "array" && type.kind == Kind::kList) {
      ValueList list;
      Elements(false, [&] { list.push_back(Read(schema.at("items"), type.children[0])); });
      return list;
    }
    if (kind == "map" && type.kind == Kind::kMap) {
      ValueMap map;
      std::set<std::string> keys;
      Elements(false, [&] {
        const std::string key(Take(Integer()));
        if (!IsUtf8(key) || !keys.insert(key).second) bad_ = true;
        map.emplace_back(key, Read(schema.at("values"), type.children[1]));
      });
      return map;
    }
    if (kind == "record" && type.kind == Kind::kStruct) return Fields(schema, type);
    if (kind == "union") {
      const Json* branch = Branch(schema);
      return branch == nullptr ? Bad() : Read(*branch, type);
    }
    if (kind == "array" || kind == "map" || kind == "record") return Bad();
    return Text(schema, type);
  }

  Value Fields(const Json& schema, const DataType& type) {
    ValueMap fields;
    for (const std::string& name : type.field_names) fields.emplace_back(name, Value());
    for (const Json& field : schema.at("fields")) {
      size_t at = 0;
      while (at < fields.size() && type.field_names[at] != field.at("name")) ++at;
      if (at == fields.size()) {
        Pass(field.at("type"));
      } else {
        fields[at].second = Read(field.at("type"), type.children[at]);
      }
    }
    return fields;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  bool bad_ = false;
  int of_nothing_ = 0;
};

void Damage(Random* random, std::string* bytes) {
  for (uint64_t edits = 1 + random->Below(2); edits > 0 && !bytes->empty(); --edits) {
    const size_t at = random->Below(bytes->size());
    const uint64_t kind = random->Below(4);
    if (kind == 0) (*bytes)[at] = static_cast<char>(random->Next());
    if (kind == 1) bytes->insert(at, 1, static_cast<char>(random->Next()));
    if (kind == 2) bytes->erase(at, 1);
    if (kind == 3) bytes->resize(at);
  }
}

struct Seen {
  size_t rows = 0;
  size_t bad = 0;
};

void CompareOnce(Random* random, const std::string& path, Seen* seen) {
  int names = 0;
  Json fields = Json::array();
  types::Schema columns{{{"nobody", Kind::kDouble}}};
  for (uint64_t i = 1 + random->Below(6); i > 0; --i) {
    const std::string name = "f" + std::to_string(i);
    fields.push_back({{"name", name}, {"type", RandomSchema(random, 0, &names)}});
    if (random->OneIn(4)) continue;
    const std::string type = ColumnFor(random, fields.back().at("type"));
    const auto at = static_cast<std::ptrdiff_t>(random->Below(columns.size() + 1));
    columns.fields.insert(columns.fields.begin() + at, {name, types::ParseType(type).value()});
  }
  const Json schema = {{"type", "record"}, {"name", "Event"}, {"fields", fields}};
  ASSERT_TRUE(ReplaceFile(path, PrintJson(schema)).ok());
  std::vector<Record> records(1 + random->Below(20));
  for (Record& record : records) {
    PutRandom(random, schema, &record.value);
    if (random->OneIn(4)) Damage(random, &record.value);
  }
  const TopicAddress topic{.serde = {{"serde", "avro"}, {"schema", path}}};
  const auto decoder = Decoder::Open(topic, columns);
  ASSERT_TRUE(decoder.ok()) << decoder.error().message << " from " << schema;
  const Decoded decoded = (*decoder)->Decode(records).value();
  size_t row = 0;
  size_t bad = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto expected = Twin(records[i].value).Row(schema, columns);
    if (!expected || records[i].value.empty()) {
      ASSERT_TRUE(bad < decoded.bad.size() && decoded.bad[bad].record == i)
          << "accepted record " << i << " under " << columns.ToString() << " of " << schema;
      ASSERT_FALSE(decoded.bad[bad++].reason.empty());
      continue;
    }
    ASSERT_TRUE(row < decoded.rows.rows() && decoded.record_of_row[row] == i)
        << "refused record " << i << " under " << columns.ToString() << " of " << schema << ": "
        << (bad < decoded.bad.size() ? decoded.bad[bad].reason : "");
    ASSERT_EQ(decoded.rows.Row(row++), *expected)
        << "record " << i << " under " << columns.ToString() << " of " << schema;
  }
  ASSERT_EQ(row, decoded.rows.rows());
  ASSERT_EQ(bad, decoded.bad.size());
  seen->rows += row;
  seen->bad += bad;
}

TEST(AvroDecoderPropertyTest, AgreesWithTheNaiveTwin) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("catena_avro_" + std::to_string(getpid())))
          .string();
  Seen seen;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    CompareOnce(&random, path, &seen);
    if (HasFatalFailure()) break;
  }
  std::filesystem::remove(path);
  EXPECT_GT(seen.rows, 3000U);
  EXPECT_GT(seen.bad, 1000U);
}

}  // namespace
}  // namespace catena::topic
