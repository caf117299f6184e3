// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "catena/base/hash.h"
#include "catena/sql/quote.h"
#include "catena/table/parquet_file.h"
#include "catena/table/partition_files.h"
#include "catena/table/table.h"
#include "catena/table/table_facts.h"

namespace catena::table {

namespace fs = std::filesystem;

namespace {

// What one Parquet file holds before the next one is begun.
constexpr size_t kRowsPerFile = size_t{1} << 20;

std::string FileName(size_t number, const std::string& suffix) {
  char name[32];
  std::snprintf(name, sizeof(name), "part-%05zu", number);
  return name + suffix + ".parquet";
}

Result<uint32_t> ChecksumOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> buffer(size_t{1} << 20);
  uint32_t sum = 0;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sum = Crc32c({buffer.data(), static_cast<size_t>(in.gcount())}, sum);
  }
  if (in.bad() || !in.eof()) return Unavailable("cannot read back: " + path);
  return sum;
}

// Files of other contents get other names, so that a reader who listed the old ones can never open
// a new one in their place; equal contents keep theirs. `sum`: of all of them, one after the other.
Status NameByContent(const std::string& directory, size_t files, uint32_t sum) {
  char suffix[16];
  std::snprintf(suffix, sizeof(suffix), "-%08x", sum);
  for (size_t i = 0; i < files; ++i) {
    std::error_code error;
    fs::rename(directory + "/" + FileName(i, ""), directory + "/" + FileName(i, suffix), error);
    if (error) return Unavailable("cannot rename in: " + directory + ": " + error.message());
  }
  return Status();
}

types::Schema WithoutDs(const types::Schema& schema) {
  types::Schema without;
  for (const types::Field& field : schema.fields) {
    if (field.name != kPartitionColumn) without.fields.push_back(field);
  }
  return without;
}

types::Batch DropDs(const types::Batch& batch) {
  if (!batch.schema().Find(kPartitionColumn)) return batch;
  std::vector<std::string> names;
  for (const types::Field& field : batch.schema().fields) {
    if (field.name != kPartitionColumn) names.push_back(field.name);
  }
  return batch.Select(names);
}

Status CheckColumns(const types::Schema& schema) {
  if (schema.size() > 0) return Status();
  return InvalidConf("a partition needs at least one column besides `ds`");
}

}  // namespace

struct PartitionWriter::Work {
  std::string table;
  Date ds;
  types::Schema schema;
  ParquetOptions options;
  WorkDirectory directory;
  std::vector<types::Batch> waiting = {};
  size_t waiting_rows = 0;
  size_t files = 0;
  uint32_t checksum = 0;  // Of all of them.

  std::string Where() const { return "table " + table + ", partition " + FormatDate(ds); }
  Status Flush() {
    const std::vector<types::Batch> rows = std::exchange(waiting, {});
    const std::string path = directory.data() + "/" + FileName(files, "");
    CATENA_TRY(checksum, WriteParquet(schema, rows, path, options, checksum));
    waiting_rows = 0;
    ++files;
    return Status();
  }
  Status Finish() {
    if (waiting_rows > 0 || files == 0) CATENA_RETURN_IF_ERROR(Flush());
    CATENA_RETURN_IF_ERROR(NameByContent(directory.data(), files, checksum));
    return directory.Publish(ds);
  }
};

PartitionWriter::PartitionWriter(std::unique_ptr<Work> work) : work_(std::move(work)) {}
PartitionWriter::PartitionWriter(PartitionWriter&&) noexcept = default;
PartitionWriter& PartitionWriter::operator=(PartitionWriter&&) noexcept = default;
PartitionWriter::~PartitionWriter() = default;

Status PartitionWriter::Append(const types::Batch& batch) {
  CATENA_CHECK(work_ != nullptr, "Append after Commit");
  types::Batch rows = DropDs(batch);
  if (rows.schema() != work_->schema) {
    return InvalidConf(work_->Where() + ": rows have other columns than the partition: " +
                       rows.schema().ToString() + "; wanted: " + work_->schema.ToString());
  }
  if (rows.rows() == 0) return Status();
  work_->waiting_rows += rows.rows();
  work_->waiting.push_back(std::move(rows));
  if (work_->waiting_rows < kRowsPerFile) return Status();
  return work_->Flush().WithContext(work_->Where());
}

Status PartitionWriter::Commit() {
  CATENA_CHECK(work_ != nullptr, "Commit after Commit");
  const auto work = std::move(work_);
  return work->Finish().WithContext(work->Where());
}

Result<PartitionWriter> Table::BeginPartition(Date ds, const types::Schema& schema,
                                              const ParquetOptions& options) const {
  const types::Schema columns = WithoutDs(schema);
  CATENA_RETURN_IF_ERROR(CheckColumns(columns));
  CATENA_TRY(auto directory, WorkDirectory::Make(directory_));
  return PartitionWriter(std::unique_ptr<PartitionWriter::Work>(
      new PartitionWriter::Work{name_, ds, columns, options, std::move(directory)}));
}

Status Table::WritePartition(Date ds, const types::Batch& batch,
                             const ParquetOptions& options) const {
  CATENA_TRY(auto writer, BeginPartition(ds, batch.schema(), options));
  CATENA_RETURN_IF_ERROR(writer.Append(batch));
  return writer.Commit();
}

Status Table::WritePartition(Date ds, const std::string& select) const {
  const std::string where = "table " + name_ + ", partition " + FormatDate(ds);
  CATENA_TRY(const auto schema, database_->Describe(select).WithContext(where));
  const types::Schema columns = WithoutDs(schema);
  CATENA_RETURN_IF_ERROR(CheckColumns(columns));
  std::string names;
  for (const types::Field& field : columns.fields) {
    names += (names.empty() ? "" : ", ") + sql::QuoteName(field.name);
  }
  CATENA_TRY(auto work, WorkDirectory::Make(directory_));
  const std::string path = work.data() + "/" + FileName(0, "");
  CATENA_RETURN_IF_ERROR(
      database_->CopyToParquet("SELECT " + names + " FROM (" + select + "\n)", path)
          .WithContext(where));
  CATENA_TRY(const uint32_t checksum, ChecksumOf(path));
  CATENA_RETURN_IF_ERROR(NameByContent(work.data(), 1, checksum).WithContext(where));
  return work.Publish(ds).WithContext(where);
}

}  // namespace catena::table
