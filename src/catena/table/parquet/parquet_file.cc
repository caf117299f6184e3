// SPDX-License-Identifier: Apache-2.0
#include "catena/table/parquet/parquet_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "catena/base/hash.h"
#include "catena/sql/texts.h"
#include "catena/table/parquet/column_chunk.h"
#include "catena/table/parquet/thrift_writer.h"

namespace catena::table {
namespace {

using Type = ThriftWriter::Type;

constexpr std::string_view kMagic = "PAR1";
constexpr size_t kTextBytesMost = size_t{64} << 20;

// Appends to a file and sums up what it wrote.
class SummedFile {
 public:
  explicit SummedFile(const std::string& path)
      : path_(path),
        descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  SummedFile(const SummedFile&) = delete;
  SummedFile& operator=(const SummedFile&) = delete;
  ~SummedFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  Status Append(std::string_view bytes) {
    sum_ = Crc32c(bytes, sum_);
    size_ += bytes.size();
    while (descriptor_ >= 0 && !bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed();
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return descriptor_ < 0 ? Failed() : Status();
  }
  uint64_t size() const { return size_; }
  uint32_t sum() const { return sum_; }

 private:
  Status Failed() const {
    return Unavailable("cannot write: " + path_ + ": " + std::strerror(errno));
  }

  std::string path_;
  int descriptor_;
  uint64_t size_ = 0;
  uint32_t sum_ = 0;
};

// Rows of the batches taken together, cut where a row group ends.
class RowCursor {
 public:
  RowCursor(std::span<const types::Batch> batches, size_t columns)
      : batches_(batches), columns_(columns) {
    SkipEmpty();
  }
  bool AtEnd() const { return batch_ == batches_.size(); }

  // By column, the pieces of the next row group.
  std::vector<std::vector<ColumnPiece>> Next(size_t rows_most) {
    std::vector<std::vector<ColumnPiece>> pieces(columns_);
    std::vector<size_t> text_bytes(columns_, 0);
    for (size_t left = rows_most; left > 0 && !AtEnd();) {
      const types::Batch& batch = batches_[batch_];
      const size_t fit = Fitting(batch, std::min(left, batch.rows() - row_), text_bytes);
      // A text that alone is too long gets a row group of its own.
      if (fit == 0 && left < rows_most) break;
      const size_t rows = std::max<size_t>(fit, 1);
      for (size_t i = 0; i < columns_; ++i) {
        const types::Column& column = batch.column(i);
        pieces[i].push_back({&column, row_, row_ + rows});
        if (column.type().IsText()) text_bytes[i] += TextBytes(column, row_, row_ + rows);
      }
      row_ += rows;
      left -= rows;
      SkipEmpty();
      if (fit == 0) break;
    }
    return pieces;
  }

 private:
  static size_t TextBytes(const types::Column& column, size_t begin, size_t end) {
    return column.offset(end) - column.offset(begin);
  }
  // How many of the next `rows` rows leave every text column below its limit.
  size_t Fitting(const types::Batch& batch, size_t rows, const std::vector<size_t>& taken) const {
    for (size_t i = 0; i < columns_; ++i) {
      const types::Column& column = batch.column(i);
      if (!column.type().IsText()) continue;
      const size_t room = kTextBytesMost - std::min(kTextBytesMost, taken[i]);
      while (rows > 0 && TextBytes(column, row_, row_ + rows) > room) rows /= 2;
    }
    return rows;
  }
  void SkipEmpty() {
    while (!AtEnd() && row_ == batches_[batch_].rows()) {
      ++batch_;
      row_ = 0;
    }
  }

