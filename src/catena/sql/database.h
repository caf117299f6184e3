// SPDX-License-Identifier: Apache-2.0
// Database: one in-process DuckDB; SQL in, Batches out; our Batches readable from SQL.
//
//   input   SQL of ours or of the person at the keyboard, never of a conf: expressions of confs go
//           through Projection or a Table scan, which admit single scalar expressions only
//   output  BOOLEAN, TINYINT..BIGINT, FLOAT, DOUBLE, VARCHAR, BLOB, DATE, TIMESTAMP, LIST, ARRAY,
//           MAP, STRUCT as the type of that name; unsigned integers as the next wider one;
//           UBIGINT, HUGEINT and DECIMAL as DOUBLE; ENUM as STRING; TIMESTAMP of any unit and zone
//           as milliseconds UTC (rounded down); a bare NULL as INT; any other type is kUnsupported
//           and names the column
//   null    SQL's NULL is our null, in both directions, at every depth
//   errors  kInvalidConf: the SQL does not parse, bind or type; kInvalidData: a value fails while
//           running (conversion, overflow); kUnavailable: files, memory, interrupt;
//           always "<what failed>: <DuckDB's words>"
//   order   Query and Scan give rows in the order of the SQL; files and registered Batches keep
//           theirs where the SQL does not sort
//   threads Database may be used from many threads at once; each call runs on a connection of its
//           own. No network, no extension is ever loaded, the time zone is UTC

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/sql/expression_guard.h"
#include "catena/types/batch.h"

namespace catena::sql {

struct DatabaseOptions {
  uint64_t memory_limit_bytes = uint64_t{1} << 30;  // An eighth of it is for Projections.
  int threads = 0;                                  // 0: one per core.
  // DuckDB starts no threads of its own, and each call runs on its caller's thread alone. For who
  // calls from as many threads: workers beside them would only wait for each other's tasks.
  bool callers_only = false;
  std::string temp_directory;  // Where sorts and joins spill; empty: they fail at the limit.
  // When not empty, SQL can touch files below these directories only (absolute paths).
  std::vector<std::string> allowed_directories;
};

class Engine;  // The DuckDB instance; only this module sees inside.

// Batches that SQL can read, for as long as this object and its Database live.
class RegisteredBatches {
 public:
  RegisteredBatches(RegisteredBatches&&) noexcept;
  RegisteredBatches& operator=(RegisteredBatches&&) noexcept;
  ~RegisteredBatches();
  // What to write after FROM; columns are those of the schema, rows in order.
  std::string sql() const;

 private:
  friend class Database;
  RegisteredBatches(std::shared_ptr<Engine> engine, uint64_t id);
  std::shared_ptr<Engine> engine_;
  uint64_t id_ = 0;
};

class Database {
 public:
  using Visit = std::function<Status(types::Batch)>;

  // DuckDB itself is opened by the first call that needs it, which is told when it cannot be: a
  // stream whose Queries only rename columns never needs it.
  static Result<std::unique_ptr<Database>> Open(const DatabaseOptions& options);
  ~Database();

  // The whole answer of one SELECT. Duplicate column names get a suffix "_1", "_2", ...
  Result<types::Batch> Query(const std::string& sql);
  // The answer in pieces of about `rows_per_batch` rows (the last may be smaller; an empty answer
  // gives no piece), while the rest is still being computed. An error of `visit` stops the scan
  // and is returned.
  Status Scan(const std::string& sql, const Visit& visit, size_t rows_per_batch = 65536);
  // The columns that Query would give, without running it.
  Result<types::Schema> Describe(const std::string& sql);
  // Any single statement whose answer does not matter.
  Status Execute(const std::string& sql);

  // All batches have `schema`. Strings that are not UTF-8 are kInvalidData (column and row named).
  Result<RegisteredBatches> Register(const types::Schema& schema,
                                     std::vector<types::Batch> batches);
  // The answer of one SELECT as one file of Parquet at `path`, overwritten. The file is not synced.
  Status CopyToParquet(const std::string& select, const std::string& path);

  // kInvalidConf unless the text is one scalar expression: see expression_guard.h.
  Result<GuardedExpression> Guard(const std::string& duckdb);

  const DatabaseOptions& options() const { return options_; }

 private:
  friend class Projection;
  explicit Database(const DatabaseOptions& options) : options_(options) {}
  Result<std::shared_ptr<Engine>> TableEngine();
  Result<std::shared_ptr<Engine>> RowEngine();

  DatabaseOptions options_;
  std::mutex mutex_;                // Guards both, which are opened when first needed.
  std::shared_ptr<Engine> tables_;  // All threads; reads and writes files.
  std::shared_ptr<Engine> rows_;    // The caller's thread only, no files.
};

}  // namespace catena::sql
