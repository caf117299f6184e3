// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_encoder.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "catena/base/bytes.h"

namespace catena::topic {
namespace {

constexpr int kDepthMax = 64;

class Encoder {
 public:
  Encoder(const AvroSchema& schema, std::string* out) : schema_(schema), out_(out) {}

  Status Write(const Json& value, uint32_t at, int depth) {
    if (depth > kDepthMax) return InvalidData("a value that nests deeper than 64 levels");
    const AvroType& type = schema_.type(at);
    switch (type.kind) {
      case AvroKind::kNull:
        return value.is_null() ? Status() : Mismatch(value, at);
      case AvroKind::kBoolean:
        if (!value.is_boolean()) return Mismatch(value, at);
        out_->push_back(value.get<bool>() ? 1 : 0);
        return Status();
      case AvroKind::kInt:
      case AvroKind::kLong:
        return WriteInteger(value, at);
      case AvroKind::kFloat:
      case AvroKind::kDouble:
        return WriteReal(value, at);
      case AvroKind::kString:
        if (!value.is_string()) return Mismatch(value, at);
        WriteSized(value.get_ref<const std::string&>());
        return Status();
      case AvroKind::kBytes:
      case AvroKind::kFixed:
        return WriteBytes(value, at);
      case AvroKind::kEnum:
        return WriteEnum(value, at);
      case AvroKind::kArray:
      case AvroKind::kMap:
        return WriteElements(value, at, depth);
      case AvroKind::kRecord:
        return WriteRecord(value, at, depth);
      case AvroKind::kUnion:
        return WriteUnion(value, at, depth);
    }
    return Mismatch(value, at);
  }

 private:
  Error Mismatch(const Json& value, uint32_t at) const {
    std::string text = PrintJson(value);
    if (text.size() > 60) text = text.substr(0, 60) + "...";
    return InvalidData("wants " + schema_.NameOf(at) + ", found " + text);
  }

  void WriteSized(std::string_view bytes) {
    AppendZigzag(out_, static_cast<int64_t>(bytes.size()));
    out_->append(bytes);
  }

  Status WriteInteger(const Json& value, uint32_t at) {
    if (!value.is_number_integer()) return Mismatch(value, at);
    constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (value.is_number_unsigned() && value.get<uint64_t>() > kMax) return Mismatch(value, at);
    const auto integer = value.get<int64_t>();
    if (schema_.type(at).kind == AvroKind::kInt && integer != static_cast<int32_t>(integer)) {
      return Mismatch(value, at);
    }
    AppendZigzag(out_, integer);
    return Status();
  }

  Status WriteReal(const Json& value, uint32_t at) {
    if (!value.is_number()) return Mismatch(value, at);
    const auto real = value.get<double>();
    if (schema_.type(at).kind == AvroKind::kDouble) {
      AppendDouble(out_, real);
      return Status();
    }
    if (std::abs(real) > std::numeric_limits<float>::max()) return Mismatch(value, at);
    const auto bits = std::bit_cast<uint32_t>(static_cast<float>(real));
    for (int shift = 0; shift < 32; shift += 8) out_->push_back(static_cast<char>(bits >> shift));
    return Status();
  }

  // One byte a character, of which UTF-8 takes two from U+0080 on.
  static std::optional<std::string> BytesOf(const std::string& text) {
    std::string bytes;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto lead = static_cast<uint8_t>(text[i]);
      if (lead < 0x80) {
        bytes.push_back(text[i]);
      } else if ((lead == 0xc2 || lead == 0xc3) && i + 1 < text.size()) {
        const auto low = static_cast<uint8_t>(text[++i]);
        bytes.push_back(static_cast<char>(((lead & 3) << 6) | (low & 0x3f)));
      } else {
        return std::nullopt;
      }
    }
    return bytes;
  }

  Status WriteBytes(const Json& value, uint32_t at) {
    if (!value.is_string()) return Mismatch(value, at);
    const auto bytes = BytesOf(value.get_ref<const std::string&>());
    if (!bytes) return Mismatch(value, at);
    if (schema_.type(at).kind == AvroKind::kBytes) {
      WriteSized(*bytes);
      return Status();
    }
    if (bytes->size() != schema_.type(at).size) return Mismatch(value, at);
    out_->append(*bytes);
    return Status();
  }

  Status WriteEnum(const Json& value, uint32_t at) {
    const auto& symbols = schema_.type(at).symbols;
    for (size_t i = 0; i < symbols.size(); ++i) {
      if (value != symbols[i]) continue;
      AppendZigzag(out_, static_cast<int64_t>(i));
      return Status();
    }
    return Mismatch(value, at);
  }

  Status WriteElements(const Json& value, uint32_t at, int depth) {
    const AvroType& type = schema_.type(at);
    const bool is_map = type.kind == AvroKind::kMap;
    if (is_map ? !value.is_object() : !value.is_array()) return Mismatch(value, at);
    if (!value.empty()) AppendZigzag(out_, static_cast<int64_t>(value.size()));
    for (const auto& [key, element] : value.items()) {
      if (is_map) WriteSized(key);
      CATENA_RETURN_IF_ERROR(Write(element, type.children[0], depth + 1));
    }
    AppendZigzag(out_, 0);
    return Status();
  }

  Status WriteRecord(const Json& value, uint32_t at, int depth) {
    if (!value.is_object()) return Mismatch(value, at);
    const AvroType& type = schema_.type(at);
    for (size_t i = 0; i < type.fields.size(); ++i) {
      const AvroField& field = type.fields[i];
      const auto found = value.find(field.name);
      const Json absent = field.absent.value_or(nullptr);
      const Status written =
          Write(found == value.end() ? absent : *found, type.children[i], depth + 1);
      if (!written.ok()) return written.WithContext("field \"" + field.name + "\"");
    }
    return Status();
  }

  Status WriteUnion(const Json& value, uint32_t at, int depth) {
    const AvroType& type = schema_.type(at);
    const size_t before = out_->size();
    for (size_t i = 0; i < type.children.size(); ++i) {
      AppendZigzag(out_, static_cast<int64_t>(i));
      const Status written = Write(value, type.children[i], depth + 1);
      if (written.ok()) return written;
      out_->resize(before);
      // What a union of null and one other type refuses is told as that type tells it.
      if (i + 1 == type.children.size() && i < 2) return written;
    }
    return Mismatch(value, at);
  }

  const AvroSchema& schema_;
  std::string* out_;
};

}  // namespace

Status AvroEncode(const Json& value, const AvroSchema& schema, uint32_t type, std::string* out) {
  return Encoder(schema, out).Write(value, type, 1);
}

}  // namespace catena::topic
