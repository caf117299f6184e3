// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/database.h"

#include <algorithm>
#include <set>
#include <thread>

#include "catena/sql/engine.h"
#include "catena/sql/quote.h"

namespace catena::sql {

namespace {

// Columns that grow chunk by chunk into Batches.
class Gathering {
 public:
  // `rows_expected` of a Batch.
  Gathering(types::Schema schema, std::vector<VectorReader> readers, size_t rows_expected)
      : schema_(std::move(schema)), readers_(std::move(readers)), rows_expected_(rows_expected) {}
  void Add(duckdb_data_chunk chunk) {
    if (columns_.empty()) Begin();
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (size_t i = 0; i < readers_.size(); ++i) {
      readers_[i].Append(duckdb_data_chunk_get_vector(chunk, i), 0, rows, columns_[i].get());
    }
    rows_ += rows;
  }
  size_t rows() const { return rows_; }
  types::Batch Take() {
    if (columns_.empty()) Begin();
    types::Batch batch(schema_, {columns_.begin(), columns_.end()});
    columns_.clear();
    rows_ = 0;
    return batch;
  }

 private:
  void Begin() {
    for (const types::Field& field : schema_.fields) {
      columns_.push_back(std::make_shared<types::Column>(field.type, rows_expected_));
    }
  }

