// SPDX-License-Identifier: Apache-2.0
#include "catena/table/plugin/parquet_plugin.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>

#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <type_traits>
#include <utility>

#include "catena/table/plugin/arrow_columns.h"
#include "catena/table/plugin/flat_columns.h"

namespace catena::table {
namespace {

const std::map<std::string, parquet::Compression::type> kCodecs = {
    {"zstd", parquet::Compression::ZSTD},
    {"gzip", parquet::Compression::GZIP},
    {"snappy", parquet::Compression::SNAPPY},
    {"lz4_raw", parquet::Compression::LZ4},
    {"uncompressed", parquet::Compression::UNCOMPRESSED}};

class SinkStream : public arrow::io::OutputStream {
 public:
  explicit SinkStream(ParquetSink* sink) : sink_(sink) {}

  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return written_; }
  arrow::Status Write(const void* data, int64_t bytes) override {
    const int failed = sink_->Write({static_cast<const char*>(data), static_cast<size_t>(bytes)});
    if (failed != 0) return arrow::Status::IOError(std::strerror(failed));
    written_ += bytes;
    return arrow::Status::OK();
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }

 private:
  ParquetSink* sink_;
  int64_t written_ = 0;
  bool closed_ = false;
};

parquet::Encoding::type EncodingOf(parquet::Type::type type, int version) {
  if (version == 1) return parquet::Encoding::PLAIN;
  switch (type) {
    case parquet::Type::INT32:
    case parquet::Type::INT64:
      return parquet::Encoding::DELTA_BINARY_PACKED;
    case parquet::Type::FLOAT:
    case parquet::Type::DOUBLE:
      return parquet::Encoding::BYTE_STREAM_SPLIT;
    default:
      return parquet::Encoding::PLAIN;
  }
}

std::shared_ptr<parquet::schema::GroupNode> ParquetSchema(const arrow::Schema& schema) {
  std::shared_ptr<parquet::SchemaDescriptor> columns;
  PARQUET_THROW_NOT_OK(
      parquet::arrow::ToParquetSchema(&schema, *parquet::default_writer_properties(), &columns));
  return std::static_pointer_cast<parquet::schema::GroupNode>(columns->schema_root());
}

std::shared_ptr<parquet::WriterProperties> PropertiesOf(
    const std::shared_ptr<parquet::schema::GroupNode>& schema, const ParquetOptions& options) {
  parquet::WriterProperties::Builder builder;
  builder.memory_pool(arrow::system_memory_pool());
  builder.version(options.version == 1 ? parquet::ParquetVersion::PARQUET_1_0
                                       : parquet::ParquetVersion::PARQUET_2_6);
  builder.compression(kCodecs.at(options.compression));
  if (options.compression == "zstd") builder.compression_level(options.zstd_level);
  builder.max_row_group_length(options.row_group_rows);
  // A page costs a compressor of its own; its bytes are bounded as it is.
  builder.max_rows_per_page(options.row_group_rows);
  builder.disable_dictionary();
  parquet::SchemaDescriptor columns;
  columns.Init(schema);
  for (int i = 0; i < columns.num_columns(); ++i) {
    const parquet::ColumnDescriptor* column = columns.Column(i);
    // Numbers that repeat are small without a dictionary, and looking for each takes time.
    if (column->physical_type() == parquet::Type::BYTE_ARRAY) {
      builder.enable_dictionary(column->path());
    } else {
      builder.encoding(column->path(), EncodingOf(column->physical_type(), options.version));
    }
  }
  return builder.build();
}

void Write(const types::Schema& schema, std::span<const types::Batch> batches,
           const ParquetOptions& options, const std::shared_ptr<SinkStream>& file) {
  const auto arrow_schema = ArrowSchema(schema);
  const auto parquet_schema = ParquetSchema(*arrow_schema);
  const auto properties = PropertiesOf(parquet_schema, options);
  auto writer = parquet::ParquetFileWriter::Open(file, parquet_schema, properties);
  if (IsFlat(schema)) {
    WriteFlat(batches, options.row_group_rows, writer.get());
    writer->Close();
    return;
  }
  std::unique_ptr<parquet::arrow::FileWriter> nested;
  PARQUET_THROW_NOT_OK(
      parquet::arrow::FileWriter::Make(arrow::system_memory_pool(), std::move(writer), arrow_schema,
                                       parquet::default_arrow_writer_properties(), &nested));
  PARQUET_THROW_NOT_OK(
      nested->WriteTable(*ArrowTable(arrow_schema, batches), options.row_group_rows));
  PARQUET_THROW_NOT_OK(nested->Close());
}

}  // namespace
}  // namespace catena::table

extern "C" __attribute__((visibility("default"))) void CatenaWriteParquet(
    const catena::types::Schema& schema, std::span<const catena::types::Batch> batches,
    const catena::table::ParquetOptions& options, catena::table::ParquetSink* sink,
    catena::Status* written) {
  try {
    for (const auto& batch : batches) {
      *written = catena::table::CheckRows(batch);
      if (!written->ok()) return;
    }
    const auto file = std::make_shared<catena::table::SinkStream>(sink);
    catena::table::Write(schema, batches, options, file);
  } catch (const std::exception& thrown) {
    *written = catena::Unavailable(thrown.what());
  }
}

static_assert(std::is_same_v<decltype(CatenaWriteParquet), catena::table::ParquetPluginEntry>);
