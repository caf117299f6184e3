// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored/stored_value.h"

#include <algorithm>
#include <cmath>

#include "catena/aggregate/stored/decimal.h"

namespace catena::aggregate {

namespace {

constexpr int kOffsetShift = 3;
constexpr int kPartitionShift = 6;
constexpr uint8_t kThreeBits = 7;
constexpr uint64_t kPartitionFollows = 3;

// Two's complement, without the bytes that only repeat the sign; none of zero.
int BytesOf(int64_t value) {
  if (value == 0) return 0;
  const int bytes = 8 - __builtin_clrsbll(value) / 8;
  return bytes == 7 ? 8 : bytes;
}

// Bytes that are read, sign and all; nothing when one of them is too many.
std::optional<int64_t> SignedOf(std::string_view bytes) {
  uint64_t value = 0;
  if (bytes.empty()) return 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  const int spare = 64 - 8 * static_cast<int>(bytes.size());
  const int64_t read = static_cast<int64_t>(value << spare) >> spare;
  if (BytesOf(read) != static_cast<int>(bytes.size())) return std::nullopt;
  return read;
}

// Whose double it is; minus zero is none's.
std::optional<Decimal> DecimalOf(double value) {
  if (value == 0.0 && std::signbit(value)) return std::nullopt;
  const auto decimal = NearestDecimal(std::fabs(value));
  return decimal && decimal->ToDouble() == std::fabs(value) ? decimal : std::nullopt;
}

}  // namespace

void EncodePosition(int64_t time, uint64_t order, Timestamp since, std::string* out) {
  // Any two times have a distance modulo 2^64.
  const auto distance =
      static_cast<int64_t>(static_cast<uint64_t>(time) - static_cast<uint64_t>(ToMillis(since)));
  const uint64_t offset = order & kLowOrder;
  const uint64_t partition = order >> 48;
  const int time_bytes = BytesOf(distance);
  const int offset_bytes = (std::bit_width(offset) + 7) / 8;
  char bytes[1 + 2 * sizeof(uint64_t) + kVarintBytesMax];
  bytes[0] = static_cast<char>(
      std::min<int>(time_bytes, kThreeBits) | offset_bytes << kOffsetShift |
      static_cast<int>(std::min(partition, kPartitionFollows)) << kPartitionShift);
  char* end = bytes + 1;
  if (partition >= kPartitionFollows) end = WriteVarint(end, partition);
  std::memcpy(end, &distance, sizeof distance);
  end += time_bytes;
  std::memcpy(end, &offset, sizeof offset);
  out->append(bytes, static_cast<size_t>(end + offset_bytes - bytes));
}

namespace {

bool DecodeVarintPosition(IrReader* reader, int64_t& time, uint64_t& order) {
  time = static_cast<int64_t>(static_cast<uint64_t>(reader->Zigzag()) +
                              static_cast<uint64_t>(ToMillis(reader->since())));
  const uint64_t high = reader->Varint();
  const uint64_t low = reader->Varint();
  order = high << 48 | low;
  return reader->ok() && high <= 0xffff && low <= kLowOrder;
}

}  // namespace

bool DecodePosition(IrReader* reader, int64_t& time, uint64_t& order) {
  if (reader->version() < 3) return DecodeVarintPosition(reader, time, order);
  const uint8_t first = reader->Byte();
  const bool follows = first >> kPartitionShift == kPartitionFollows;
  const uint64_t partition = follows ? reader->Varint() : first >> kPartitionShift;
  const int times = first & kThreeBits;
  const std::string_view time_bytes = reader->Take(times == kThreeBits ? 8 : times);
  const std::string_view offset_bytes = reader->Take(first >> kOffsetShift & kThreeBits);
  if (!reader->ok() || offset_bytes.size() > 6) return false;
  const auto distance = SignedOf(time_bytes);
  if (!distance) return false;
  time = static_cast<int64_t>(static_cast<uint64_t>(*distance) +
                              static_cast<uint64_t>(ToMillis(reader->since())));
  uint64_t offset = 0;
  if (!offset_bytes.empty()) std::memcpy(&offset, offset_bytes.data(), offset_bytes.size());
  order = partition << 48 | offset;
  return partition <= 0xffff && (!follows || partition >= kPartitionFollows) &&
         (offset_bytes.empty() || offset_bytes.back() != 0);
}

void EncodeDouble(double value, std::string* out) {
  if (const auto decimal = DecimalOf(value)) {
    char bytes[Decimal::kWritten];
    const char* const end = decimal->Write(std::signbit(value), bytes);
    out->append(bytes, static_cast<size_t>(end - bytes));
    return;
  }
  out->push_back(static_cast<char>(kBitsFollow));
  AppendDouble(out, value);
}

bool DecodeDouble(IrReader* reader, double& value) {
  const uint8_t form = reader->Byte();
  if (form == kBitsFollow) {
    value = reader->Double();
    return reader->ok() && !DecimalOf(value);
  }
  std::optional<Decimal> decimal;
  bool negative = false;
  if (reader->version() < 3) {
    decimal = Decimal{reader->Varint(), form >> 1};
    negative = (form & 1) != 0;
  } else {
    if (form >> 7 != 0) return false;
    decimal = Decimal::Read(form, reader);
    negative = (form & Decimal::kNegative) != 0;
  }
  if (!decimal || !reader->ok() || !decimal->IsCanonical()) return false;
  if (negative && decimal->digits == 0) return false;
  value = negative ? -decimal->ToDouble() : decimal->ToDouble();
  return true;
}

bool IsStorable(const types::DataType& type) {
  if (type.kind == types::Kind::kMap && type.children[0].kind != types::Kind::kString) return false;
  return std::ranges::all_of(type.children, IsStorable);
}

bool IsStored(const std::string& bytes, const types::DataType& type) {
  types::Column column(type);
  ByteReader reader(bytes);
  if (!types::DecodeCell(&reader, &column) || !reader.AtEnd() || column.IsNull(0)) return false;
  std::string again;
  types::EncodeCell(column, 0, &again);
  return again == bytes;
}

}  // namespace catena::aggregate
