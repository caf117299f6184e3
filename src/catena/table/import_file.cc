// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <filesystem>

#include "catena/sql/quote.h"
#include "catena/table/file_format.h"
#include "catena/table/table_facts.h"

namespace catena::table {

namespace {

// Rows of a file inside DuckDB, which spills them when they are many.
class LoadedFile {
 public:
  static Result<LoadedFile> Load(sql::Database* database, const std::string& path,
                                 const std::string& select) {
    static std::atomic<uint64_t> counter{0};
    LoadedFile loaded(database, "__catena_import_" + std::to_string(counter++));
    CATENA_RETURN_IF_ERROR(database->Execute("CREATE TABLE " + loaded.name_ + " AS " + select)
                               .WithContext("cannot import " + path));
    return loaded;
  }
  LoadedFile(LoadedFile&& other) noexcept
      : database_(other.database_), name_(std::exchange(other.name_, "")) {}
  LoadedFile& operator=(LoadedFile&&) = delete;
  ~LoadedFile() {
    if (name_.empty()) return;
    const Status dropped = database_->Execute("DROP TABLE IF EXISTS " + name_);
    static_cast<void>(dropped.ok());  // At worst the rows stay until the process ends.
  }
  const std::string& name() const { return name_; }

 private:
  LoadedFile(sql::Database* database, std::string name)
      : database_(database), name_(std::move(name)) {}
  sql::Database* database_;
  std::string name_;
};

struct FileColumn {
  std::string name;
  std::string spelled;  // Its type, as DuckDB has recognised it.
};

// Why a file cannot be read. Whatever it is, the file is wrong and not who asks.
Error Unreadable(sql::Database* database, const FileFormat& format, const std::string& path,
                 const Error& error) {
  const std::string& message = error.message;
  for (const char* encoding : {"not utf-8 encoded", "invalid UTF-8", "UTF-16 encoding"}) {
    if (message.find(encoding) == std::string::npos) continue;
    return NotUtf8(
        path, message.substr(0, std::min(message.find(" Possible "), message.find("; SQL: "))));
  }
  if (format.check_lines != nullptr) {
    const Status lines = format.check_lines(database, path);
    if (!lines.ok()) return lines.error();
  }
  const bool wrong = error.code == ErrorCode::kInvalidConf;
  return (wrong ? InvalidData(message) : error).WithContext("cannot import " + path);
}

Result<std::vector<FileColumn>> ColumnsOf(sql::Database* database, const FileFormat& format,
                                          const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return NotFound("no such file: " + path);
  if (format.check_header != nullptr) {
    CATENA_RETURN_IF_ERROR(format.check_header(database, path));
  }
  const auto rows = database->Query("DESCRIBE SELECT * FROM " + format.from(path, {}));
  if (!rows.ok()) return Unreadable(database, format, path, rows.error());
  std::vector<FileColumn> columns;
  for (size_t row = 0; row < rows->rows(); ++row) {
    columns.push_back(
        {std::string(rows->column(0).Text(row)), std::string(rows->column(1).Text(row))});
  }
  return columns;
}

Status CheckColumns(const std::vector<FileColumn>& columns, const types::Schema& wanted,
                    const std::string& path) {
  std::string names;
  for (const FileColumn& column : columns) names += (names.empty() ? "" : ", ") + column.name;
  for (const types::Field& field : wanted.fields) {
    const bool there = std::any_of(columns.begin(), columns.end(),
                                   [&](const auto& column) { return column.name == field.name; });
    if (there) continue;
    return InvalidConf("the file lacks a column: " + field.name + "; file: " + path +
                       "; columns: " + names);
  }
  return Status();
}

// The type that a column is brought to; empty: its own.
std::string TypeFor(const FileColumn& column, const types::Schema& declared) {
  if (const auto at = declared.Find(column.name)) {
    return sql::SqlTypeName(declared.fields[*at].type);
  }
  // Texts that JSON took for more.
  if (column.spelled == "UUID" || column.spelled == "JSON") return "VARCHAR";
  return "";
}

std::string Select(const std::vector<FileColumn>& columns, const types::Schema& declared,
                   const std::string& from) {
  std::string list;
  for (const FileColumn& column : columns) {
    const std::string name = sql::QuoteName(column.name);
    const std::string type = TypeFor(column, declared);
    // Values of several types, each as JSON: a text would keep its quotes.
    const bool mixed = column.spelled == "JSON" && type == "VARCHAR";
    list += (list.empty() ? "" : ", ") +
            (mixed          ? "json_extract_string(" + name + ", '$') AS " + name
             : type.empty() ? name
                            : "CAST(" + name + " AS " + type + ") AS " + name);
  }
  return "SELECT " + list + " FROM " + from;
}

// The partition column is a text until DaysOf reads it.
types::Schema Declared(const ImportOptions& options) {
  types::Schema declared{{{options.partition_column, types::Kind::kString}}};
  for (const types::Field& field : options.declared.fields) {
    if (field.name != options.partition_column) declared.fields.push_back(field);
  }
  return declared;
}

// "yyyy-MM-dd" as strptime has it.
Result<std::string> TimeFormat(const std::string& format) {
  std::string text;
  for (size_t i = 0; i < format.size();) {
    const auto piece = [&](std::string_view word, const char* spelled) {
      if (format.compare(i, word.size(), word) != 0) return false;
      text += spelled;
      i += word.size();
      return true;
    };
    if (piece("yyyy", "%Y") || piece("MM", "%m") || piece("dd", "%d")) continue;
    if (std::isalpha(static_cast<unsigned char>(format[i])) || format[i] == '%') {
      return InvalidConf("a partition format is made of yyyy, MM, dd and separators: " + format);
    }
    text += format[i++];
  }
  for (const char* part : {"%Y", "%m", "%d"}) {
    if (text.find(part) == std::string::npos) {
      return InvalidConf("a partition format has yyyy, MM and dd: " + format);
    }
  }
  return text;
}

struct DayOfText {
  Date day;
  std::string text;  // As the file has it.
};

Result<std::vector<DayOfText>> DaysOf(sql::Database* database, const std::string& table,
                                      const std::string& path, const FileFormat& format,
                                      const ImportOptions& options) {
  CATENA_TRY(const std::string time_format, TimeFormat(options.partition_format));
  const std::string column = sql::QuoteName(options.partition_column);
  const std::string spelled = sql::QuoteText(time_format);
  CATENA_TRY(
      const auto rows,
      database->Query("SELECT " + column + ", min(rowid) + 1, CASE WHEN strftime(day, " + spelled +
                      ") = " + column + " THEN strftime(day, '%Y-%m-%d') END FROM (SELECT rowid, " +
                      column + ", try_strptime(" + column + ", " + spelled + ") AS day FROM " +
                      table + ") GROUP BY ALL ORDER BY 1"));
  std::vector<DayOfText> days;
  for (size_t row = 0; row < rows.rows(); ++row) {
    const std::string text =
        rows.column(0).IsNull(row) ? "null" : std::string(rows.column(0).Text(row));
    const auto day = rows.column(2).IsNull(row) ? Result<Date>(InvalidData(text))
                                                : ParseDate(rows.column(2).Text(row));
    if (!day.ok()) {
      const int64_t number = rows.column(1).Values<int64_t>()[row] + (format.has_lines ? 1 : 0);
      return InvalidData("the partition column is not a date " + options.partition_format + ": '" +
                         text + "', about " + (format.has_lines ? "line " : "row ") +
                         std::to_string(number) + " of " + path);
    }
    days.push_back({*day, text});
  }
  std::sort(days.begin(), days.end(),
            [](const DayOfText& a, const DayOfText& b) { return a.day < b.day; });
  return days;
}

}  // namespace

Error NotUtf8(const std::string& path, const std::string& seen) {
  return InvalidData(
      "the file is not UTF-8; `iconv -f ENCODING -t UTF-8 FILE >NEW` makes it so, "
      "often from UTF-16 or WINDOWS-1252: " +
      path + ": " + seen);
}

Result<types::Batch> ReadFileRows(sql::Database* database, const std::string& path) {
  CATENA_TRY(const FileFormat* format, FormatOf(path));
  CATENA_RETURN_IF_ERROR(ColumnsOf(database, *format, path).status());
  return database->Query("SELECT * FROM " + format->from(path, {}))
      .WithContext("cannot import " + path);
}

Result<std::vector<Date>> ImportFile(sql::Database* database, const std::string& path,
                                     const Table& table, const ImportOptions& options) {
  CATENA_TRY(const FileFormat* format, FormatOf(path));
  const types::Schema declared = Declared(options);
  CATENA_TRY(const auto columns, ColumnsOf(database, *format, path));
  CATENA_RETURN_IF_ERROR(CheckColumns(columns, declared, path));
  CATENA_TRY(
      const auto loaded,
      LoadedFile::Load(database, path, Select(columns, declared, format->from(path, declared))));
  CATENA_TRY(const auto texts, DaysOf(database, loaded.name(), path, *format, options));
  const std::string column = sql::QuoteName(options.partition_column);
  std::vector<Date> days;
  for (const auto& [day, text] : texts) {
    CATENA_RETURN_IF_ERROR(table.WritePartition(
        day, "SELECT * EXCLUDE (" + column + ") FROM " + loaded.name() + " WHERE " + column +
                 " = " + sql::QuoteText(text) + " ORDER BY rowid"));
    days.push_back(day);
  }
  return days;
}

}  // namespace catena::table
