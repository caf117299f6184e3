// SPDX-License-Identifier: Apache-2.0
#include "catena/table/plugin/arrow_columns.h"

#include <arrow/api.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <vector>

namespace catena::table {
namespace {

using types::Column;
using types::DataType;
using types::Kind;

std::shared_ptr<arrow::DataType> TypeOf(const DataType& type) {
  switch (type.kind) {
    case Kind::kBool:
      return arrow::boolean();
    case Kind::kByte:
      return arrow::int8();
    case Kind::kShort:
      return arrow::int16();
    case Kind::kInt:
      return arrow::int32();
    case Kind::kLong:
      return arrow::int64();
    case Kind::kFloat:
      return arrow::float32();
    case Kind::kDouble:
      return arrow::float64();
    case Kind::kString:
      return arrow::large_utf8();
    case Kind::kBinary:
      return arrow::large_binary();
    case Kind::kDate:
      return arrow::date32();
    case Kind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case Kind::kList:
      return arrow::large_list(TypeOf(type.children[0]));
    case Kind::kMap:
      return arrow::map(TypeOf(type.children[0]), TypeOf(type.children[1]));
    case Kind::kStruct: {
      arrow::FieldVector fields;
      for (size_t i = 0; i < type.children.size(); ++i) {
        fields.push_back(arrow::field(type.field_names[i], TypeOf(type.children[i])));
      }
      return arrow::struct_(std::move(fields));
    }
  }
  CATENA_CHECK(false, "a kind of which there is none");
}

template <typename T>
std::shared_ptr<arrow::Buffer> Borrowed(std::span<const T> values) {
  static constexpr uint8_t kNothing = 0;  // Arrow wants an address of no values, too.
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  return std::make_shared<arrow::Buffer>(values.empty() ? &kNothing : bytes,
                                         static_cast<int64_t>(values.size_bytes()));
}

template <typename T>
std::shared_ptr<arrow::Buffer> Owned(std::vector<T> values) {
  return arrow::Buffer::FromVector(std::move(values));
}

// Bit i is byte i, each 0 or 1.
std::shared_ptr<arrow::Buffer> Bits(const uint8_t* bytes, size_t count) {
  std::vector<uint8_t> bits((count + 7) / 8);
  for (size_t i = 0; i < count / 8; ++i) {
    uint64_t eight;
    std::memcpy(&eight, bytes + i * 8, sizeof(eight));
    // Adds byte k, moved to bit k of the highest byte; no two of the sums meet.
    bits[i] = static_cast<uint8_t>(eight * 0x0102040810204080u >> 56);
  }
  for (size_t i = count / 8 * 8; i < count; ++i) {
    bits.back() |= static_cast<uint8_t>(bytes[i] << i % 8);
  }
  return Owned(std::move(bits));
}
static_assert(std::endian::native == std::endian::little);

template <typename T>
std::shared_ptr<arrow::Buffer> Offsets(const Column& column) {
  std::vector<T> offsets(column.size() + 1);
  for (size_t row = 0; row <= column.size(); ++row) {
    offsets[row] = static_cast<T>(column.offset(row));
  }
  return Owned(std::move(offsets));
}

std::string RowOf(size_t row) { return "row " + std::to_string(row); }

std::shared_ptr<arrow::Buffer> Micros(const Column& column) {
  const auto millis = column.Values<int64_t>();
  std::vector<int64_t> micros(millis.size());
  std::ranges::transform(millis, micros.begin(),
                         [](int64_t each) { return each * kMicrosPerMilli; });
  return Owned(std::move(micros));
}

Status CheckTimes(const Column& column) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / kMicrosPerMilli;
  const auto millis = column.Values<int64_t>();
  const auto bad =
      std::ranges::find_if(millis, [](int64_t each) { return each > kMost || each < -kMost; });
  if (bad == millis.end()) return Status();
  return InvalidData(
      "TIMESTAMP is out of range: " + RowOf(static_cast<size_t>(bad - millis.begin())) + ": " +
      std::to_string(*bad) + " ms");
}

std::string_view AllText(const Column& column) {
  if (column.size() == 0) return {};
  return {column.Text(0).data(), column.offset(column.size())};
}

Status CheckText(const Column& column) {
  arrow::util::InitializeUTF8();
  const auto rows = std::views::iota(size_t{0}, column.size());
  // Where all is text, so is each row that begins with a character.
  const auto begins = [&](size_t row) {
    const std::string_view text = column.Text(row);
    return text.empty() || (static_cast<uint8_t>(text.front()) & 0xC0u) != 0x80u;
  };
  if (arrow::util::ValidateUTF8(AllText(column)) && std::ranges::all_of(rows, begins)) {
    return Status();
  }
  const auto bad = std::ranges::find_if_not(
      rows, [&](size_t row) { return arrow::util::ValidateUTF8(column.Text(row)); });
  return InvalidData("text is not UTF-8: " + RowOf(*bad));
}

Status CheckColumn(const Column& column) {
  switch (column.type().kind) {
    case Kind::kString:
      return CheckText(column);
    case Kind::kTimestamp:
      return CheckTimes(column);
    case Kind::kMap:
      if (column.offset(column.size()) > std::numeric_limits<int32_t>::max()) {
        return InvalidData("a MAP column of more than 2^31 pairs in one file");
      }
      if (column.child(0).has_nulls()) return InvalidData("a MAP has a null key");
      break;
    default:
      break;
  }
  for (size_t i = 0; i < column.child_count(); ++i) {
    CATENA_RETURN_IF_ERROR(CheckColumn(column.child(i)));
  }
  return Status();
}

using ArrayPtr = std::shared_ptr<arrow::ArrayData>;

ArrayPtr ArrayOf(const Column& column);

// The buffer behind the validity of a scalar.
std::shared_ptr<arrow::Buffer> ValuesOf(const Column& column) {
  switch (column.type().kind) {
    case Kind::kBool:
      return Bits(reinterpret_cast<const uint8_t*>(column.Values<int8_t>().data()), column.size());
    case Kind::kByte:
      return Borrowed(column.Values<int8_t>());
    case Kind::kShort:
      return Borrowed(column.Values<int16_t>());
    case Kind::kInt:
    case Kind::kDate:
      return Borrowed(column.Values<int32_t>());
    case Kind::kLong:
      return Borrowed(column.Values<int64_t>());
    case Kind::kFloat:
      return Borrowed(column.Values<float>());
    case Kind::kDouble:
      return Borrowed(column.Values<double>());
    case Kind::kTimestamp:
      return Micros(column);
    default:
      CATENA_CHECK(false, "not one value a row");
  }
}

// Pairs of keys and values, as a list of structs that are never null.
ArrayPtr PairsOf(const Column& column, const arrow::DataType& type) {
  const auto pairs = static_cast<int64_t>(column.child(0).size());
  return arrow::ArrayData::Make(type.field(0)->type(), pairs, {nullptr},
                                {ArrayOf(column.child(0)), ArrayOf(column.child(1))}, 0);
}

ArrayPtr ArrayOf(const Column& column) {
  const auto type = TypeOf(column.type());
  const auto rows = static_cast<int64_t>(column.size());
  const auto nulls = static_cast<int64_t>(column.null_count());
  auto validity = nulls == 0 ? nullptr : Bits(column.validity(), column.size());
  switch (column.type().kind) {
    case Kind::kString:
    case Kind::kBinary: {
      const std::string_view text = AllText(column);
      return arrow::ArrayData::Make(type, rows,
                                    {validity, Offsets<int64_t>(column),
                                     Borrowed(std::span<const char>(text.data(), text.size()))},
                                    nulls);
    }
    case Kind::kList:
      return arrow::ArrayData::Make(type, rows, {validity, Offsets<int64_t>(column)},
                                    {ArrayOf(column.child(0))}, nulls);
    case Kind::kMap:
      return arrow::ArrayData::Make(type, rows, {validity, Offsets<int32_t>(column)},
                                    {PairsOf(column, *type)}, nulls);
    case Kind::kStruct: {
      std::vector<ArrayPtr> fields;
      for (size_t i = 0; i < column.child_count(); ++i) fields.push_back(ArrayOf(column.child(i)));
      return arrow::ArrayData::Make(type, rows, {validity}, std::move(fields), nulls);
    }
    default:
      return arrow::ArrayData::Make(type, rows, {validity, ValuesOf(column)}, nulls);
  }
}

}  // namespace

