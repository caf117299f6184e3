// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/engine.h"

#include <algorithm>
#include <string_view>
#include <thread>

#include "catena/sql/quote.h"

namespace catena::sql {

namespace {

struct ErrorClass {
  std::string_view prefix;
  ErrorCode code;
};
// By the first words of DuckDB's message; what is not here is the fault of a value.
constexpr ErrorClass kErrorClasses[] = {
    {"Binder Error", ErrorCode::kInvalidConf},
    {"Catalog Error", ErrorCode::kInvalidConf},
    {"Parser Error", ErrorCode::kInvalidConf},
    {"Syntax Error", ErrorCode::kInvalidConf},
    {"Permission Error", ErrorCode::kInvalidConf},
    {"Missing Extension Error", ErrorCode::kInvalidConf},
    {"Not implemented Error", ErrorCode::kUnsupported},
    {"IO Error", ErrorCode::kUnavailable},
    {"HTTP Error", ErrorCode::kUnavailable},
    {"Connection Error", ErrorCode::kUnavailable},
    {"TransactionContext Error", ErrorCode::kUnavailable},
    {"INTERRUPT Error", ErrorCode::kUnavailable},
    {"Out of Memory Error", ErrorCode::kUnavailable},
    {"FATAL Error", ErrorCode::kUnavailable},
    {"INTERNAL Error", ErrorCode::kUnavailable},
};

constexpr std::string_view kOutOfMemory = "Out of Memory Error: ";
constexpr std::string_view kNoFile = "Permission Error: Cannot access ";
constexpr std::string_view kNoFileWhy = " - file system operations are disabled by configuration";
constexpr std::string_view kExtension = " is not in the catalog, but it exists in the ";
constexpr std::string_view kCatalog = "Catalog Error: ";

// DuckDB appends the statement with a caret below the place, and advice about settings that nobody
// can reach here; one line is enough.
std::string OneLine(std::string_view message) {
  message = message.substr(0, message.find("\nPossible solutions:"));
  message = message.substr(0, message.find("\n\nLINE "));
  message = message.substr(0, message.find("\nLINE "));
  std::string line;
  for (const char c : message) {
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// DuckDB's advice, in words of what can be done here.
std::string Reworded(const std::string& line) {
  if (line.starts_with(kOutOfMemory)) {
    return "more memory is needed than the limit leaves to DuckDB; raise --memory-limit, or "
           "memory_limit in catena.yaml, or ask for fewer days at once: " +
           line.substr(kOutOfMemory.size());
  }
  if (line.starts_with(kNoFile) && line.ends_with(kNoFileWhy)) {
    const size_t size = line.size() - kNoFile.size() - kNoFileWhy.size();
    return "a statement reads tables of the warehouse and no files; `catena table load` makes a "
           "table of a file: " +
           line.substr(kNoFile.size(), size);
  }
  const size_t at = line.find(kExtension);
  if (line.starts_with(kCatalog) && at != std::string::npos) {
    const size_t extension = at + kExtension.size();
    return "this build has none of DuckDB's extensions, and this is part of one (" +
           line.substr(extension, line.find(' ', extension) - extension) +
           "): " + line.substr(kCatalog.size(), at - kCatalog.size());
  }
  return line;
}

Status SetConf(duckdb_config conf, const char* name, const std::string& value) {
  if (duckdb_set_config(conf, name, value.c_str()) == DuckDBSuccess) return Status();
  return InvalidConf(std::string("DuckDB does not take the setting: ") + name + " = " + value);
}

}  // namespace

std::string RegisteredSql(uint64_t id) { return "catena_rows(" + std::to_string(id) + ")"; }

Error WithSql(const Error& error, const std::string& sql) {
  constexpr size_t kShown = 300;
  const std::string line = OneLine(sql);
  const std::string shown = line.size() <= kShown ? line : line.substr(0, kShown) + "...";
  return Error{error.code, error.message + (shown.empty() ? "" : "; SQL: " + shown)};
}

Error ErrorOf(const char* message, const std::string& sql) {
  const std::string_view text = message == nullptr ? "unknown failure" : message;
  ErrorCode code = ErrorCode::kInvalidData;
  for (const ErrorClass& known : kErrorClasses) {
    if (text.starts_with(known.prefix)) code = known.code;
  }
  return WithSql({code, Reworded(OneLine(text))}, sql);
}

bool IsRowError(const Error& error) {
  return error.code == ErrorCode::kInvalidData || error.code == ErrorCode::kUnsupported;
}

Result<std::vector<VectorReader>> Answer::Readers() {
  std::vector<VectorReader> readers;
  for (idx_t i = 0; i < duckdb_column_count(&result_); ++i) {
    const OwnedType type(duckdb_column_logical_type(&result_, i));
    CATENA_TRY(auto reader, VectorReader::Of(type.get(), duckdb_column_name(&result_, i)));
    readers.push_back(std::move(reader));
  }
  return readers;
}

std::vector<std::string> Answer::Names() {
  std::vector<std::string> names;
  for (idx_t i = 0; i < duckdb_column_count(&result_); ++i) {
    names.emplace_back(duckdb_column_name(&result_, i));
  }
  return names;
}

Result<OwnedChunk> Answer::Next() {
  OwnedChunk chunk(duckdb_fetch_chunk(result_));
  if (chunk.get() == nullptr) {
    const char* error = duckdb_result_error(&result_);
    if (error != nullptr && *error != '\0') return ErrorOf(error, "");
  }
  return chunk;
}

Result<Answer> Statement::Run(bool streaming) {
  Answer answer;
  answer.live_ = true;
  const duckdb_state state =
      streaming ? duckdb_execute_prepared_streaming(statement_.get(), &answer.result_)
                : duckdb_execute_prepared(statement_.get(), &answer.result_);
  if (state == DuckDBError) return ErrorOf(duckdb_result_error(&answer.result_), "");
  return answer;
}

Status Statement::BindText(size_t parameter, const std::string& text) {
  if (duckdb_bind_varchar_length(statement_.get(), parameter, text.data(), text.size()) ==
      DuckDBSuccess) {
    return Status();
  }
  return InvalidConf("text is not UTF-8: " + text);
}

Result<types::Schema> Statement::Describe() {
  types::Schema schema;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement_.get()); ++i) {
    const char* given = duckdb_prepared_statement_column_name(statement_.get(), i);
    const std::string name = given == nullptr ? "" : given;
    duckdb_free(const_cast<char*>(given));
    const OwnedType type(duckdb_prepared_statement_column_logical_type(statement_.get(), i));
    CATENA_TRY(auto reader, VectorReader::Of(type.get(), name));
    schema.fields.push_back({name, std::move(reader.ours)});
  }
  return schema;
}

Result<Statement> Connection::Prepare(const std::string& sql) {
  Statement prepared;
  if (duckdb_prepare(connection_.get(), sql.c_str(), prepared.statement_.out()) == DuckDBError) {
    Error error = ErrorOf(duckdb_prepare_error(prepared.statement_.get()), sql);
    // No row was looked at yet.
    if (error.code == ErrorCode::kInvalidData) error.code = ErrorCode::kInvalidConf;
    return error;
  }
  return prepared;
}

Status Connection::Execute(const std::string& sql) {
  CATENA_TRY(auto statement, Prepare(sql));
  auto answer = statement.Run(/*streaming=*/false);
  if (!answer.ok()) return WithSql(answer.error(), sql);
  return Status();
}

Result<std::shared_ptr<Engine>> Engine::Open(const EngineOptions& options) {
  OwnedConf conf;
  if (duckdb_create_config(conf.out()) == DuckDBError) return Unavailable("cannot open DuckDB");
  const std::pair<const char*, std::string> settings[] = {
      {"memory_limit", std::to_string(options.memory_limit_bytes) + "B"},
      {"threads", std::to_string(options.threads)},
      {"external_threads", std::to_string(options.callers_only ? options.threads : 1)},
      {"temp_directory", options.temp_directory},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
  };
  for (const auto& [name, value] : settings) {
    CATENA_RETURN_IF_ERROR(SetConf(conf.get(), name, value));
  }
  auto engine = std::shared_ptr<Engine>(new Engine());
  engine->threads_ = options.threads;
  char* error = nullptr;
  if (duckdb_open_ext(nullptr, engine->database_.out(), conf.get(), &error) == DuckDBError) {
    const Error failed = ErrorOf(error, "");
    duckdb_free(error);
    return failed.WithContext("cannot open DuckDB");
  }
  CATENA_TRY(auto connection, engine->Connect());
  CATENA_RETURN_IF_ERROR(AddRowsFunction(connection.connection_.get(), engine.get()));
  CATENA_RETURN_IF_ERROR(engine->ApplySettings(options));
  return engine;
}

Status Engine::ApplySettings(const EngineOptions& options) {
  CATENA_TRY(auto connection, Connect());
  CATENA_RETURN_IF_ERROR(connection.Execute("SET GLOBAL TimeZone = 'UTC'"));
  if (!options.allowed_directories.empty()) {
    std::string list;
    for (const std::string& directory : options.allowed_directories) {
      list += (list.empty() ? "" : ", ") + QuoteText(directory);
    }
    CATENA_RETURN_IF_ERROR(connection.Execute("SET GLOBAL allowed_directories = [" + list + "]"));
  }
  if (!options.files || !options.allowed_directories.empty()) {
    CATENA_RETURN_IF_ERROR(connection.Execute("SET GLOBAL enable_external_access = false"));
  }
  return connection.Execute("SET GLOBAL lock_configuration = true");
}

Engine::~Engine() = default;

Result<Connection> Engine::Connect() {
  Connection connection;
  if (duckdb_connect(database_.get(), connection.connection_.out()) == DuckDBError) {
    return Unavailable("cannot connect to DuckDB");
  }
  return connection;
}

uint64_t Engine::Register(std::shared_ptr<const RegisteredRows> rows) {
  const std::lock_guard lock(mutex_);
  registered_[next_id_] = std::move(rows);
  return next_id_++;
}

void Engine::Replace(uint64_t id, std::shared_ptr<const RegisteredRows> rows) {
  const std::lock_guard lock(mutex_);
  registered_[id] = std::move(rows);
}

void Engine::Unregister(uint64_t id) {
  const std::lock_guard lock(mutex_);
  registered_.erase(id);
}

std::shared_ptr<const RegisteredRows> Engine::Registered(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = registered_.find(id);
  return found == registered_.end() ? nullptr : found->second;
}

}  // namespace catena::sql
