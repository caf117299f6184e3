// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/json_text.h"

#include <cstdint>

namespace catena::topic {
namespace {

constexpr size_t kQuotedBytesMax = 60;

// Length of the UTF-8 sequence at `at`; 0 when there is none.
size_t SequenceBytes(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : uint8_t{0};
  };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) > 0x9f;
  const bool beyond = lead == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || beyond ? 0 : size;
}

}  // namespace

size_t FirstByteNotUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t size = SequenceBytes(text, at);
    if (size == 0) break;
    at += size;
  }
  return at;
}

size_t FirstUnescapedByte(std::string_view text) {
  bool inside = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (inside && static_cast<uint8_t>(text[at]) < 0x20) return at;
    if (inside && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      inside = !inside;
    }
  }
  return text.size();
}

std::string Quoted(std::string_view token) {
  while (!token.empty() && static_cast<uint8_t>(token.back()) <= ' ') token.remove_suffix(1);
  if (token.size() <= kQuotedBytesMax) return std::string(token);
  size_t end = kQuotedBytesMax;
  while (end > 0 && (static_cast<uint8_t>(token[end]) & 0xc0) == 0x80) --end;
  return std::string(token.substr(0, end)) + "...";
}

}  // namespace catena::topic
