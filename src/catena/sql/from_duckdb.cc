// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <span>

#include "catena/base/time.h"
#include "catena/sql/engine.h"
#include "catena/sql/vectors.h"

namespace catena::sql {

namespace {

using types::Column;
using types::DataType;
using types::Kind;

std::string TakeText(char* text) {
  std::string taken(text == nullptr ? "" : text);
  duckdb_free(text);
  return taken;
}

struct Scalar {
  duckdb_type theirs;
  Kind ours;
};
constexpr Scalar kScalars[] = {
    {DUCKDB_TYPE_BOOLEAN, Kind::kBool},
    {DUCKDB_TYPE_TINYINT, Kind::kByte},
    {DUCKDB_TYPE_SMALLINT, Kind::kShort},
    {DUCKDB_TYPE_INTEGER, Kind::kInt},
    {DUCKDB_TYPE_BIGINT, Kind::kLong},
    {DUCKDB_TYPE_UTINYINT, Kind::kShort},
    {DUCKDB_TYPE_USMALLINT, Kind::kInt},
    {DUCKDB_TYPE_UINTEGER, Kind::kLong},
    {DUCKDB_TYPE_UBIGINT, Kind::kDouble},
    {DUCKDB_TYPE_HUGEINT, Kind::kDouble},
    {DUCKDB_TYPE_UHUGEINT, Kind::kDouble},
    {DUCKDB_TYPE_DECIMAL, Kind::kDouble},
    {DUCKDB_TYPE_FLOAT, Kind::kFloat},
    {DUCKDB_TYPE_DOUBLE, Kind::kDouble},
    {DUCKDB_TYPE_VARCHAR, Kind::kString},
    {DUCKDB_TYPE_BLOB, Kind::kBinary},
    {DUCKDB_TYPE_ENUM, Kind::kString},
    {DUCKDB_TYPE_SQLNULL, Kind::kInt},
    {DUCKDB_TYPE_DATE, Kind::kDate},
    {DUCKDB_TYPE_TIMESTAMP, Kind::kTimestamp},
    {DUCKDB_TYPE_TIMESTAMP_S, Kind::kTimestamp},
    {DUCKDB_TYPE_TIMESTAMP_MS, Kind::kTimestamp},
    {DUCKDB_TYPE_TIMESTAMP_NS, Kind::kTimestamp},
    {DUCKDB_TYPE_TIMESTAMP_TZ, Kind::kTimestamp},
};

bool IsValid(const uint64_t* bits, uint64_t row) {
  return bits == nullptr || (bits[row >> 6] >> (row & 63) & 1) != 0;
}

// Values that are the same bytes on both sides.
template <typename T>
void AppendSame(duckdb_vector vector, uint64_t begin, uint64_t count, Column* column) {
  const auto* data = static_cast<const T*>(duckdb_vector_get_data(vector)) + begin;
  const uint64_t* bits = duckdb_vector_get_validity(vector);
  if (bits == nullptr || (begin & 63) == 0) {
    column->AppendRun(std::span<const T>(data, count),
                      bits == nullptr ? nullptr : bits + (begin >> 6));
    return;
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (IsValid(bits, begin + i)) {
      column->Append<T>(data[i]);
    } else {
      column->AppendNull();
    }
  }
}

template <typename Theirs, typename Ours, typename Convert>
void AppendConverted(duckdb_vector vector, uint64_t begin, uint64_t count, Column* column,
                     Convert convert) {
  const auto* data = static_cast<const Theirs*>(duckdb_vector_get_data(vector));
  const uint64_t* bits = duckdb_vector_get_validity(vector);
  for (uint64_t row = begin; row < begin + count; ++row) {
    if (IsValid(bits, row)) {
      column->Append<Ours>(static_cast<Ours>(convert(data[row])));
    } else {
      column->AppendNull();
    }
  }
}

template <typename Theirs, typename Ours>
void AppendWidened(duckdb_vector vector, uint64_t begin, uint64_t count, Column* column) {
  AppendConverted<Theirs, Ours>(vector, begin, count, column, [](Theirs value) { return value; });
}

void AppendTexts(duckdb_vector vector, uint64_t begin, uint64_t count, Column* column) {
  auto* data = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  const uint64_t* bits = duckdb_vector_get_validity(vector);
  constexpr uint32_t kInlined = sizeof(data->value.inlined.inlined);
  for (uint64_t row = begin; row < begin + count; ++row) {
    if (!IsValid(bits, row)) {
      column->AppendNull();
      continue;
    }
    const auto& text = data[row].value;
    const uint32_t length = text.inlined.length;
    column->AppendText({length <= kInlined ? text.inlined.inlined : text.pointer.ptr, length});
  }
}

void AppendEnum(const VectorReader& reader, duckdb_vector vector, uint64_t begin, uint64_t count,
                Column* column) {
  const void* data = duckdb_vector_get_data(vector);
  const uint64_t* bits = duckdb_vector_get_validity(vector);
  for (uint64_t row = begin; row < begin + count; ++row) {
    if (!IsValid(bits, row)) {
      column->AppendNull();
    } else if (reader.stored == DUCKDB_TYPE_UTINYINT) {
      column->AppendText(reader.words[static_cast<const uint8_t*>(data)[row]]);
    } else if (reader.stored == DUCKDB_TYPE_USMALLINT) {
      column->AppendText(reader.words[static_cast<const uint16_t*>(data)[row]]);
    } else {
      column->AppendText(reader.words[static_cast<const uint32_t*>(data)[row]]);
    }
  }
}

void AppendDecimals(const VectorReader& reader, duckdb_vector vector, uint64_t begin,
                    uint64_t count, Column* column) {
  const auto scaled = [&](auto value) { return static_cast<double>(value) / reader.scale; };
  switch (reader.stored) {
    case DUCKDB_TYPE_SMALLINT:
      return AppendConverted<int16_t, double>(vector, begin, count, column, scaled);
    case DUCKDB_TYPE_INTEGER:
      return AppendConverted<int32_t, double>(vector, begin, count, column, scaled);
    case DUCKDB_TYPE_BIGINT:
      return AppendConverted<int64_t, double>(vector, begin, count, column, scaled);
    default:
      return AppendConverted<duckdb_hugeint, double>(
          vector, begin, count, column,
          [&](duckdb_hugeint value) { return duckdb_hugeint_to_double(value) / reader.scale; });
  }
}

void AppendInstants(duckdb_type theirs, duckdb_vector vector, uint64_t begin, uint64_t count,
                    Column* column) {
  const auto convert = [&](auto millis) {
    AppendConverted<int64_t, int64_t>(vector, begin, count, column, millis);
  };
  switch (theirs) {
    case DUCKDB_TYPE_TIMESTAMP_S:
      return convert([](int64_t seconds) { return seconds * 1000; });
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return convert([](int64_t millis) { return millis; });
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return convert([](int64_t nanos) { return FloorMillis(nanos, 1000000) / 1000000; });
    default:
      return convert([](int64_t micros) { return FloorMillis(micros, 1000) / 1000; });
  }
}

void AppendLists(const VectorReader& reader, duckdb_vector vector, uint64_t begin, uint64_t count,
                 Column* column) {
  const uint64_t* bits = duckdb_vector_get_validity(vector);
  const bool array = reader.theirs == DUCKDB_TYPE_ARRAY;
  const duckdb_vector child =
      array ? duckdb_array_vector_get_child(vector) : duckdb_list_vector_get_child(vector);
  const auto* entries =
      array ? nullptr : static_cast<const duckdb_list_entry*>(duckdb_vector_get_data(vector));
  for (uint64_t row = begin; row < begin + count; ++row) {
    if (!IsValid(bits, row)) {
      column->AppendNull();
      continue;
    }
    const uint64_t first = array ? row * reader.array_size : entries[row].offset;
    const uint64_t length = array ? reader.array_size : entries[row].length;
    if (reader.theirs == DUCKDB_TYPE_MAP) {
      for (size_t part = 0; part < 2; ++part) {
        reader.children[part].Append(duckdb_struct_vector_get_child(child, part), first, length,
                                     column->mutable_child(part));
      }
    } else {
      reader.children[0].Append(child, first, length, column->mutable_child(0));
    }
    column->CloseRow();
  }
}

void AppendStructs(const VectorReader& reader, duckdb_vector vector, uint64_t begin, uint64_t count,
                   Column* column) {
  const uint64_t* bits = duckdb_vector_get_validity(vector);
  for (uint64_t row = begin; row < begin + count; ++row) {
    if (!IsValid(bits, row)) {
      column->AppendNull();
      continue;
    }
    for (size_t part = 0; part < reader.children.size(); ++part) {
      reader.children[part].Append(duckdb_struct_vector_get_child(vector, part), row, 1,
                                   column->mutable_child(part));
    }
    column->CloseRow();
  }
}

Status ReadNested(duckdb_logical_type type, const std::string& column, VectorReader* reader) {
  const auto add_child = [&](duckdb_logical_type child) -> Status {
    const OwnedType owned(child);
    CATENA_TRY(auto child_reader, VectorReader::Of(owned.get(), column));
    reader->ours.children.push_back(child_reader.ours);
    reader->children.push_back(std::move(child_reader));
    return Status();
  };
  switch (reader->theirs) {
    case DUCKDB_TYPE_LIST:
      reader->ours.kind = Kind::kList;
      return add_child(duckdb_list_type_child_type(type));
    case DUCKDB_TYPE_ARRAY:
      reader->ours.kind = Kind::kList;
      reader->array_size = duckdb_array_type_array_size(type);
      return add_child(duckdb_array_type_child_type(type));
    case DUCKDB_TYPE_MAP:
      reader->ours.kind = Kind::kMap;
      CATENA_RETURN_IF_ERROR(add_child(duckdb_map_type_key_type(type)));
      return add_child(duckdb_map_type_value_type(type));
    default:
      reader->ours.kind = Kind::kStruct;
      for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
        reader->ours.field_names.push_back(TakeText(duckdb_struct_type_child_name(type, i)));
        CATENA_RETURN_IF_ERROR(add_child(duckdb_struct_type_child_type(type, i)));
      }
      return Status();
  }
}

}  // namespace

