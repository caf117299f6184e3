// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/json_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "catena/topic/json_text.h"
#include "catena/topic/seen_keys.h"
#include "catena/topic/slot.h"

namespace catena::topic {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::ondemand::json_type;
using types::DataType;
using types::Kind;

constexpr int kDepthMax = 64;
constexpr size_t kBufferBytesMin = 4096;
constexpr size_t kLearnedFieldsMax = 1024;
constexpr size_t kLearnedKeyBytesMax = 64;
// simdjson wants its own padding; FindColumn compares up to this many bytes from any key on.
constexpr size_t kPaddingBytes = simdjson::SIMDJSON_PADDING + kLearnedKeyBytesMax;
constexpr double kExactIntegerMax = 9007199254740992.0;  // 2^53: doubles hold every integer below.

// Where the first pass of simdjson, which says only what, found a value to be no JSON.
size_t FirstBadByte(std::string_view text, simdjson::error_code code) {
  if (code == simdjson::UTF8_ERROR) return FirstByteNotUtf8(text);
  if (code == simdjson::UNESCAPED_CHARS) return FirstUnescapedByte(text);
  return text.size();
}

Status CheckType(const DataType& type) {
  if (type.kind == Kind::kStruct) {
    return Unsupported("JSON records cannot fill a STRUCT; list its fields as columns: " +
                       types::TypeName(type));
  }
  if (type.kind == Kind::kMap && type.children[0].kind != Kind::kString) {
    return Unsupported("JSON records can only fill a MAP with STRING keys: " +
                       types::TypeName(type));
  }
  for (const DataType& child : type.children) CATENA_RETURN_IF_ERROR(CheckType(child));
  return Status();
}

class JsonDecoder : public Decoder {
 public:
  explicit JsonDecoder(const types::Schema& schema) : schema_(schema), slots_(schema.size()) {
    for (size_t i = 0; i < schema_.size(); ++i) columns_.emplace(schema_.fields[i].name, i);
    Reserve(kBufferBytesMin);
  }
  JsonDecoder(const JsonDecoder&) = delete;
  JsonDecoder& operator=(const JsonDecoder&) = delete;

  Result<Decoded> Decode(std::span<const Record> records) override;

 private:
  static constexpr size_t kNoColumn = static_cast<size_t>(-1);
  struct LearnedField {
    std::string key;  // As its bytes stand in the JSON; empty when it may not be compared so.
    size_t column = kNoColumn;
  };

  void Reserve(size_t bytes);
  bool ReadRecord(std::string_view value);
  bool ReadObject(ondemand::object object);
  bool ReadColumn(size_t column, ondemand::value value);
  bool Read(const DataType& type, ondemand::value value, int depth, Slot* slot);
  bool ReadInteger(const DataType& type, ondemand::value value, Slot* slot);
  bool ReadReal(const DataType& type, ondemand::value value, Slot* slot);
  bool ReadList(const DataType& type, ondemand::value value, int depth, Slot* slot);
  bool ReadMap(const DataType& type, ondemand::value value, int depth, Slot* slot);
  bool Check(ondemand::value value, int depth);
  bool CheckElements(ondemand::value value, json_type type, int depth);
  std::optional<size_t> FindColumn(size_t position, ondemand::field* field);

  // Each sets the reason and answers false.
  bool Fail(std::string_view what, const char* at);
  bool FailMalformed(simdjson::error_code code);
  bool FailDepth();
  bool FailType(const DataType& type, ondemand::value value, std::string_view remark = "");

  const std::string& FieldName() const { return schema_.fields[column_].name; }

