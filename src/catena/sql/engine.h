// SPDX-License-Identifier: Apache-2.0
// Engine: one DuckDB instance, and owners for what its C API hands out.
//
// Inside this module only. A table function `catena_rows(id)` reads the Batches registered under
// `id`: fixed-width values are copied a vector at a time, texts are pointed at where they lie.
//
//   errors  as Database
//   threads Engine: any. Connection, Statement, Answer: one thread at a time

#pragma once

#include <duckdb.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/result.h"
#include "catena/sql/database.h"
#include "catena/sql/vectors.h"
#include "catena/types/batch.h"

namespace catena::sql {

// Owns a handle of the C API.
template <typename Handle, void (*Destroy)(Handle*)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != nullptr) Destroy(&handle_);
  }
  Handle get() const { return handle_; }
  Handle* out() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

using OwnedDatabase = Owned<duckdb_database, duckdb_close>;
using OwnedConnection = Owned<duckdb_connection, duckdb_disconnect>;
using OwnedStatement = Owned<duckdb_prepared_statement, duckdb_destroy_prepare>;
using OwnedChunk = Owned<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using OwnedType = Owned<duckdb_logical_type, duckdb_destroy_logical_type>;
using OwnedConf = Owned<duckdb_config, duckdb_destroy_config>;

// What a registered id stands for while a statement runs; immutable, so that running statements
// keep reading what they began with.
struct RegisteredRows {
  types::Schema schema;
  std::vector<types::Batch> batches;
  // Rows [begin, end) of the batches taken together.
  size_t begin = 0;
  size_t end = 0;
  bool with_row_number = false;  // A last column kRowNumber BIGINT: position in the batches.
};
inline constexpr const char* kRowNumber = "__catena_row";

struct EngineOptions {
  uint64_t memory_limit_bytes = 0;
  int threads = 1;
  bool callers_only = false;  // Of them none is DuckDB's own.
  std::string temp_directory;
  bool files = false;
  std::vector<std::string> allowed_directories;
};

// What DuckDB's catalog says about a function name, for ExpressionGuard.
enum class FunctionUse : uint8_t { kScalar, kAggregate, kUnsteady, kRows };

// The answer of one statement, a chunk at a time.
class Answer {
 public:
  Answer() = default;
  Answer(Answer&& other) noexcept
      : result_(std::exchange(other.result_, {})), live_(std::exchange(other.live_, false)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    if (live_) duckdb_destroy_result(&result_);
  }
  Result<std::vector<VectorReader>> Readers();
  std::vector<std::string> Names();
  // Null at the end.
  Result<OwnedChunk> Next();

 private:
  friend class Statement;
  duckdb_result result_ = {};
  bool live_ = false;
};

class Statement {
 public:
  // Streaming: chunks are computed as they are asked for, and the connection can do nothing else
  // until the Answer is gone.
  Result<Answer> Run(bool streaming);
  Status BindText(size_t parameter, const std::string& text);
  Result<types::Schema> Describe();

 private:
  friend class Connection;
  OwnedStatement statement_;
};

class Connection {
 public:
  Result<Statement> Prepare(const std::string& sql);
  Status Execute(const std::string& sql);

 private:
  friend class Engine;
  OwnedConnection connection_;
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  static Result<std::shared_ptr<Engine>> Open(const EngineOptions& options);
  ~Engine();

  Result<Connection> Connect();
  uint64_t Register(std::shared_ptr<const RegisteredRows> rows);
  void Replace(uint64_t id, std::shared_ptr<const RegisteredRows> rows);
  void Unregister(uint64_t id);
  // Null when there is none.
  std::shared_ptr<const RegisteredRows> Registered(uint64_t id);
  int threads() const { return threads_; }
  // By lower-case name; read from the catalog once.
  Result<std::shared_ptr<const std::map<std::string, FunctionUse>>> Functions();

 private:
  Engine() = default;
  Status ApplySettings(const EngineOptions& options);

  OwnedDatabase database_;
  int threads_ = 1;
  std::mutex mutex_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::shared_ptr<const RegisteredRows>> registered_;
  std::shared_ptr<const std::map<std::string, FunctionUse>> functions_;
};

std::string RegisteredSql(uint64_t id);
// DuckDB's message, which begins with its error class, as an Error of ours.
Error ErrorOf(const char* message, const std::string& sql);
// The error, and the statement that it is of.
Error WithSql(const Error& error, const std::string& sql);
// True when the error may be the fault of single rows and not of the machine.
bool IsRowError(const Error& error);
// Makes `catena_rows` known to a connection's catalog.
Status AddRowsFunction(duckdb_connection connection, Engine* engine);

}  // namespace catena::sql
