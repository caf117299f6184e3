// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/frame.h"

#include <cstdint>
#include <cstring>

#include "catena/base/bytes.h"
#include "catena/base/hash.h"

namespace catena::topic {
namespace {

constexpr size_t kBodyBytesMin = 9;  // Append time and the length of an empty key.
// A hostile value can look like many long frames; past this many checksummed bytes stop looking.
constexpr size_t kSearchBytesMax = size_t{1} << 30;

uint32_t LoadFixed32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, 4);
  return value;
}

int64_t LoadFixed64(const char* at) {
  int64_t value;
  std::memcpy(&value, at, 8);
  return value;
}

void StoreFixed32(char* at, uint32_t value) { std::memcpy(at, &value, 4); }

size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

}  // namespace

size_t FrameBytes(std::string_view key, std::string_view value) {
  return kFrameHeaderBytes + 8 + VarintBytes(key.size()) + key.size() + value.size();
}

std::string WhyNoFrame(std::string_view key, std::string_view value) {
  const size_t bytes = FrameBytes(key, value);
  if (bytes <= kFrameBytesMax) return "";
  return "record is too large for a topic; at most " + std::to_string(kFrameBytesMax) +
         " bytes: " + std::to_string(bytes);
}

void AppendFrame(Timestamp append_time, std::string_view key, std::string_view value,
                 std::string* out) {
  const size_t start = out->size();
  out->append(kFrameHeaderBytes, '\0');
  AppendFixed64(out, static_cast<uint64_t>(ToMillis(append_time)));
  AppendSized(out, key);
  out->append(value);
  const std::string_view body = std::string_view(*out).substr(start + kFrameHeaderBytes);
  const uint32_t checksum = Crc32c(body);
  StoreFixed32(out->data() + start, static_cast<uint32_t>(body.size()));
  StoreFixed32(out->data() + start + 4, checksum);
}

size_t AnnouncedFrameBytes(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) return 0;
  const size_t body = LoadFixed32(bytes.data());
  if (body < kBodyBytesMin || body > kFrameBytesMax - kFrameHeaderBytes) return 0;
  return kFrameHeaderBytes + body;
}

std::optional<Frame> ReadFrame(std::string_view bytes) {
  const size_t size = AnnouncedFrameBytes(bytes);
  if (size == 0 || size > bytes.size()) return std::nullopt;
  const std::string_view body = bytes.substr(kFrameHeaderBytes, size - kFrameHeaderBytes);
  if (Crc32c(body) != LoadFixed32(bytes.data() + 4)) return std::nullopt;
  ByteReader reader(body);
  Frame frame;
  frame.append_time = FromMillis(static_cast<int64_t>(reader.Fixed64()));
  frame.key = reader.Sized();
  frame.value = reader.Take(reader.remaining());
  frame.bytes = size;
  if (!reader.ok()) return std::nullopt;
  return frame;
}

bool ContinuesBeyondDamage(std::string_view rest, Timestamp time) {
  const size_t announced = AnnouncedFrameBytes(rest);
  if (announced != 0 && announced < rest.size()) return true;
  size_t searched = 0;
  for (size_t at = 1; at + kFrameHeaderBytes + kBodyBytesMin <= rest.size(); ++at) {
    const std::string_view bytes = rest.substr(at);
    const size_t size = AnnouncedFrameBytes(bytes);
    if (size == 0 || size > bytes.size()) continue;
    // Append times never go back, which spares most checksums of bytes that are no frame.
    if (LoadFixed64(bytes.data() + kFrameHeaderBytes) < ToMillis(time)) continue;
    if (ReadFrame(bytes)) return true;
    searched += size;
    if (searched > kSearchBytesMax) break;
  }
  return false;
}

}  // namespace catena::topic
