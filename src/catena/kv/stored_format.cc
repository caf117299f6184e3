// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/stored_format.h"

#include "catena/base/bytes.h"

namespace catena::kv {
namespace {

constexpr char kEscapedZero = '\xff';
constexpr char kEnd = '\x01';

}  // namespace

std::string NameKey(std::string_view dataset) {
  std::string key(1, kNameTag);
  key.append(dataset);
  return key;
}

std::string EncodeDatasetId(DatasetId id) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(id >> shift));
  return bytes;
}

std::optional<DatasetId> ParseDatasetId(std::string_view bytes) {
  if (bytes.size() != 4) return std::nullopt;
  DatasetId id = 0;
  for (const char byte : bytes) id = (id << 8) | static_cast<uint8_t>(byte);
  return id;
}

std::string DatasetPrefix(char tag, DatasetId id) {
  std::string prefix(1, tag);
  prefix.append(EncodeDatasetId(id));
  return prefix;
}

std::string MarkKey(DatasetId id, std::string_view name) {
  std::string key = DatasetPrefix(kMarkTag, id);
  key.append(name);
  return key;
}

// Keys are short, and many of their bytes are zero: byte by byte, into memory for the worst.
void AppendValuePrefix(std::string* out, DatasetId id, std::string_view key) {
  const size_t begin = out->size();
  out->resize(begin + kDatasetPrefixBytes + 2 * key.size() + 2);
  char* to = out->data() + begin;
  *to++ = kValueTag;
  for (const int shift : {24, 16, 8, 0}) *to++ = static_cast<char>(id >> shift);
  for (const char byte : key) {
    *to++ = byte;
    if (byte == '\0') *to++ = kEscapedZero;
  }
  *to++ = '\0';
  *to++ = kEnd;
  out->resize(static_cast<size_t>(to - out->data()));
}

void AppendInstant(std::string* out, Timestamp time, uint64_t sequence) {
  AppendOrderedInt64(out, ToMillis(time));
  AppendOrdered64(out, sequence);
}

std::string AfterPrefix(std::string_view prefix) {
  std::string after(prefix);
  while (!after.empty() && after.back() == '\xff') after.pop_back();
  if (!after.empty()) ++after.back();
  return after;
}

Instant ParseInstant(std::string_view value_key) {
  ByteReader reader(value_key.substr(value_key.size() - kInstantBytes));
  const int64_t millis = reader.OrderedInt64();
  return Instant{FromMillis(millis), reader.Ordered64()};
}

std::optional<ValueKey> ParseValueKey(std::string_view bytes) {
  if (bytes.size() < kValueKeyBytesMin || bytes[0] != kValueTag) return std::nullopt;
  ValueKey parsed;
  parsed.id = *ParseDatasetId(bytes.substr(1, 4));
  parsed.instant = ParseInstant(bytes);
  std::string_view escaped = bytes.substr(5, bytes.size() - 5 - kInstantBytes);
  while (true) {
    const size_t zero = escaped.find('\0');
    if (zero == std::string_view::npos || zero + 1 == escaped.size()) return std::nullopt;
    parsed.key.append(escaped.substr(0, zero));
    const char mark = escaped[zero + 1];
    escaped.remove_prefix(zero + 2);
    if (mark == kEnd && escaped.empty()) return parsed;
    if (mark != kEscapedZero) return std::nullopt;
    parsed.key.push_back('\0');
  }
}

}  // namespace catena::kv
