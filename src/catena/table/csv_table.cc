// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <filesystem>

#include "catena/sql/quote.h"
#include "catena/table/table.h"
#include "catena/table/table_facts.h"

namespace catena::table {

namespace {

// Rows of a CSV file inside DuckDB, which spills them when they are many.
class LoadedCsv {
 public:
  static Result<LoadedCsv> Load(sql::Database* database, const std::string& path,
                                const CsvOptions& options) {
    std::string types = sql::QuoteText(options.partition_column) + ": 'VARCHAR'";
    for (const types::Field& field : options.declared.fields) {
      if (field.name == options.partition_column) continue;
      types +=
          ", " + sql::QuoteText(field.name) + ": " + sql::QuoteText(sql::SqlTypeName(field.type));
    }
    static std::atomic<uint64_t> counter{0};
    LoadedCsv loaded(database, "__catena_csv_" + std::to_string(counter++));
    const Status status = database->Execute(
        "CREATE TABLE " + loaded.name_ + " AS SELECT * FROM read_csv(" + sql::QuotePath(path) +
        ", header = true, sample_size = -1, types = {" + types +
        "}, auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR'])");
    CATENA_RETURN_IF_ERROR(status.WithContext("cannot import " + path));
    return loaded;
  }
  LoadedCsv(LoadedCsv&& other) noexcept
      : database_(other.database_), name_(std::exchange(other.name_, "")) {}
  LoadedCsv& operator=(LoadedCsv&&) = delete;
  ~LoadedCsv() {
    if (name_.empty()) return;
    const Status dropped = database_->Execute("DROP TABLE IF EXISTS " + name_);
    static_cast<void>(dropped.ok());  // At worst the rows stay until the process ends.
  }
  const std::string& name() const { return name_; }

 private:
  LoadedCsv(sql::Database* database, std::string name)
      : database_(database), name_(std::move(name)) {}
  sql::Database* database_;
  std::string name_;
};

Status CheckHeader(const types::Schema& columns, const CsvOptions& options,
                   const std::string& path) {
  std::vector<std::string> wanted = {options.partition_column};
  for (const types::Field& field : options.declared.fields) wanted.push_back(field.name);
  for (const std::string& name : wanted) {
    if (columns.Find(name)) continue;
    return InvalidConf("the header of a CSV file lacks a column: " + name + "; file: " + path +
                       "; columns: " + columns.ToString());
  }
  return Status();
}

Result<std::vector<Date>> DaysOf(sql::Database* database, const std::string& table,
                                 const std::string& column, const std::string& path) {
  CATENA_TRY(const auto rows,
             database->Query("SELECT CAST(" + column + " AS VARCHAR), min(rowid) + 2 FROM " +
                             table + " GROUP BY 1 ORDER BY 1"));
  std::vector<Date> days;
  for (size_t row = 0; row < rows.rows(); ++row) {
    const std::string text(rows.column(0).Text(row));
    const auto day = ParseDate(text);
    if (!day.ok() || FormatDate(*day) != text) {
      return InvalidData("the partition column of a CSV row is not a date YYYY-MM-DD: '" + text +
                         "', about line " + std::to_string(rows.column(1).Values<int64_t>()[row]) +
                         " of " + path);
    }
    days.push_back(*day);
  }
  return days;
}

}  // namespace

Result<std::vector<Date>> ImportCsv(sql::Database* database, const std::string& path,
                                    const Table& table, const CsvOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return NotFound("no such CSV file: " + path);
  }
  CATENA_TRY(const auto header, database
                                    ->Describe("SELECT * FROM read_csv(" + sql::QuotePath(path) +
                                               ", header = true, all_varchar = true)")
                                    .WithContext("cannot import " + path));
  CATENA_RETURN_IF_ERROR(CheckHeader(header, options, path));
  CATENA_TRY(const auto loaded, LoadedCsv::Load(database, path, options));
  const std::string column = sql::QuoteName(options.partition_column);
  CATENA_TRY(const auto days, DaysOf(database, loaded.name(), column, path));
  for (const Date day : days) {
    CATENA_RETURN_IF_ERROR(table.WritePartition(
        day, "SELECT * EXCLUDE (" + column + ") FROM " + loaded.name() + " WHERE " + column +
                 " = " + sql::QuoteText(FormatDate(day)) + " ORDER BY rowid"));
  }
  return days;
}

}  // namespace catena::table
