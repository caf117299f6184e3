// SPDX-License-Identifier: Apache-2.0
// Encoding of integers, doubles and byte strings into stored bytes and back.
//
// Two families. Big-endian, sign-flipped ("Ordered"): memcmp order is value order, for keys.
// Variable length, zigzag ("Varint"): small, for values; the wire form of Avro's long.
// STORED FORMAT: do not change; keys and values in every KVStore are made of these.
//
//   errors  a ByteReader never reads past its end: after the first short read ok() is false and
//           every later read answers zero or empty, so decoders check once, at the end

#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace catena {

inline void AppendFixed64(std::string* out, uint64_t value) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);  // Little-endian machines only; base/bytes_test.cc holds us to it.
  out->append(bytes, 8);
}

inline void AppendOrdered64(std::string* out, uint64_t value) {
  const uint64_t big = __builtin_bswap64(value);
  char bytes[8];
  std::memcpy(bytes, &big, 8);
  out->append(bytes, 8);
}

inline void AppendOrderedInt64(std::string* out, int64_t value) {
  AppendOrdered64(out, static_cast<uint64_t>(value) ^ (uint64_t{1} << 63));
}

// To memory of at least so many bytes; answers where they end.
inline constexpr size_t kVarintBytesMax = 10;
inline char* WriteVarint(char* at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

inline char* WriteZigzag(char* at, int64_t value) {
  return WriteVarint(at, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

inline void AppendVarint(std::string* out, uint64_t value) {
  char bytes[kVarintBytesMax];
  out->append(bytes, static_cast<size_t>(WriteVarint(bytes, value) - bytes));
}

inline void AppendZigzag(std::string* out, int64_t value) {
  char bytes[kVarintBytesMax];
  out->append(bytes, static_cast<size_t>(WriteZigzag(bytes, value) - bytes));
}

inline void AppendDouble(std::string* out, double value) {
  AppendFixed64(out, std::bit_cast<uint64_t>(value));
}

// Length first, then the bytes.
inline void AppendSized(std::string* out, std::string_view bytes) {
  AppendVarint(out, bytes.size());
  out->append(bytes);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return at_ == bytes_.size(); }
  size_t remaining() const { return bytes_.size() - at_; }

  std::string_view Take(size_t count) {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      return {};
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  uint8_t Byte() {
    const std::string_view one = Take(1);
    return one.empty() ? 0 : static_cast<uint8_t>(one[0]);
  }
  uint64_t Fixed64() {
    const std::string_view eight = Take(8);
    uint64_t value = 0;
    if (eight.size() == 8) std::memcpy(&value, eight.data(), 8);
    return value;
  }
  uint64_t Ordered64() { return __builtin_bswap64(Fixed64()); }
  int64_t OrderedInt64() {
    const uint64_t flipped = Ordered64();
    return ok_ ? static_cast<int64_t>(flipped ^ (uint64_t{1} << 63)) : 0;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Byte();
      if (!ok_) return 0;
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  int64_t Zigzag() {
    const uint64_t raw = Varint();
    return static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
  }
  double Double() { return std::bit_cast<double>(Fixed64()); }
  std::string_view Sized() {
    const uint64_t size = Varint();
    return Take(ok_ && size <= remaining() ? size : (ok_ = false, size_t{0}));
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace catena
