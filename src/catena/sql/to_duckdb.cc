// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <limits>

#include "catena/sql/engine.h"
#include "catena/sql/vectors.h"

namespace catena::sql {

namespace {

using types::Column;
using types::DataType;
using types::Kind;

// 64 bytes that are 0 or 1 as bits, the first the lowest.
uint64_t BitsOf64(const uint8_t* bytes) {
  uint64_t bits = 0;
  for (uint64_t i = 0; i < 8; ++i) {
    uint64_t eight;
    std::memcpy(&eight, bytes + 8 * i, 8);
    bits |= (eight * 0x0102040810204080u >> 56) << (8 * i);  // Byte k comes to stand in bit 56 + k.
  }
  return bits;
}

void FillValidity(const Column& column, uint64_t begin, uint64_t count, uint64_t at,
                  duckdb_vector vector) {
  if (!column.has_nulls()) return;
  duckdb_vector_ensure_validity_writable(vector);
  uint64_t* bits = duckdb_vector_get_validity(vector);
  const uint8_t* valid = column.validity() + begin;
  uint64_t i = 0;
  for (; at % 64 == 0 && i + 64 <= count; i += 64) bits[(at + i) / 64] = BitsOf64(valid + i);
  for (; i < count; ++i) {
    if (valid[i] == 0) bits[(at + i) >> 6] &= ~(uint64_t{1} << ((at + i) & 63));
  }
}

template <typename T>
void FillSame(const Column& column, uint64_t begin, uint64_t count, uint64_t at,
              duckdb_vector vector) {
  std::memcpy(static_cast<T*>(duckdb_vector_get_data(vector)) + at,
              column.Values<T>().data() + begin, count * sizeof(T));
}

void FillTexts(const Column& column, uint64_t begin, uint64_t count, uint64_t at,
               duckdb_vector vector) {
  auto* out = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector)) + at;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view text = column.Text(begin + i);
    duckdb_string_t slot = {};
    slot.value.inlined.length = static_cast<uint32_t>(text.size());
    if (text.size() <= sizeof(slot.value.inlined.inlined)) {
      if (!text.empty()) std::memcpy(slot.value.inlined.inlined, text.data(), text.size());
    } else {
      std::memcpy(slot.value.pointer.prefix, text.data(), sizeof(slot.value.pointer.prefix));
      slot.value.pointer.ptr = const_cast<char*>(text.data());
    }
    out[i] = slot;
  }
}

// DuckDB counts microseconds.
Status FillInstants(const Column& column, uint64_t begin, uint64_t count, uint64_t at,
                    duckdb_vector vector) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000 - 1;
  auto* out = static_cast<int64_t*>(duckdb_vector_get_data(vector)) + at;
  const auto values = column.Values<int64_t>();
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t millis = values[begin + i];
    if (millis > kMost || millis < -kMost) {
      return InvalidData("TIMESTAMP is out of range: " + std::to_string(millis));
    }
    out[i] = millis * 1000;
  }
  return Status();
}

Status FillLists(const Column& column, uint64_t begin, uint64_t count, uint64_t at,
                 duckdb_vector vector) {
  const uint64_t child_begin = column.offset(begin);
  const uint64_t child_count = column.offset(begin + count) - child_begin;
  const uint64_t child_at = at == 0 ? 0 : duckdb_list_vector_get_size(vector);
  if (duckdb_list_vector_reserve(vector, child_at + child_count) == DuckDBError ||
      duckdb_list_vector_set_size(vector, child_at + child_count) == DuckDBError) {
    return Unavailable("no memory for the elements of a list: " + std::to_string(child_count));
  }
  auto* entries = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(vector)) + at;
  for (uint64_t i = 0; i < count; ++i) {
    entries[i].offset = child_at + column.offset(begin + i) - child_begin;
    entries[i].length = column.offset(begin + i + 1) - column.offset(begin + i);
  }
  const duckdb_vector child = duckdb_list_vector_get_child(vector);
  if (column.type().kind == Kind::kList) {
    return FillVector(column.child(0), child_begin, child_count, child_at, child);
  }
  for (size_t part = 0; part < 2; ++part) {
    CATENA_RETURN_IF_ERROR(FillVector(column.child(part), child_begin, child_count, child_at,
                                      duckdb_struct_vector_get_child(child, part)));
  }
  return Status();
}