  types::Schema schema_;
  std::unordered_map<std::string_view, size_t> columns_;  // Views of schema_.
  ondemand::parser parser_;
  ondemand::document document_;
  std::vector<char> buffer_;  // The record, padded as simdjson reads beyond its end.
  size_t size_ = 0;           // Of the record.
  std::vector<Slot> slots_;   // One a column.
  std::vector<Slot> elements_;
  std::vector<LearnedField> learned_;  // Fields of the last records by position: events repeat.
  size_t column_ = kNoColumn;          // Being read, for messages.
  std::string reason_;
};

void JsonDecoder::Reserve(size_t bytes) {
  if (bytes + kPaddingBytes <= buffer_.size()) return;
  size_t capacity = kBufferBytesMin;
  while (capacity < bytes) capacity *= 2;
  buffer_.assign(capacity + kPaddingBytes, ' ');
  CATENA_CHECK(parser_.allocate(capacity) == simdjson::SUCCESS, "no memory for a JSON record");
}

Result<Decoded> JsonDecoder::Decode(std::span<const Record> records) {
  Decoded decoded;
  decoded.record_of_row.reserve(records.size());
  types::BatchBuilder builder(schema_, records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    const auto record = static_cast<uint32_t>(i);
    if (!ReadRecord(records[i].value)) {
      decoded.bad.push_back({record, std::move(reason_)});
      continue;
    }
    for (size_t c = 0; c < slots_.size(); ++c) {
      const Slot* next = elements_.data() + slots_[c].first;
      AppendSlot(slots_[c], &next, builder.column(c));
    }
    decoded.record_of_row.push_back(record);
  }
  decoded.rows = builder.Build();
  return decoded;
}

bool JsonDecoder::ReadRecord(std::string_view value) {
  for (Slot& slot : slots_) {
    slot.state = Slot::State::kNull;
    slot.seen = false;
  }
  elements_.clear();
  column_ = kNoColumn;
  size_ = value.size();
  Reserve(size_);
  std::memcpy(buffer_.data(), value.data(), value.size());
  std::memset(buffer_.data() + value.size(), ' ', kPaddingBytes);
  if (const auto code =
          parser_.iterate(buffer_.data(), value.size(), buffer_.size()).get(document_)) {
    return Fail(fmt::format("invalid JSON: {}", simdjson::error_message(code)),
                buffer_.data() + FirstBadByte(value, code));
  }
  json_type type;
  if (const auto code = document_.type().get(type)) return FailMalformed(code);
  if (type != json_type::object) return Fail("not a JSON object", buffer_.data());
  ondemand::object object;
  if (const auto code = document_.get_object().get(object)) return FailMalformed(code);
  if (!ReadObject(object)) return false;
  const char* at = nullptr;
  if (document_.current_location().get(at) == simdjson::OUT_OF_BOUNDS) return true;
  return Fail("invalid JSON: bytes follow the object", at);
}

bool JsonDecoder::ReadObject(ondemand::object object) {
  size_t position = 0;
  for (auto result : object) {
    ondemand::field field;
    column_ = kNoColumn;
    if (const auto code = std::move(result).get(field)) return FailMalformed(code);
    const std::optional<size_t> column = FindColumn(position++, &field);
    if (!column) return FailMalformed(simdjson::STRING_ERROR);
    column_ = *column;
    if (column_ == kNoColumn || slots_[column_].seen) {
      if (!Check(field.value(), 1)) return false;
      continue;
    }
    Slot* slot = &slots_[column_];
    slot->seen = true;
    if (!Read(schema_.fields[column_].type, field.value(), 1, slot)) return false;
  }
  column_ = kNoColumn;
  return true;
}

// The column of the field, kNoColumn when none has its name, nothing when the key is no string.
// Events of one topic repeat their fields in one order, so most keys are the one that stood at this
// position before, and comparing bytes spares unescaping and hashing.
std::optional<size_t> JsonDecoder::FindColumn(size_t position, ondemand::field* field) {
  if (position < learned_.size()) {
    const LearnedField& learned = learned_[position];
    // The padding allows to read kLearnedKeyBytesMax bytes beyond any key.
    if (!learned.key.empty() && field->key().unsafe_is_equal(learned.key)) return learned.column;
  }
  const char* raw = field->key().raw();
  std::string_view key;
  if (field->unescaped_key().get(key)) return std::nullopt;
  const auto found = columns_.find(key);
  const size_t column = found == columns_.end() ? kNoColumn : found->second;
  const bool plain = raw[key.size()] == '"' && std::memcmp(raw, key.data(), key.size()) == 0 &&
                     key.find('\\') == std::string_view::npos;
  if (plain && key.size() < kLearnedKeyBytesMax && position < kLearnedFieldsMax) {
    if (position >= learned_.size()) learned_.resize(position + 1);
    learned_[position].key = key;
    learned_[position].column = column;
  }
  return column;
}

bool JsonDecoder::Read(const DataType& type, ondemand::value value, int depth, Slot* slot) {
  json_type found;
  if (const auto code = value.type().get(found)) return FailMalformed(code);
  if (found == json_type::null) {
    bool is_null = false;
    if (value.is_null().get(is_null) || !is_null) return FailMalformed(simdjson::N_ATOM_ERROR);
    slot->state = Slot::State::kNull;
    return true;
  }
  switch (type.kind) {
    case Kind::kBool: {
      if (found != json_type::boolean) return FailType(type, value);
      bool truth = false;
      if (value.get_bool().get(truth)) return FailMalformed(simdjson::T_ATOM_ERROR);
      slot->integer = truth ? 1 : 0;
      break;
    }
    case Kind::kFloat:
    case Kind::kDouble:
      if (found != json_type::number) return FailType(type, value);
      if (!ReadReal(type, value, slot)) return false;
      break;
    case Kind::kString:
    case Kind::kBinary:
      if (found != json_type::string) return FailType(type, value);
      if (const auto code = value.get_string().get(slot->text)) return FailMalformed(code);
      break;
    case Kind::kList:
      return found == json_type::array ? ReadList(type, value, depth + 1, slot)
                                       : FailType(type, value);
    case Kind::kMap:
      return found == json_type::object ? ReadMap(type, value, depth + 1, slot)
                                        : FailType(type, value);
    default:
      if (found == json_type::string && type.kind != Kind::kDate) {
        return FailType(type, value, "; send a number, times as milliseconds since 1970 UTC");
      }
      if (found != json_type::number) return FailType(type, value);
      if (!ReadInteger(type, value, slot)) return false;
      break;
  }
  slot->state = Slot::State::kScalar;
  return true;
}

bool JsonDecoder::ReadInteger(const DataType& type, ondemand::value value, Slot* slot) {
  const IntegerRange range = RangeOf(type.kind);
  if (value.get_int64().get(slot->integer) != simdjson::SUCCESS) {
    // 5.0 and 1e3 are integers too; 5.5, and what no 64 bits hold, are not.
    double real = 0;
    if (const auto code = value.get_double().get(real)) return FailMalformed(code);
    if (real != std::floor(real)) return FailType(type, value);
    if (std::abs(real) > kExactIntegerMax) return FailType(type, value, ", which does not fit");
    slot->integer = static_cast<int64_t>(real);
  }
  if (slot->integer >= range.low && slot->integer <= range.high) return true;
  return FailType(type, value, ", which does not fit");
}

bool JsonDecoder::ReadReal(const DataType& type, ondemand::value value, Slot* slot) {
  if (const auto code = value.get_double().get(slot->real)) return FailMalformed(code);
  const bool fits =
      type.kind == Kind::kDouble || std::abs(slot->real) <= std::numeric_limits<float>::max();
  return fits || FailType(type, value, ", which does not fit");
}

bool JsonDecoder::ReadList(const DataType& type, ondemand::value value, int depth, Slot* slot) {
  if (depth > kDepthMax) return FailDepth();
  ondemand::array array;
  if (const auto code = value.get_array().get(array)) return FailMalformed(code);
  slot->first = elements_.size();
  int64_t count = 0;
  for (auto result : array) {
    ondemand::value element;
    if (const auto code = std::move(result).get(element)) return FailMalformed(code);
    const size_t at = elements_.size();
    elements_.emplace_back();
    Slot read;
    if (!Read(type.children[0], element, depth, &read)) return false;
    elements_[at] = read;
    ++count;
  }
  slot->integer = count;
  slot->state = Slot::State::kElements;
  return true;
}

bool JsonDecoder::ReadMap(const DataType& type, ondemand::value value, int depth, Slot* slot) {
  if (depth > kDepthMax) return FailDepth();
  ondemand::object object;
  if (const auto code = value.get_object().get(object)) return FailMalformed(code);
  slot->first = elements_.size();
  int64_t count = 0;
  SeenKeys seen;
  for (auto result : object) {
    ondemand::field field;
    if (const auto code = std::move(result).get(field)) return FailMalformed(code);
    Slot read;
    if (const auto code = field.unescaped_key().get(read.text)) return FailMalformed(code);
    if (!seen.Insert(read.text)) {
      if (!Check(field.value(), depth)) return false;
      continue;
    }
    read.state = Slot::State::kScalar;
    elements_.push_back(read);
    const size_t at = elements_.size();
    elements_.emplace_back();
    if (!Read(type.children[1], field.value(), depth, &read)) return false;
    elements_[at] = read;
    ++count;
  }
  slot->integer = count;
  slot->state = Slot::State::kElements;
  return true;
}

// Values that no column takes must still be JSON: simdjson would pass over them unread.
bool JsonDecoder::Check(ondemand::value value, int depth) {
  json_type found;
  if (const auto code = value.type().get(found)) return FailMalformed(code);
  switch (found) {
    case json_type::null: {
      bool is_null = false;
      const auto code = value.is_null().get(is_null);
      return (code == simdjson::SUCCESS && is_null) || FailMalformed(simdjson::N_ATOM_ERROR);
    }
    case json_type::boolean:
      return value.get_bool().error() == simdjson::SUCCESS || FailMalformed(simdjson::T_ATOM_ERROR);
    case json_type::number: {
      const auto code = value.get_double().error();
      return code == simdjson::SUCCESS || FailMalformed(code);
    }
    case json_type::string: {
      const auto code = value.get_string().error();
      return code == simdjson::SUCCESS || FailMalformed(code);
    }
    default:
      return CheckElements(value, found, depth + 1);
  }
}

bool JsonDecoder::CheckElements(ondemand::value value, json_type type, int depth) {
  if (depth > kDepthMax) return FailDepth();
  if (type == json_type::array) {
    ondemand::array array;
    if (const auto code = value.get_array().get(array)) return FailMalformed(code);
    for (auto result : array) {
      ondemand::value element;
      if (const auto code = std::move(result).get(element)) return FailMalformed(code);
      if (!Check(element, depth)) return false;
    }
    return true;
  }
  ondemand::object object;
  if (const auto code = value.get_object().get(object)) return FailMalformed(code);
  for (auto result : object) {
    ondemand::field field;
    if (const auto code = std::move(result).get(field)) return FailMalformed(code);
    if (const auto code = field.unescaped_key().error()) return FailMalformed(code);
    if (!Check(field.value(), depth)) return false;
  }
  return true;
}

bool JsonDecoder::Fail(std::string_view what, const char* at) {
  reason_ = what;
  if (column_ != kNoColumn) reason_ += fmt::format(" in field \"{}\"", FieldName());
  reason_ += fmt::format(" (byte {})", at - buffer_.data());
  return false;
}

bool JsonDecoder::FailMalformed(simdjson::error_code code) {
  const char* at = buffer_.data();
  if (document_.current_location().get(at)) at = buffer_.data() + size_;
  return Fail(fmt::format("invalid JSON: {}", simdjson::error_message(code)), at);
}

bool JsonDecoder::FailDepth() {
  const char* at = buffer_.data();
  if (document_.current_location().get(at)) at = buffer_.data() + size_;
  return Fail("JSON nests deeper than 64 levels", at);
}

bool JsonDecoder::FailType(const DataType& type, ondemand::value value, std::string_view remark) {
  const std::string_view token = value.raw_json_token();
  json_type found = json_type::null;
  if (const auto code = value.type().get(found)) return FailMalformed(code);
  std::string described;
  if (found == json_type::object || found == json_type::array) {
    described = found == json_type::object ? "an object" : "an array";
  } else {
    described = found == json_type::string   ? "the string "
                : found == json_type::number ? "the number "
                                             : "";
    described += Quoted(token);
  }
  reason_ = fmt::format("field \"{}\" wants {}, found {}{} (byte {})", FieldName(),
                        types::TypeName(type), described, remark, token.data() - buffer_.data());
  return false;
}

}  // namespace

Result<std::unique_ptr<Decoder>> OpenJsonDecoder(const types::Schema& schema) {
  for (const types::Field& field : schema.fields) {
    CATENA_RETURN_IF_ERROR(CheckType(field.type).WithContext("field \"" + field.name + "\""));
  }
  return std::unique_ptr<Decoder>(new JsonDecoder(schema));
}

}  // namespace catena::topic