  std::span<const types::Batch> batches_;
  size_t columns_;
  size_t batch_ = 0;
  size_t row_ = 0;
};

struct PlacedChunk {
  uint64_t offset = 0;
  ChunkFacts facts;
};
using RowGroup = std::vector<PlacedChunk>;

Status CheckTexts(const types::Schema& schema, std::span<const types::Batch> batches) {
  for (const types::Batch& batch : batches) {
    for (size_t i = 0; i < schema.size(); ++i) {
      const types::Column& column = batch.column(i);
      if (!column.type().IsText()) continue;
      for (size_t row = 0; row < column.size(); ++row) {
        if (column.Text(row).size() < (size_t{1} << 31) - (size_t{1} << 20)) continue;
        return InvalidData("a text is longer than a Parquet page can be: column " +
                           schema.fields[i].name);
      }
    }
  }
  return sql::CheckTexts(schema, batches);
}

void AppendElement(const types::Field& field, ThriftWriter* footer) {
  constexpr int32_t kOptional = 1;
  const ParquetType type = *ParquetTypeOf(field.type);
  footer->BeginStructElement();
  footer->I32(1, type.physical);
  footer->I32(3, kOptional);
  footer->Binary(4, field.name);
  if (type.converted) footer->I32(6, *type.converted);
  if (field.type.kind == types::Kind::kTimestamp) {
    footer->BeginStruct(10);  // LogicalType
    footer->BeginStruct(8);   // .TIMESTAMP
    footer->Bool(1, false);   // Not adjusted to UTC, which is what DuckDB writes as well.
    footer->BeginStruct(2);   // Unit
    footer->BeginStruct(2);   // .MICROS
    for (int i = 0; i < 4; ++i) footer->End();
  }
  footer->End();
}

void AppendColumn(const types::Field& field, const PlacedChunk& chunk, int32_t codec,
                  ThriftWriter* footer) {
  const ChunkFacts& facts = chunk.facts;
  constexpr int32_t kPlain = 0, kRle = 3, kRleDictionary = 8;
  footer->BeginStructElement();
  footer->I64(2, static_cast<int64_t>(chunk.offset));
  footer->BeginStruct(3);
  footer->I32(1, ParquetTypeOf(field.type)->physical);
  footer->BeginList(2, Type::kI32, facts.dictionary ? 3 : 2);
  footer->I32Element(kPlain);
  footer->I32Element(kRle);
  if (facts.dictionary) footer->I32Element(kRleDictionary);
  footer->BeginList(3, Type::kBinary, 1);
  footer->BinaryElement(field.name);
  footer->I32(4, codec);
  footer->I64(5, static_cast<int64_t>(facts.rows));
  footer->I64(6, static_cast<int64_t>(facts.uncompressed_bytes));
  footer->I64(7, static_cast<int64_t>(facts.compressed_bytes));
  footer->I64(9, static_cast<int64_t>(chunk.offset + facts.dictionary_bytes));
  if (facts.dictionary) footer->I64(11, static_cast<int64_t>(chunk.offset));
  footer->BeginStruct(12);
  footer->I64(3, static_cast<int64_t>(facts.nulls));
  if (!facts.greatest.empty()) {
    footer->Binary(5, facts.greatest);
    footer->Binary(6, facts.least);
  }
  footer->End();
  footer->End();
  footer->End();
}

std::string Footer(const types::Schema& schema, const std::vector<RowGroup>& groups,
                   int32_t codec) {
  std::string bytes;
  ThriftWriter footer(&bytes);
  footer.I32(1, 1);  // Version.
  footer.BeginList(2, Type::kStruct, schema.size() + 1);
  footer.BeginStructElement();
  footer.Binary(4, "catena");
  footer.I32(5, static_cast<int32_t>(schema.size()));
  footer.End();
  for (const types::Field& field : schema.fields) AppendElement(field, &footer);
  int64_t rows = 0;
  for (const RowGroup& group : groups) rows += static_cast<int64_t>(group.front().facts.rows);
  footer.I64(3, rows);
  footer.BeginList(4, Type::kStruct, groups.size());
  for (const RowGroup& group : groups) {
    int64_t size = 0;
    for (const PlacedChunk& chunk : group) {
      size += static_cast<int64_t>(chunk.facts.uncompressed_bytes);
    }
    footer.BeginStructElement();
    footer.BeginList(1, Type::kStruct, schema.size());
    for (size_t i = 0; i < schema.size(); ++i) {
      AppendColumn(schema.fields[i], group[i], codec, &footer);
    }
    footer.I64(2, size);
    footer.I64(3, static_cast<int64_t>(group.front().facts.rows));
    footer.End();
  }
  footer.Binary(6, "catena");
  footer.BeginList(7, Type::kStruct, schema.size());  // Bounds are in the order of the type.
  for (size_t i = 0; i < schema.size(); ++i) {
    footer.BeginStructElement();
    footer.BeginStruct(1);
    footer.End();
    footer.End();
  }
  footer.End();
  return bytes;
}

}  // namespace

bool HasScalarsOnly(const types::Schema& schema) {
  return std::all_of(schema.fields.begin(), schema.fields.end(), [](const types::Field& field) {
    return ParquetTypeOf(field.type).has_value();
  });
}

Result<uint32_t> WriteParquetFile(const std::string& path, const types::Schema& schema,
                                  std::span<const types::Batch> batches,
                                  const sql::ParquetOptions& options) {
  CATENA_CHECK(HasScalarsOnly(schema) && schema.size() > 0, "scalar columns, at least one");
  CATENA_TRY(Compressor compressor, Compressor::Of(options.compression));
  CATENA_RETURN_IF_ERROR(CheckTexts(schema, batches));
  SummedFile file(path);
  CATENA_RETURN_IF_ERROR(file.Append(kMagic));
  std::vector<RowGroup> groups;
  std::string bytes;
  for (RowCursor rows(batches, schema.size()); !rows.AtEnd();) {
    const auto pieces = rows.Next(options.row_group_rows);
    RowGroup& group = groups.emplace_back(schema.size());
    for (size_t i = 0; i < schema.size(); ++i) {
      bytes.clear();
      auto facts = AppendChunk(pieces[i], &compressor, &bytes);
      if (!facts.ok()) return facts.error().WithContext("column " + schema.fields[i].name);
      group[i] = {file.size(), std::move(facts).value()};
      CATENA_RETURN_IF_ERROR(file.Append(bytes));
    }
  }
  const std::string footer = Footer(schema, groups, compressor.codec());
  const auto size = static_cast<uint32_t>(footer.size());
  CATENA_RETURN_IF_ERROR(file.Append(footer));
  CATENA_RETURN_IF_ERROR(file.Append({reinterpret_cast<const char*>(&size), sizeof(size)}));
  CATENA_RETURN_IF_ERROR(file.Append(kMagic));
  return file.sum();
}

}  // namespace catena::table
