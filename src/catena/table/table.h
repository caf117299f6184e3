// SPDX-License-Identifier: Apache-2.0
// Table: daily partitions of Parquet files in Hive's layout; scan them, replace them whole.
//
//   layout  <warehouse>/<namespace>.db/<table>/ds=YYYY-MM-DD/*.parquet for "namespace.table"; dots
//           after the first become `_`; a name without a dot is in namespace `default`. Tables of
//           others are read where their days stand in another column or spelling
//           (partition_files.h); `ds` is there nevertheless, beside that column. Directories of
//           more columns, ds=2026-11-20/hr=07/, are columns STRING. A directory that Delta Lake or
//           Iceberg keeps is read as its metadata says (lake.h). Files and directories that
//           begin with `.` or `_` are not data; a day without a data file is no partition
//   output  the schema is the union over partitions by column name, without `ds` (a column `ds`
//           inside the files is hidden by the directory's); columns a file lacks are null in it;
//           numbers widen (INT in one day and LONG in another is LONG), other conflicts are errors
//   order   Scan and Read give rows by (ds, file name, row in file), always
//   errors  kInvalidConf: a bad table name, an expression that does not bind; kNotFound: table or
//           warehouse is absent; kInvalidData: partitions disagree about a type, or a value fails;
//           kUnavailable: the file system, or a partition was replaced while it was being read
//   threads all calls may run concurrently, also from other processes; readers never wait.
//           A partition appears whole or not at all and is replaced in one atomic step: a reader
//           sees the old files or the new ones, or fails, never a mixture. What a killed writer
//           leaves behind is invisible and is removed by the next write
//   source  Hive's partition layout; Chronon's `ds` partition column

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/file.h"
#include "catena/base/result.h"
#include "catena/conf/source.h"
#include "catena/sql/database.h"
#include "catena/sql/projection.h"
#include "catena/table/parquet_file.h"
#include "catena/table/partition.h"
#include "catena/types/batch.h"

namespace catena::table {

// The directory below the warehouse: "data.purchases" -> "data.db/purchases". kInvalidConf unless
// the name is [A-Za-z0-9_.]{1,256} without an empty segment. "data.labels/label_ds=2026-11-20" is
// one version of a table that has several: a table of its own in that directory of the other.
Result<std::string> TablePath(std::string_view name);

struct ScanRequest {
  PartitionRange range = PartitionRange::All();
  // Columns of the table as they are, then computed ones; both empty: every column.
  std::vector<std::string> columns;
  // Output name and DuckDB expression over the table's columns and `ds`; guarded here.
  std::vector<std::pair<std::string, std::string>> expressions;
  std::vector<std::string> wheres;  // DuckDB expressions; all must hold.
  bool with_ds = false;             // A last column `ds` STRING, unless one of that name is asked.
  // `_topic_partition` and `_offset` after the others, when the table has both.
  bool with_source_order = false;
  size_t rows_per_batch = 65536;
};

struct ReadOptions {
  PartitionRange range = PartitionRange::All();
  std::vector<std::string> passthrough;  // Columns of the table handed through after `ts`.
  bool with_ds = true;
  bool with_source_order = false;
};

struct PartitionSize {
  uint64_t rows = 0;  // From the files' footers.
  uint64_t bytes = 0;
};

struct TableDescription {
  types::Schema columns;  // Without `ds`.
  std::vector<Date> partitions;
  std::map<Date, PartitionSize> sizes;  // Of every partition.
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t rows = 0;
};

class Table;
struct PartitionFiles;
struct TableFiles;
class LakeReader;   // lake.h
struct TableFacts;  // What is known of a table's files; kept while they do not change.

// One partition being written: append, then commit, or drop it and nothing happened.
class PartitionWriter {
 public:
  PartitionWriter(PartitionWriter&&) noexcept;
  PartitionWriter& operator=(PartitionWriter&&) noexcept;
  ~PartitionWriter();
  // A column `ds` of the batch is left out. Rows gather until a file's worth is there.
  Status Append(const types::Batch& batch);
  // Syncs to disk, then puts the partition in place in one step. The writer is spent.
  Status Commit();

