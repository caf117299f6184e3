// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_text.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "catena/base/bytes.h"
#include "catena/base/file.h"
#include "catena/topic/avro/avro_encoder.h"

namespace catena::topic {
namespace {

constexpr int kDepthMax = 64;
constexpr size_t kElementsMax = 1'000'000;  // Of a record; null takes no bytes.

// Each answers null once the bytes are none of the schema, and then ok() is false.
class JsonReader {
 public:
  JsonReader(std::string_view bytes, const AvroSchema& schema) : schema_(schema), in_(bytes) {}

  bool ok() const { return ok_ && in_.ok(); }
  bool AtEnd() const { return in_.AtEnd(); }
  size_t remaining() const { return in_.remaining(); }

  Json Read(uint32_t at, int depth) {
    ok_ = ok() && depth <= kDepthMax;
    if (!ok_) return nullptr;
    const AvroType& type = schema_.type(at);
    switch (type.kind) {
      case AvroKind::kNull:
        return nullptr;
      case AvroKind::kBoolean: {
        const uint8_t truth = in_.Byte();
        ok_ = truth <= 1;
        return truth == 1;
      }
      case AvroKind::kInt:
      case AvroKind::kLong:
        return in_.Zigzag();
      case AvroKind::kFloat: {
        uint32_t bits = 0;
        const std::string_view four = in_.Take(sizeof bits);
        if (!four.empty()) std::memcpy(&bits, four.data(), sizeof bits);
        return Real(std::bit_cast<float>(bits));
      }
      case AvroKind::kDouble:
        return Real(in_.Double());
      case AvroKind::kString:
        return std::string(Sized());
      case AvroKind::kBytes:
        return Characters(Sized());
      case AvroKind::kFixed:
        return Characters(in_.Take(type.size));
      case AvroKind::kEnum: {
        const auto symbol = static_cast<uint64_t>(in_.Zigzag());
        ok_ = symbol < type.symbols.size();
        return ok_ ? Json(type.symbols[symbol]) : Json();
      }
      case AvroKind::kArray:
      case AvroKind::kMap:
        return ReadElements(type, depth);
      case AvroKind::kRecord:
        return ReadFields(type, depth);
      case AvroKind::kUnion: {
        const auto branch = static_cast<uint64_t>(in_.Zigzag());
        ok_ = branch < type.children.size();
        return ok_ ? Read(type.children[branch], depth + 1) : Json();
      }
    }
    return nullptr;
  }

 private:
  static Json Real(double value) { return std::isfinite(value) ? Json(value) : Json(); }

  std::string_view Sized() {
    const int64_t size = in_.Zigzag();
    return in_.Take(size < 0 ? in_.remaining() + 1 : static_cast<size_t>(size));
  }

  static std::string Characters(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
      const auto code = static_cast<uint8_t>(byte);
      if (code >= 0x80) text.push_back(static_cast<char>(0xc0 | code >> 6));
      text.push_back(code < 0x80 ? byte : static_cast<char>(0x80 | (code & 0x3f)));
    }
    return text;
  }

  Json ReadFields(const AvroType& type, int depth) {
    Json record = Json::object();
    for (size_t i = 0; i < type.fields.size() && ok(); ++i) {
      record[type.fields[i].name] = Read(type.children[i], depth + 1);
    }
    return record;
  }

  Json ReadElements(const AvroType& type, int depth) {
    const bool is_map = type.kind == AvroKind::kMap;
    Json elements = is_map ? Json::object() : Json::array();
    while (ok()) {
      int64_t count = in_.Zigzag();
      if (count < 0) {
        in_.Zigzag();  // The block's size in bytes.
        ok_ = count != INT64_MIN;
        count = ok_ ? -count : 0;
      }
      if (count == 0) break;
      for (; count > 0 && ok(); --count) {
        ok_ = ++elements_ <= kElementsMax;
        if (is_map) {
          const std::string key(Sized());
          elements[key] = Read(type.children[0], depth + 1);
        } else {
          elements.push_back(Read(type.children[0], depth + 1));
        }
      }
    }
    return elements;
  }

  const AvroSchema& schema_;
  ByteReader in_;
  bool ok_ = true;
  size_t elements_ = 0;
};

class AvroText : public RecordText {
 public:
  explicit AvroText(AvroSchema schema) : schema_(std::move(schema)) {}

  Result<Json> Read(std::string_view value) override { return AvroToJson(value, schema_); }
  Result<std::string> Write(const Json& event) override {
    std::string value;
    CATENA_RETURN_IF_ERROR(AvroEncode(event, schema_, AvroSchema::kRoot, &value));
    return value;
  }

 private:
  AvroSchema schema_;
};

}  // namespace

Result<Json> AvroToJson(std::string_view bytes, const AvroSchema& schema) {
  JsonReader reader(bytes, schema);
  Json json = reader.Read(AvroSchema::kRoot, 1);
  if (reader.ok() && reader.AtEnd()) return json;
  return InvalidData(
      fmt::format("no Avro value of the schema (byte {})", bytes.size() - reader.remaining()));
}

Result<std::unique_ptr<RecordText>> OpenAvroText(const TopicAddress& topic) {
  CATENA_TRY(AvroSchema schema, ReadAvroSchemaFile(topic));
  return std::unique_ptr<RecordText>(new AvroText(std::move(schema)));
}

Result<std::unique_ptr<RecordText>> AvroTextOf(const RegisteredSchema& registered,
                                               const std::string& what) {
  CATENA_TRY(AvroSchema schema, AvroSchema::Parse(registered.text, what));
  return std::unique_ptr<RecordText>(new AvroText(std::move(schema)));
}

}  // namespace catena::topic
