// SPDX-License-Identifier: Apache-2.0
#include "catena/table/parquet/flat_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "catena/table/parquet/column_chunk.h"
#include "catena/table/parquet/thrift_writer.h"

namespace catena::table {
namespace {

using types::Kind;

constexpr std::string_view kMagic = "PAR1";
constexpr int32_t kOptional = 1;
constexpr int32_t kUncompressed = 0;
constexpr int32_t kZstd = 6;

struct Chunk {
  ChunkFacts facts;
  uint64_t offset = 0;
};

struct RowGroup {
  uint64_t rows = 0;
  std::vector<Chunk> chunks;
};

void DescribeField(const types::Field& field, ThriftWriter* thrift) {
  const StoredType stored = StoredTypeOf(field.type.kind);
  thrift->BeginElement();
  thrift->Int32(1, stored.physical);
  thrift->Int32(3, kOptional);
  thrift->Binary(4, field.name);
  if (stored.converted) thrift->Int32(6, *stored.converted);
  if (field.type.kind == Kind::kTimestamp) {
    thrift->BeginStruct(10);  // Logical type: only it can say that no time zone is meant.
    thrift->BeginStruct(8);
    thrift->Bool(1, false);
    thrift->BeginStruct(2);
    thrift->BeginStruct(2);  // Microseconds.
    for (int depth = 0; depth < 4; ++depth) thrift->End();
  }
  thrift->End();
}

void DescribeChunk(const types::Field& field, const Chunk& chunk, int32_t codec,
                   ThriftWriter* thrift) {
  const ChunkFacts& facts = chunk.facts;
  thrift->BeginElement();
  thrift->Int64(2, static_cast<int64_t>(chunk.offset));
  thrift->BeginStruct(3);
  thrift->Int32(1, StoredTypeOf(field.type.kind).physical);
  // PLAIN, of values or of the dictionary; RLE, of what is there; RLE_DICTIONARY.
  thrift->Int32s(
      2, facts.dictionary_bytes > 0 ? std::vector<int32_t>{0, 3, 8} : std::vector<int32_t>{0, 3});
  thrift->Binaries(3, {field.name});
  thrift->Int32(4, codec);
  thrift->Int64(5, static_cast<int64_t>(facts.rows));
  thrift->Int64(6, static_cast<int64_t>(facts.raw_bytes));
  thrift->Int64(7, static_cast<int64_t>(facts.stored_bytes));
  thrift->Int64(9, static_cast<int64_t>(chunk.offset + facts.dictionary_bytes));
  if (facts.dictionary_bytes > 0) thrift->Int64(11, static_cast<int64_t>(chunk.offset));
  thrift->BeginStruct(12);
  thrift->Int64(3, static_cast<int64_t>(facts.nulls));
  if (facts.least_greatest) {
    thrift->Binary(5, facts.least_greatest->second);
    thrift->Binary(6, facts.least_greatest->first);
  }
  for (int depth = 0; depth < 3; ++depth) thrift->End();
}

std::string Footer(const types::Schema& schema, const std::vector<RowGroup>& groups,
                   int32_t codec) {
  std::string bytes;
  ThriftWriter thrift(&bytes);
  uint64_t rows = 0;
  for (const RowGroup& group : groups) rows += group.rows;
  thrift.Int32(1, 1);
  thrift.Structs(2, schema.size() + 1);
  thrift.BeginElement();
  thrift.Binary(4, "rows");
  thrift.Int32(5, static_cast<int32_t>(schema.size()));
  thrift.End();
  for (const types::Field& field : schema.fields) DescribeField(field, &thrift);
  thrift.Int64(3, static_cast<int64_t>(rows));
  thrift.Structs(4, groups.size());
  for (const RowGroup& group : groups) {
    uint64_t raw_bytes = 0;
    for (const Chunk& chunk : group.chunks) raw_bytes += chunk.facts.raw_bytes;
    thrift.BeginElement();
    thrift.Structs(1, schema.size());
    for (size_t i = 0; i < schema.size(); ++i) {
      DescribeChunk(schema.fields[i], group.chunks[i], codec, &thrift);
    }
    thrift.Int64(2, static_cast<int64_t>(raw_bytes));
    thrift.Int64(3, static_cast<int64_t>(group.rows));
    thrift.End();
  }
  thrift.Binary(6, "catena");
  thrift.Structs(7, schema.size());  // Bounds are in the order of the columns' types.
  for (size_t i = 0; i < schema.size(); ++i) {
    thrift.BeginElement();
    thrift.BeginStruct(1);
    thrift.End();
    thrift.End();
  }
  thrift.End();
  return bytes;
}

// Slices of `rows` rows at most, in order.
std::vector<std::vector<BatchSlice>> CutGroups(const std::vector<BatchSlice>& slices, size_t rows) {
  std::vector<std::vector<BatchSlice>> groups;
  size_t room = 0;
  for (const BatchSlice& slice : slices) {
    for (size_t begin = slice.begin, end = 0; begin < slice.end; begin = end) {
      if (room == 0) {
        groups.emplace_back();
        room = rows;
      }
      end = std::min(slice.end, begin + room);
      groups.back().push_back({slice.batch, begin, end});
      room -= end - begin;
    }
  }
  return groups;
}

Status CheckTexts(const types::Schema& schema, const std::vector<BatchSlice>& slices) {
  for (size_t i = 0; i < schema.size(); ++i) {
    if (schema.fields[i].type.kind != Kind::kString) continue;
    size_t before = 0;
    for (const BatchSlice& slice : slices) {
      const auto row = sql::FirstInvalidText(slice.batch.column(i), slice.begin, slice.end);
      if (row) {
        return InvalidData("text is not UTF-8: column " + schema.fields[i].name + ", row " +
                           std::to_string(before + *row - slice.begin));
      }
      before += slice.rows();
    }
  }
  return Status();
}

class Writer {
 public:
  Writer(const std::string& path, const types::Schema& schema, const sql::ParquetOptions& options)
      : path_(path),
        schema_(schema),
        file_(path, std::ios::binary | std::ios::trunc),
        encoder_(options.compression == "zstd" ? std::optional(options.zstd_level) : std::nullopt) {
    Put(kMagic);
  }