 private:
  friend class Table;
  struct Work;
  explicit PartitionWriter(std::unique_ptr<Work> work);
  std::unique_ptr<Work> work_;
};

class Table {
 public:
  const std::string& name() const { return name_; }
  const std::string& directory() const { return directory_; }
  // True when there is at least one partition, or Delta Lake or Iceberg keeps the table.
  bool Exists() const;
  // Sorted.
  Result<std::vector<Date>> Partitions() const;
  // Of the partitions inside `range`, by day.
  Result<std::vector<PartitionFiles>> Files(const PartitionRange& range) const;
  // kNotFound when there is no partition, except of tables that Delta Lake or Iceberg keeps.
  Result<types::Schema> SchemaOf() const;
  Result<TableDescription> Describe() const;

  // Whether there are days and each is spelled as we write it, ds=YYYY-MM-DD.
  Result<bool> IsSpelledOurWay() const;
  // All rows and columns, `ds` among them, as what stands after FROM.
  Result<std::string> SelectSql() const;

  // A range without partitions gives no batch; see SchemaOfScan for what the batches look like.
  Status Scan(const ScanRequest& request, const sql::Database::Visit& visit) const;
  Result<types::Schema> SchemaOfScan(const ScanRequest& request) const;
  Result<types::Batch> Read(const ScanRequest& request) const;
  // A Query applied as sql::Projection does: selects or all columns, `ts`, pass-through, `ds`,
  // source order. The range is cut to the Query's own start and end partition. One row that fails
  // fails the scan: kInvalidData.
  Status ScanQuery(const conf::Query& query, const ReadOptions& options,
                   const sql::Database::Visit& visit) const;
  Result<types::Batch> ReadQuery(const conf::Query& query, const ReadOptions& options) const;
  // What ScanQuery's batches look like.
  Result<types::Schema> SchemaOfQuery(const conf::Query& query, const ReadOptions& options) const;

  Result<PartitionWriter> BeginPartition(Date ds, const types::Schema& schema,
                                         const ParquetOptions& options = {}) const;
  Status WritePartition(Date ds, const types::Batch& batch,
                        const ParquetOptions& options = {}) const;
  // The answer of one SELECT of ours; a column `ds` is left out.
  Status WritePartition(Date ds, const std::string& select) const;
  // Ok also when the partition is absent.
  Status DropPartition(Date ds) const;

  // Held by a job for as long as it must be the only one that writes this table. Commits do not
  // need it: they take a lock of their own for the moment of the replacement.
  Result<FileLock> LockForJob(bool wait) const;

 private:
  friend class Warehouse;
  friend class PartitionWriter;
  struct Cache;
  Table(std::string name, std::string directory, sql::Database* database,
        std::shared_ptr<const LakeReader> lakes, std::shared_ptr<Cache> cache);
  Result<TableFiles> List(const PartitionRange& range) const;
  Result<std::shared_ptr<const TableFacts>> Facts() const;

  std::string name_;
  std::string directory_;
  sql::Database* database_;
  std::shared_ptr<const LakeReader> lakes_;
  std::shared_ptr<Cache> cache_;
};

class Warehouse {
 public:
  // `database` must outlive the Warehouse and its Tables. kNotFound when `root` is no directory.
  static Result<Warehouse> Open(const std::string& root, sql::Database* database);
  // The same, making the directory first.
  static Result<Warehouse> Create(const std::string& root, sql::Database* database);

  // Tables of Delta Lake and Iceberg are refused until it is known who reads their metadata.
  void ReadLakesWith(std::shared_ptr<const LakeReader> lakes) { lakes_ = std::move(lakes); }

  const std::string& root() const { return root_; }
  // Whether the table exists is not looked at.
  Result<Table> Find(std::string_view name) const;
  // "namespace.table" of every table that exists, sorted.
  Result<std::vector<std::string>> Tables() const;

 private:
  struct Caches;  // By table, so that whoever finds it again need not read its files' footers.
  Warehouse(std::string root, sql::Database* database);
  std::string root_;
  sql::Database* database_;
  std::shared_ptr<const LakeReader> lakes_;
  std::shared_ptr<Caches> caches_;
};

// Source order of rows that were read with_source_order: topic partition << 48 | offset where both
// columns are there and not null, else `first` + row number.
std::vector<uint64_t> SourceOrderOf(const types::Batch& rows, uint64_t first = 0);

}  // namespace catena::table