  types::Schema schema_;
  std::vector<VectorReader> readers_;
  std::vector<std::shared_ptr<types::Column>> columns_;
  size_t rows_expected_;
  size_t rows_ = 0;
};

void MakeNamesUnique(types::Schema* schema) {
  std::set<std::string> taken;
  for (types::Field& field : schema->fields) {
    std::string name = field.name;
    for (int i = 1; !taken.insert(name).second; ++i) name = field.name + "_" + std::to_string(i);
    field.name = name;
  }
}

Result<Gathering> GatherFrom(Answer* answer, size_t rows_expected) {
  CATENA_TRY(auto readers, answer->Readers());
  types::Schema schema;
  const auto names = answer->Names();
  for (size_t i = 0; i < readers.size(); ++i) schema.fields.push_back({names[i], readers[i].ours});
  MakeNamesUnique(&schema);
  return Gathering(std::move(schema), std::move(readers), rows_expected);
}

constexpr int kAsksForFailure = 20;

bool IsInterrupt(const Status& status) {
  return !status.ok() && status.error().message.find("INTERRUPT Error") != std::string::npos;
}

// The first text that is not UTF-8, as "column `name`, row 3"; else empty.
std::string InvalidText(const types::Schema& schema, const std::vector<types::Batch>& batches) {
  for (size_t i = 0; i < schema.size(); ++i) {
    if (schema.fields[i].type.kind != types::Kind::kString) continue;
    size_t before = 0;
    for (const types::Batch& batch : batches) {
      if (const auto row = FirstInvalidText(batch.column(i), 0, batch.rows())) {
        return "column " + schema.fields[i].name + ", row " + std::to_string(before + *row);
      }
      before += batch.rows();
    }
  }
  return "";
}

Result<std::shared_ptr<RegisteredRows>> RowsOf(const types::Schema& schema,
                                               std::vector<types::Batch> batches) {
  auto rows = std::make_shared<RegisteredRows>();
  rows->schema = schema;
  for (const types::Batch& batch : batches) {
    CATENA_CHECK(batch.schema() == schema, "registered batches have one schema");
    rows->end += batch.rows();
  }
  const std::string invalid = InvalidText(schema, batches);
  if (!invalid.empty()) return InvalidData("text is not UTF-8: " + invalid);
  rows->batches = std::move(batches);
  return rows;
}

}  // namespace

RegisteredBatches::RegisteredBatches(std::shared_ptr<Engine> engine, uint64_t id)
    : engine_(std::move(engine)), id_(id) {}
RegisteredBatches::RegisteredBatches(RegisteredBatches&&) noexcept = default;
RegisteredBatches& RegisteredBatches::operator=(RegisteredBatches&& other) noexcept {
  std::swap(engine_, other.engine_);
  std::swap(id_, other.id_);
  return *this;
}
RegisteredBatches::~RegisteredBatches() {
  if (engine_ != nullptr) engine_->Unregister(id_);
}
std::string RegisteredBatches::sql() const { return RegisteredSql(id_); }

Result<std::unique_ptr<Database>> Database::Open(const DatabaseOptions& options) {
  auto database = std::unique_ptr<Database>(new Database(options));
  if (database->options_.threads <= 0) {
    database->options_.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  return database;
}

Database::~Database() = default;

Result<std::shared_ptr<Engine>> Database::TableEngine() {
  const std::lock_guard lock(mutex_);
  if (tables_ == nullptr) {
    EngineOptions engine;
    engine.memory_limit_bytes = options_.memory_limit_bytes - options_.memory_limit_bytes / 8;
    engine.threads = options_.threads;
    engine.callers_only = options_.callers_only;
    engine.temp_directory = options_.temp_directory;
    engine.files = true;
    engine.allowed_directories = options_.allowed_directories;
    CATENA_TRY(tables_, Engine::Open(engine));
  }
  return tables_;
}

Result<std::shared_ptr<Engine>> Database::RowEngine() {
  const std::lock_guard lock(mutex_);
  if (rows_ == nullptr) {
    EngineOptions engine;
    engine.memory_limit_bytes = options_.memory_limit_bytes / 8;
    CATENA_TRY(rows_, Engine::Open(engine));
  }
  return rows_;
}

Result<GuardedExpression> Database::Guard(const std::string& duckdb) {
  CATENA_TRY(const auto engine, RowEngine());
  return GuardExpression(engine.get(), duckdb);
}

Result<types::Batch> Database::Query(const std::string& sql) {
  CATENA_TRY(const auto tables, TableEngine());
  CATENA_TRY(auto connection, tables->Connect());
  CATENA_TRY(auto statement, connection.Prepare(sql));
  auto answer = statement.Run(/*streaming=*/false);
  if (!answer.ok()) return WithSql(answer.error(), sql);
  CATENA_TRY(auto gathering, GatherFrom(&*answer, 0));
  while (true) {
    auto chunk = answer->Next();
    if (!chunk.ok()) return WithSql(chunk.error(), sql);
    if (chunk->get() == nullptr) return gathering.Take();
    gathering.Add(chunk->get());
  }
}

Status Database::Scan(const std::string& sql, const Visit& visit, size_t rows_per_batch) {
  CATENA_TRY(const auto tables, TableEngine());
  const auto scan = [&](const Visit& visit_rows) -> Status {
    CATENA_TRY(auto connection, tables->Connect());
    CATENA_TRY(auto statement, connection.Prepare(sql));
    auto answer = statement.Run(/*streaming=*/true);
    if (!answer.ok()) return WithSql(answer.error(), sql);
    CATENA_TRY(auto gathering, GatherFrom(&*answer, rows_per_batch));
    while (true) {
      auto chunk = answer->Next();
      if (!chunk.ok()) return WithSql(chunk.error(), sql);
      const bool end = chunk->get() == nullptr;
      if (!end) gathering.Add(chunk->get());
      if (gathering.rows() >= rows_per_batch || (end && gathering.rows() > 0)) {
        CATENA_RETURN_IF_ERROR(visit_rows(gathering.Take()));
      }
      if (end) return Status();
    }
  };
  const Status scanned = scan(visit);
  // A task that fails interrupts the others, and DuckDB may tell of that instead of the failure.
  // Nobody else interrupts; asked again, it tells the failure sooner or later.
  for (int i = 0; i < kAsksForFailure && IsInterrupt(scanned); ++i) {
    const Status again = scan([](const types::Batch&) { return Status(); });
    if (!again.ok() && !IsInterrupt(again)) return again;
  }
  return scanned;
}

Result<types::Schema> Database::Describe(const std::string& sql) {
  CATENA_TRY(const auto tables, TableEngine());
  CATENA_TRY(auto connection, tables->Connect());
  CATENA_TRY(auto statement, connection.Prepare(sql));
  CATENA_TRY(auto schema, statement.Describe());
  MakeNamesUnique(&schema);
  return schema;
}

Status Database::Execute(const std::string& sql) {
  CATENA_TRY(const auto tables, TableEngine());
  CATENA_TRY(auto connection, tables->Connect());
  return connection.Execute(sql);
}

Result<RegisteredBatches> Database::Register(const types::Schema& schema,
                                             std::vector<types::Batch> batches) {
  CATENA_TRY(auto rows, RowsOf(schema, std::move(batches)));
  CATENA_TRY(const auto tables, TableEngine());
  return RegisteredBatches(tables, tables->Register(std::move(rows)));
}

Status Database::CopyToParquet(const std::string& select, const std::string& path) {
  return Execute("COPY (" + select + "\n) TO " + QuoteText(path) +
                 " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)");
}

}  // namespace catena::sql
