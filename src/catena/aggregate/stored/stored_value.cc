// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored/stored_value.h"

#include <algorithm>
#include <cmath>

#include "catena/aggregate/stored/decimal.h"

namespace catena::aggregate {

namespace {

// Whose double it is; minus zero is none's.
std::optional<Decimal> DecimalOf(double value) {
  if (value == 0.0 && std::signbit(value)) return std::nullopt;
  const auto decimal = NearestDecimal(std::fabs(value));
  return decimal && decimal->ToDouble() == std::fabs(value) ? decimal : std::nullopt;
}

}  // namespace

void EncodeDouble(double value, std::string* out) {
  if (const auto decimal = DecimalOf(value)) {
    out->push_back(static_cast<char>(decimal->places << 1 | (std::signbit(value) ? 1 : 0)));
    AppendVarint(out, decimal->digits);
    return;
  }
  out->push_back(static_cast<char>(kBitsFollow));
  AppendDouble(out, value);
}

bool DecodeDouble(ByteReader* reader, double& value) {
  const uint8_t form = reader->Byte();
  if (form == kBitsFollow) {
    value = reader->Double();
    return reader->ok() && !DecimalOf(value);
  }
  const Decimal decimal{reader->Varint(), form >> 1};
  const bool negative = (form & 1) != 0;
  if (!reader->ok() || !decimal.IsCanonical() || (negative && decimal.digits == 0)) return false;
  value = negative ? -decimal.ToDouble() : decimal.ToDouble();
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