Status CheckRows(const types::Batch& batch) {
  for (size_t i = 0; i < batch.width(); ++i) {
    CATENA_RETURN_IF_ERROR(
        CheckColumn(batch.column(i)).WithContext("column " + batch.schema().fields[i].name));
  }
  return Status();
}

std::shared_ptr<arrow::Schema> ArrowSchema(const types::Schema& schema) {
  arrow::FieldVector fields;
  for (const types::Field& field : schema.fields) {
    fields.push_back(arrow::field(field.name, TypeOf(field.type)));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::Table> ArrowTable(const std::shared_ptr<arrow::Schema>& schema,
                                         std::span<const types::Batch> batches) {
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
  int64_t rows = 0;
  for (const types::Batch& batch : batches) rows += static_cast<int64_t>(batch.rows());
  for (int i = 0; i < schema->num_fields(); ++i) {
    arrow::ArrayVector chunks;
    for (const types::Batch& batch : batches) {
      chunks.push_back(arrow::MakeArray(ArrayOf(batch.column(static_cast<size_t>(i)))));
    }
    columns.push_back(
        std::make_shared<arrow::ChunkedArray>(std::move(chunks), schema->field(i)->type()));
  }
  return arrow::Table::Make(schema, std::move(columns), rows);
}

}  // namespace catena::table