// The texts of rows [begin, end), which lie one behind the other.
std::string_view TextsOf(const Column& column, size_t begin, size_t end) {
  const std::string_view first = column.Text(begin);
  return {first.data(), column.offset(end) - column.offset(begin)};
}

bool IsAscii(std::string_view text) {
  uint64_t high = 0;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    high |= word;
  }
  for (; i < text.size(); ++i) high |= static_cast<uint64_t>(text[i] & 0x80);
  return (high & 0x8080808080808080u) == 0;
}

}  // namespace

duckdb_logical_type CreateType(const DataType& type) {
  switch (type.kind) {
    case Kind::kBool:
      return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    case Kind::kByte:
      return duckdb_create_logical_type(DUCKDB_TYPE_TINYINT);
    case Kind::kShort:
      return duckdb_create_logical_type(DUCKDB_TYPE_SMALLINT);
    case Kind::kInt:
      return duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    case Kind::kLong:
      return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case Kind::kFloat:
      return duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
    case Kind::kDouble:
      return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case Kind::kString:
      return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    case Kind::kBinary:
      return duckdb_create_logical_type(DUCKDB_TYPE_BLOB);
    case Kind::kDate:
      return duckdb_create_logical_type(DUCKDB_TYPE_DATE);
    case Kind::kTimestamp:
      return duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP);
    case Kind::kList: {
      const OwnedType element(CreateType(type.children[0]));
      return duckdb_create_list_type(element.get());
    }
    case Kind::kMap: {
      const OwnedType key(CreateType(type.children[0]));
      const OwnedType value(CreateType(type.children[1]));
      return duckdb_create_map_type(key.get(), value.get());
    }
    case Kind::kStruct: {
      std::vector<OwnedType> owned;
      std::vector<duckdb_logical_type> members;
      std::vector<const char*> names;
      for (size_t i = 0; i < type.children.size(); ++i) {
        members.push_back(owned.emplace_back(CreateType(type.children[i])).get());
        names.push_back(type.field_names[i].c_str());
      }
      return duckdb_create_struct_type(members.data(), names.data(), members.size());
    }
  }
  return nullptr;
}

Status FillVector(const Column& column, uint64_t begin, uint64_t count, uint64_t at,
                  duckdb_vector vector) {
  FillValidity(column, begin, count, at, vector);
  switch (column.type().kind) {
    case Kind::kBool:
    case Kind::kByte:
      FillSame<int8_t>(column, begin, count, at, vector);
      return Status();
    case Kind::kShort:
      FillSame<int16_t>(column, begin, count, at, vector);
      return Status();
    case Kind::kInt:
    case Kind::kDate:
      FillSame<int32_t>(column, begin, count, at, vector);
      return Status();
    case Kind::kLong:
      FillSame<int64_t>(column, begin, count, at, vector);
      return Status();
    case Kind::kFloat:
      FillSame<float>(column, begin, count, at, vector);
      return Status();
    case Kind::kDouble:
      FillSame<double>(column, begin, count, at, vector);
      return Status();
    case Kind::kString:
    case Kind::kBinary:
      FillTexts(column, begin, count, at, vector);
      return Status();
    case Kind::kTimestamp:
      return FillInstants(column, begin, count, at, vector);
    case Kind::kList:
    case Kind::kMap:
      return FillLists(column, begin, count, at, vector);
    case Kind::kStruct:
      for (size_t part = 0; part < column.child_count(); ++part) {
        CATENA_RETURN_IF_ERROR(FillVector(column.child(part), begin, count, at,
                                          duckdb_struct_vector_get_child(vector, part)));
      }
      return Status();
  }
  return Status();
}

std::optional<size_t> FirstInvalidText(const Column& column, size_t begin, size_t end) {
  if (begin < end && IsAscii(TextsOf(column, begin, end))) return std::nullopt;
  for (size_t row = begin; row < end; ++row) {
    const std::string_view text = column.Text(row);
    if (IsAscii(text)) continue;
    const duckdb_error_data error = duckdb_valid_utf8_check(text.data(), text.size());
    if (error == nullptr) continue;
    const bool invalid = duckdb_error_data_has_error(error);
    auto owned = error;
    duckdb_destroy_error_data(&owned);
    if (invalid) return row;
  }
  return std::nullopt;
}

}  // namespace catena::sql
