// SPDX-License-Identifier: Apache-2.0
#include "catena/table/plugin/flat_columns.h"

#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/types.h>

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>
#include <vector>

#include "catena/table/plugin/arrow_columns.h"

namespace catena::table {
namespace {

using types::Batch;
using types::Column;
using types::Kind;

// Rows that are handed over at once: what they are copied to stays in the nearest cache.
constexpr size_t kPieceRows = 2048;

// A part of a batch that goes into one row group.
struct Slice {
  const Batch* batch;
  size_t begin;
  size_t end;
};

std::vector<std::vector<Slice>> RowGroups(std::span<const Batch> batches, size_t rows) {
  std::vector<std::vector<Slice>> groups;
  size_t room = 0;
  for (const Batch& batch : batches) {
    for (size_t begin = 0; begin < batch.rows();) {
      if (room == 0) {
        groups.emplace_back();
        room = rows;
      }
      const size_t end = std::min(batch.rows(), begin + room);
      groups.back().push_back({&batch, begin, end});
      room -= end - begin;
      begin = end;
    }
  }
  return groups;
}

// What a column's rows become on their way, reused from piece to piece.
struct Piece {
  std::array<int16_t, kPieceRows> levels;
  alignas(64) std::array<std::byte, kPieceRows * sizeof(parquet::ByteArray)> values;
};

template <typename Write>
void ForPieces(const Slice& slice, const Write& write) {
  for (size_t begin = slice.begin; begin < slice.end; begin += kPieceRows) {
    write(begin, std::min(kPieceRows, slice.end - begin));
  }
}

// Those that are null are left out. `value_of` gives the value of a row as Parquet has it.
template <typename Type, typename ValueOf>
void WriteValues(const Slice& slice, const Column& column, const ValueOf& value_of, Piece* piece,
                 parquet::ColumnWriter* writer) {
  auto* typed = static_cast<parquet::TypedColumnWriter<Type>*>(writer);
  auto* values = reinterpret_cast<typename Type::c_type*>(piece->values.data());
  ForPieces(slice, [&](size_t begin, size_t count) {
    const uint8_t* valid = column.validity() + begin;
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      values[kept] = value_of(begin + i);
      kept += valid[i];
    }
    std::copy_n(valid, count, piece->levels.data());
    typed->WriteBatch(static_cast<int64_t>(count), piece->levels.data(), nullptr, values);
  });
}

// Numbers of the layout `T`. Where none is null and Parquet has them alike, they go as they lie.
template <typename Type, typename T>
void WriteNumbers(const Slice& slice, const Column& column, Piece* piece,
                  parquet::ColumnWriter* writer) {
  using Stored = typename Type::c_type;
  const auto values = column.Values<T>();
  if constexpr (std::is_same_v<T, Stored>) {
    if (!column.has_nulls()) {
      auto* typed = static_cast<parquet::TypedColumnWriter<Type>*>(writer);
      piece->levels.fill(1);
      return ForPieces(slice, [&](size_t begin, size_t count) {
        typed->WriteBatch(static_cast<int64_t>(count), piece->levels.data(), nullptr,
                          values.data() + begin);
      });
    }
  }
  WriteValues<Type>(
      slice, column, [&](size_t row) { return static_cast<Stored>(values[row]); }, piece, writer);
}

void WriteTexts(const Slice& slice, const Column& column, Piece* piece,
                parquet::ColumnWriter* writer) {
  WriteValues<parquet::ByteArrayType>(
      slice, column,
      [&](size_t row) {
        const std::string_view text = column.Text(row);
        return parquet::ByteArray(static_cast<uint32_t>(text.size()),
                                  reinterpret_cast<const uint8_t*>(text.data()));
      },
      piece, writer);
}

void WriteMicros(const Slice& slice, const Column& column, Piece* piece,
                 parquet::ColumnWriter* writer) {
  const auto millis = column.Values<int64_t>();
  WriteValues<parquet::Int64Type>(
      slice, column, [&](size_t row) { return millis[row] * kMicrosPerMilli; }, piece, writer);
}

void WriteSlice(const Slice& slice, const Column& column, Piece* piece,
                parquet::ColumnWriter* writer) {
  switch (column.type().kind) {
    case Kind::kBool:
      return WriteNumbers<parquet::BooleanType, int8_t>(slice, column, piece, writer);
    case Kind::kByte:
      return WriteNumbers<parquet::Int32Type, int8_t>(slice, column, piece, writer);
    case Kind::kShort:
      return WriteNumbers<parquet::Int32Type, int16_t>(slice, column, piece, writer);
    case Kind::kInt:
    case Kind::kDate:
      return WriteNumbers<parquet::Int32Type, int32_t>(slice, column, piece, writer);
    case Kind::kLong:
      return WriteNumbers<parquet::Int64Type, int64_t>(slice, column, piece, writer);
    case Kind::kTimestamp:
      return WriteMicros(slice, column, piece, writer);
    case Kind::kFloat:
      return WriteNumbers<parquet::FloatType, float>(slice, column, piece, writer);
    case Kind::kDouble:
      return WriteNumbers<parquet::DoubleType, double>(slice, column, piece, writer);
    case Kind::kString:
    case Kind::kBinary:
      return WriteTexts(slice, column, piece, writer);
    default:
      CATENA_CHECK(false, "not one value a row");
  }
}

}  // namespace

bool IsFlat(const types::Schema& schema) {
  return std::ranges::none_of(schema.fields, [](const types::Field& field) {
    const Kind kind = field.type.kind;
    return kind == Kind::kList || kind == Kind::kMap || kind == Kind::kStruct;
  });
}

void WriteFlat(std::span<const Batch> batches, int64_t row_group_rows,
               parquet::ParquetFileWriter* file) {
  const auto piece = std::make_unique<Piece>();
  for (const auto& slices : RowGroups(batches, static_cast<size_t>(row_group_rows))) {
    parquet::RowGroupWriter* group = file->AppendRowGroup();
    for (size_t i = 0; i < slices.front().batch->width(); ++i) {
      parquet::ColumnWriter* writer = group->NextColumn();
      for (const Slice& slice : slices) {
        WriteSlice(slice, slice.batch->column(i), piece.get(), writer);
      }
      writer->Close();
    }
    group->Close();
  }
}

}  // namespace catena::table