  Status Add(const std::vector<BatchSlice>& slices) {
    RowGroup group;
    for (const BatchSlice& slice : slices) group.rows += slice.end - slice.begin;
    for (size_t i = 0; i < schema_.size(); ++i) {
      std::vector<ColumnSlice> columns;
      for (const BatchSlice& slice : slices) {
        columns.push_back({&slice.batch.column(i), slice.begin, slice.end});
      }
      std::string bytes;
      auto facts = encoder_.Append(columns, &bytes);
      if (!facts.ok()) return facts.error().WithContext("column " + schema_.fields[i].name);
      group.chunks.push_back({*std::move(facts), offset_});
      Put(bytes);
    }
    groups_.push_back(std::move(group));
    return Status();
  }
  Status Finish(int32_t codec) {
    const std::string footer = Footer(schema_, groups_, codec);
    const auto size = static_cast<uint32_t>(footer.size());
    Put(footer);
    Put({reinterpret_cast<const char*>(&size), sizeof(size)});
    Put(kMagic);
    file_.close();
    if (file_.good()) return Status();
    return Unavailable("cannot write: " + path_ + ": " + std::strerror(errno));
  }

 private:
  void Put(std::string_view bytes) {
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    offset_ += bytes.size();
  }

  const std::string& path_;
  const types::Schema& schema_;
  std::ofstream file_;
  ChunkEncoder encoder_;
  uint64_t offset_ = 0;
  std::vector<RowGroup> groups_;
};

}  // namespace

bool IsFlat(const types::Schema& schema, const sql::ParquetOptions& options) {
  return (options.compression == "zstd" || options.compression == "uncompressed") &&
         std::ranges::all_of(schema.fields,
                             [](const types::Field& field) { return field.type.children.empty(); });
}

Status WriteFlatFile(const types::Schema& schema, const std::vector<BatchSlice>& slices,
                     const std::string& path, const sql::ParquetOptions& options) {
  CATENA_RETURN_IF_ERROR(CheckTexts(schema, slices));
  Writer writer(path, schema, options);
  for (const std::vector<BatchSlice>& group : CutGroups(slices, options.row_group_rows)) {
    CATENA_RETURN_IF_ERROR(writer.Add(group));
  }
  return writer.Finish(options.compression == "zstd" ? kZstd : kUncompressed);
}

}  // namespace catena::table