Result<VectorReader> VectorReader::Of(duckdb_logical_type type, const std::string& column) {
  VectorReader reader;
  reader.theirs = duckdb_get_type_id(type);
  switch (reader.theirs) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_STRUCT:
      CATENA_RETURN_IF_ERROR(ReadNested(type, column, &reader));
      return reader;
    case DUCKDB_TYPE_DECIMAL:
      reader.stored = duckdb_decimal_internal_type(type);
      reader.scale = std::pow(10.0, duckdb_decimal_scale(type));
      break;
    case DUCKDB_TYPE_ENUM:
      reader.stored = duckdb_enum_internal_type(type);
      for (uint32_t i = 0; i < duckdb_enum_dictionary_size(type); ++i) {
        reader.words.push_back(TakeText(duckdb_enum_dictionary_value(type, i)));
      }
      break;
    default:
      break;
  }
  for (const Scalar& scalar : kScalars) {
    if (scalar.theirs == reader.theirs) {
      reader.ours = scalar.ours;
      return reader;
    }
  }
  return Unsupported(
      "column has a SQL type that no column of ours can hold; cast it, for example "
      "to VARCHAR: " +
      column + " (DuckDB type number " + std::to_string(reader.theirs) + ")");
}

void VectorReader::Append(duckdb_vector vector, uint64_t begin, uint64_t count,
                          Column* column) const {
  switch (theirs) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
      return AppendSame<int8_t>(vector, begin, count, column);
    case DUCKDB_TYPE_SMALLINT:
      return AppendSame<int16_t>(vector, begin, count, column);
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE:
      return AppendSame<int32_t>(vector, begin, count, column);
    case DUCKDB_TYPE_BIGINT:
      return AppendSame<int64_t>(vector, begin, count, column);
    case DUCKDB_TYPE_FLOAT:
      return AppendSame<float>(vector, begin, count, column);
    case DUCKDB_TYPE_DOUBLE:
      return AppendSame<double>(vector, begin, count, column);
    case DUCKDB_TYPE_UTINYINT:
      return AppendWidened<uint8_t, int16_t>(vector, begin, count, column);
    case DUCKDB_TYPE_USMALLINT:
      return AppendWidened<uint16_t, int32_t>(vector, begin, count, column);
    case DUCKDB_TYPE_UINTEGER:
      return AppendWidened<uint32_t, int64_t>(vector, begin, count, column);
    case DUCKDB_TYPE_UBIGINT:
      return AppendWidened<uint64_t, double>(vector, begin, count, column);
    case DUCKDB_TYPE_HUGEINT:
      return AppendConverted<duckdb_hugeint, double>(vector, begin, count, column,
                                                     duckdb_hugeint_to_double);
    case DUCKDB_TYPE_UHUGEINT:
      return AppendConverted<duckdb_uhugeint, double>(vector, begin, count, column,
                                                      duckdb_uhugeint_to_double);
    case DUCKDB_TYPE_DECIMAL:
      return AppendDecimals(*this, vector, begin, count, column);
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
      return AppendTexts(vector, begin, count, column);
    case DUCKDB_TYPE_ENUM:
      return AppendEnum(*this, vector, begin, count, column);
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_MAP:
      return AppendLists(*this, vector, begin, count, column);
    case DUCKDB_TYPE_STRUCT:
      return AppendStructs(*this, vector, begin, count, column);
    case DUCKDB_TYPE_SQLNULL:
      for (uint64_t i = 0; i < count; ++i) column->AppendNull();
      return;
    default:
      return AppendInstants(theirs, vector, begin, count, column);
  }
}

}  // namespace catena::sql
