// SPDX-License-Identifier: Apache-2.0
// `catena sql`: one SELECT over the tables of the warehouse.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "catena/base/time.h"
#include "catena/batch/join/label_views.h"
#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/sql/quote.h"
#include "catena/table/partition_files.h"

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

struct SqlFlags {
  std::string text;
  std::string format = "csv";
  std::string output;
  bool json = false;
};

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Those that the text names, since a view reads the footers of its files; SHOW ALL TABLES names
// none.
std::vector<std::string> TablesNamed(const std::vector<std::string>& tables,
                                     const std::string& text) {
  const std::string lower = LowerCase(text);
  std::vector<std::string> named;
  for (const std::string& table : tables) {
    if (lower.find(LowerCase(table.substr(table.find('.') + 1))) != std::string::npos) {
      named.push_back(table);
    }
  }
  return named;
}

// The files that are data, and no others that lie beside them.
Result<std::string> FilesSql(const table::Table& table) {
  CATENA_TRY(const auto partitions, table.Files(table::PartitionRange::All()));
  std::string files;
  for (const table::PartitionFiles& partition : partitions) {
    for (const std::string& file : partition.files) {
      files += (files.empty() ? "" : ", ") + sql::QuotePath(file);
    }
  }
  return "read_parquet([" + files +
         "], hive_partitioning = true, hive_types = {'ds': VARCHAR}, union_by_name = true)";
}

// The table as a view `namespace.table`, with its day as the column ds.
Status CreateView(sql::Database* database, const table::Warehouse& warehouse,
                  const std::string& name) {
  CATENA_TRY(const auto table, warehouse.Find(name));
  const size_t dot = name.find('.');
  const std::string schema = sql::QuoteName(name.substr(0, dot));
  CATENA_TRY(const bool ours, table.IsSpelledOurWay());
  CATENA_TRY(const std::string rows, ours ? FilesSql(table) : table.SelectSql());
  CATENA_RETURN_IF_ERROR(database->Execute("CREATE SCHEMA IF NOT EXISTS " + schema));
  return database->Execute("CREATE VIEW " + schema + "." + sql::QuoteName(name.substr(dot + 1)) +
                           " AS SELECT * FROM " + rows);
}

Status CreateViews(sql::Database* database, const table::Warehouse& warehouse,
                   const std::string& text) {
  CATENA_TRY(const auto tables, warehouse.Tables());
  const std::vector<std::string> named = TablesNamed(tables, text);
  for (const std::string& name : named.empty() ? tables : named) {
    const Status created = CreateView(database, warehouse, name);
    if (created.ok()) continue;
    if (!named.empty()) return created;
    // A table that cannot be read hides none of the others.
    fmt::print(stderr, "catena sql: left out: {}: {}\n", name, created.error().message);
  }
  return Status();
}

// Views of a Join and its labels, when the text names one.
Status CreateLabelViews(sql::Database* database, const table::Warehouse& warehouse,
                        const std::string& text) {
  CATENA_TRY(const auto tables, warehouse.Tables());
  const std::string lower = LowerCase(text);
  for (const std::string& name : tables) {
    const size_t dot = name.find('.');
    if (lower.find(LowerCase(name.substr(dot + 1)) + "_label") == std::string::npos) continue;
    CATENA_TRY(const auto views, batch::LabelViewsOf(database, warehouse, name));
    for (const batch::LabelView& view : views) {
      CATENA_RETURN_IF_ERROR(
          database->Execute("CREATE OR REPLACE VIEW " + sql::QuoteName(name.substr(0, dot)) + "." +
                            sql::QuoteName(view.name.substr(dot + 1)) + " AS " + view.sql));
    }
  }
  return Status();
}

bool IsSyntaxError(const Error& error) {
  return error.message.find("syntax error") != std::string::npos;
}

// The remedy when a namespace or a table is called as a word of SQL is, like `default`, where confs
// without an outputNamespace write.
Error WithQuotes(const table::Warehouse& warehouse, const Error& error) {
  constexpr std::string_view kNear = "syntax error at or near \"";
  const size_t at = error.message.find(kNear);
  const auto tables = warehouse.Tables();
  if (at == std::string::npos || !tables.ok()) return error;
  std::string word = error.message.substr(at + kNear.size());
  word = word.substr(0, word.find('"'));
  for (const std::string& table : *tables) {
    const size_t dot = table.find('.');
    if (LowerCase(word) != table.substr(0, dot) && LowerCase(word) != table.substr(dot + 1)) {
      continue;
    }
    return InvalidConf("a name that is a word of SQL stands in quotes, as in " +
                       sql::QuoteName(table.substr(0, dot)) + "." +
                       sql::QuoteName(table.substr(dot + 1)) + ": " + error.message);
  }
  return error;
}

// DuckDB knows views that stand for tables, and of those only what the text names.
Error WithNearTable(const table::Warehouse& warehouse, const Error& error) {
  constexpr std::string_view kTable = "Catalog Error: Table with name ";
  if (!error.message.starts_with(kTable)) return error;
  std::string name = error.message.substr(kTable.size());
  name = name.substr(0, name.find(" does not exist"));
  std::erase(name, '"');
  const auto tables = warehouse.Tables();
  if (!tables.ok()) return error;
  std::vector<std::string> known = *tables;
  for (const std::string& table : *tables) known.push_back(table.substr(table.find('.') + 1));
  const std::vector<std::string> near = NearestNames(name, known);
  if (near.empty()) return InvalidConf("no such table, `catena table ls` names them: " + name);
  const auto whole = std::find_if(tables->begin(), tables->end(), [&](const std::string& table) {
    return table == near[0] || table.ends_with("." + near[0]);
  });
  return InvalidConf("no such table, did you mean " + *whole + "?: " + name);
}

// Columns of a statement, and the statement that gives them as they are printed.
struct Answer {
  std::string sql;
  std::vector<std::string> names;
  // Of a statement with numbers that no type of ours holds: they are DOUBLE here, while `sql` gives
  // them as texts of all their digits.
  std::optional<types::Schema> wide;

  const types::DataType& Type(const types::Batch& rows, size_t column) const {
    return (wide ? *wide : rows.schema()).fields[column].type;
  }
};

// What can stand in parentheses after FROM reads and does nothing else.
Error WhyNot(sql::Database* database, const std::string& text, const Error& in_parentheses) {
  const auto alone = database->Describe(text);
  const bool wrong =
      !alone.ok() && (!IsSyntaxError(in_parentheses) || IsSyntaxError(alone.error()));
  if (wrong) return alone.error();
  if (!IsSyntaxError(in_parentheses)) return in_parentheses;
  return InvalidConf("one SELECT that reads, nothing else, is possible here: " + text);
}

// DuckDB's exact numbers that are wider than ours are asked for as all their digits, at any depth;
// for Parquet, which has no HUGEINT, that one as BIGINT.
Result<Answer> AnswerOf(sql::Database* database, const std::string& text, bool parquet) {
  const std::string wide = parquet ? "U?HUGEINT" : R"(U?HUGEINT|UBIGINT|DECIMAL\([0-9,]+\))";
  const std::string type = "(^|[ (])(" + wide + R"()($|[\[,)]))";
  const std::string replaced = parquet ? R"(\1BIGINT\3)" : R"(\1VARCHAR\3)";
  const auto columns = database->Query(
      "SELECT column_name, column_type, regexp_replace(column_type, " + sql::QuoteText(type) +
      ", " + sql::QuoteText(replaced) + ", 'g') FROM (DESCRIBE SELECT * FROM (" + text + "\n))");
  if (!columns.ok()) return WhyNot(database, text, columns.error());
  Answer answer{text};
  std::string casts;
  std::string places;
  bool any = false;
  for (size_t i = 0; i < columns->rows(); ++i) {
    answer.names.emplace_back(columns->column(0).Text(i));
    const std::string printed(columns->column(2).Text(i));
    const std::string separator = i == 0 ? "" : ", ";
    const std::string place = "c" + std::to_string(i);
    const bool cast = columns->column(1).Text(i) != printed;
    casts += separator + (cast ? "CAST(" + place + " AS " + printed + ")" : place) + " AS " +
             sql::QuoteName(answer.names.back());
    places += separator + place;
    any = any || cast;
  }
  if (!any) return answer;
  if (!parquet) {
    CATENA_TRY(answer.wide, database->Describe(text));
  }
  answer.sql = "SELECT " + casts + " FROM (" + text + "\n) AS answer(" + places + ")";
  return answer;
}

// What is a text in JSON, without its quotes; dates and times are written as people write them.
std::optional<std::string> PlainText(const types::Value& value, const types::DataType& type) {
  const auto* whole = std::get_if<int64_t>(&value.data);
  if (whole != nullptr && type.kind == types::Kind::kDate) {
    return FormatDate(Date{static_cast<int32_t>(*whole)});
  }
  if (whole != nullptr && type.kind == types::Kind::kTimestamp) {
    return FormatTimestamp(FromMillis(*whole));
  }
  const auto* text = std::get_if<std::string>(&value.data);
  if (text == nullptr || type.kind == types::Kind::kDouble) return std::nullopt;
  return *text;
}

std::string TextOf(const types::Value& value, const types::DataType& type);

std::string ObjectOf(const std::map<std::string, std::string>& members) {
  std::string object;
  for (const auto& [name, text] : members) {
    object += (object.empty() ? "" : ",") + PrintJson(Json(name)) + ":" + text;
  }
  return "{" + object + "}";
}

// types::ToJson, but of Answer::wide, and of texts as PlainText has them.
std::string JsonOf(const types::Value& value, const types::DataType& type) {
  if (const auto* list = std::get_if<types::ValueList>(&value.data)) {
    std::string array;
    for (const types::Value& element : *list) {
      array += (array.empty() ? "" : ",") + JsonOf(element, type.children[0]);
    }
    return "[" + array + "]";
  }
  if (const auto* map = std::get_if<types::ValueMap>(&value.data)) {
    std::map<std::string, std::string> members;
    for (size_t i = 0; i < map->size(); ++i) {
      const bool fields = type.kind == types::Kind::kStruct;
      const auto& [key, mapped] = (*map)[i];
      members[fields ? std::get<std::string>(key.data) : TextOf(key, type.children[0])] =
          JsonOf(mapped, type.children[fields ? i : 1]);
    }
    return ObjectOf(members);
  }
  if (const auto text = PlainText(value, type)) return PrintJson(Json(*text));
  const auto* digits = std::get_if<std::string>(&value.data);
  return digits != nullptr ? *digits : PrintJson(types::ToJson(value));
}

std::string TextOf(const types::Value& value, const types::DataType& type) {
  if (value.is_null()) return "";
  if (const auto* number = std::get_if<double>(&value.data); number && !std::isfinite(*number)) {
    return std::isnan(*number) ? "NaN" : *number > 0 ? "Infinity" : "-Infinity";  // JSON has null.
  }
  const auto text = PlainText(value, type);
  return text ? *text : JsonOf(value, type);
}

std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  return sql::QuoteName(text);  // CSV doubles quotes as SQL does.
}

void WriteCsv(const Answer& answer, const types::Batch& rows, std::ostream& out) {
  for (size_t row = 0; row < rows.rows(); ++row) {
    for (size_t i = 0; i < rows.width(); ++i) {
      const types::Value value = rows.column(i).ValueAt(row);
      out << (i == 0 ? "" : ",") << Cell(TextOf(value, answer.Type(rows, i)));
    }
    out << "\n";
  }
}

void WriteJson(const Answer& answer, const types::Batch& rows, std::ostream& out) {
  for (size_t row = 0; row < rows.rows(); ++row) {
    std::map<std::string, std::string> members;  // Sorted, as in all JSON of ours.
    for (size_t i = 0; i < rows.width(); ++i) {
      members[answer.names[i]] = JsonOf(rows.column(i).ValueAt(row), answer.Type(rows, i));
    }
    out << ObjectOf(members) << "\n";
  }
}

// Columns under each other; all rows are held until the widths are known.
void WriteTable(const Answer& answer, const types::Batch& rows, std::ostream& out) {
  std::vector<std::vector<std::string>> lines(rows.rows() + 1);
  std::vector<size_t> widths(rows.width());
  lines[0] = answer.names;
  for (size_t i = 0; i < rows.width(); ++i) {
    for (size_t row = 0; row < rows.rows(); ++row) {
      lines[row + 1].push_back(TextOf(rows.column(i).ValueAt(row), answer.Type(rows, i)));
    }
    for (const auto& line : lines) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      text += (i == 0 ? "" : "  ");
      text += answer.Type(rows, i).IsNumeric() ? fmt::format("{:>{}}", line[i], widths[i])
                                               : fmt::format("{:<{}}", line[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  }
}

Status Write(sql::Database* database, const SqlFlags& given, const Answer& answer,
             std::ostream& out) {
  if (given.format == "table") {
    CATENA_TRY(const types::Batch rows, database->Query(answer.sql));
    WriteTable(answer, rows, out);
    return Status();
  }
  if (given.format == "csv") {
    for (size_t i = 0; i < answer.names.size(); ++i) {
      out << (i == 0 ? "" : ",") << Cell(answer.names[i]);
    }
    out << "\n";
  }
  return database->Scan(answer.sql, [&](types::Batch rows) -> Status {
    given.format == "csv" ? WriteCsv(answer, rows, out) : WriteJson(answer, rows, out);
    return Status();
  });
}

Status WriteFile(sql::Database* database, const SqlFlags& given, const Answer& answer,
                 const std::string& path) {
  if (given.output.ends_with(".parquet")) return database->CopyToParquet(answer.sql, path);
  const auto cannot = [&] { return Unavailable("--output: cannot write: " + given.output); };
  std::ofstream file(path, std::ios::trunc);
  if (!file) return cannot();
  CATENA_RETURN_IF_ERROR(Write(database, given, answer, file));
  file.flush();
  return file ? Status() : cannot();
}

// Beside, then renamed: what fails midway leaves the file as it was. A pipe is only written to.
Status ReplaceOutput(sql::Database* database, const SqlFlags& given, const Answer& answer) {
  std::error_code code;
  if (fs::exists(given.output, code) && !fs::is_regular_file(given.output, code)) {
    return WriteFile(database, given, answer, given.output);
  }
  const std::string beside = given.output + ".tmp-" + std::to_string(getpid());
  Status written = WriteFile(database, given, answer, beside);
  if (written.ok()) {
    fs::rename(beside, given.output, code);
    if (code) written = Unavailable("--output: " + code.message() + ": " + given.output);
  }
  if (!written.ok()) fs::remove(beside, code);
  return written;
}

Status WriteWhereAsked(sql::Database* database, const SqlFlags& given) {
  const bool parquet = given.output.ends_with(".parquet");
  CATENA_TRY(const Answer answer, AnswerOf(database, given.text, parquet));
  if (given.output.empty()) return Write(database, given, answer, std::cout);
  return ReplaceOutput(database, given, answer);
}

Result<int> Query(SqlFlags given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  if (given.json) given.format = "json";
  if (given.text == "-") {
    CATENA_TRY(given.text, ReadTextOrStdin("-"));
  }
  given.text.erase(given.text.find_last_not_of("; \n\t") + 1);
  std::vector<std::string> also;
  if (!given.output.empty()) {
    std::error_code code;  // A link stays one: what it points to is replaced.
    given.output = fs::weakly_canonical(fs::absolute(given.output), code).string();
    also.push_back(fs::path(given.output).parent_path().string());
    if (!fs::is_directory(also[0])) return InvalidConf("--output: no such folder: " + also[0]);
  }
  CATENA_TRY(const auto database, OpenDatabase(settings, also));
  CATENA_TRY(const auto warehouse, OpenWarehouse(settings, database.get()));
  CATENA_RETURN_IF_ERROR(CreateViews(database.get(), warehouse, given.text));
  CATENA_RETURN_IF_ERROR(CreateLabelViews(database.get(), warehouse, given.text));
  const Status written = WriteWhereAsked(database.get(), given);
  if (!written.ok()) return WithQuotes(warehouse, WithNearTable(warehouse, written.error()));
  return 0;
}

}  // namespace

Command SqlCommand() {
  return {
      "sql",
      "Tables",
      "Run one SELECT over the tables of the warehouse.",
      "DuckDB's SQL; tables are namespace.table with their day in the column ds, which a WHERE "
      "narrows to the files of those days. Nothing is ever written but --output. SHOW ALL TABLES, "
      "DESCRIBE and SUMMARIZE work too. Whole numbers and DECIMALs are printed with all their "
      "digits, a HUGEINT too, which is what SUM of a LONG gives (in Parquet a BIGINT); dates and "
      "times as 2026-11-20 and 2026-11-20T13:05:00.123Z, UTC, in JSON as text.",
      "  catena sql \"SELECT ds, count(*) FROM payments.transactions GROUP BY ds ORDER BY ds\"\n"
      "  catena sql --format table \"SUMMARIZE payments.transactions\"\n"
      "  catena sql --output rows.parquet \"SELECT * FROM fraud.final_v1 WHERE ds = "
      "'2026-11-20'\"\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<SqlFlags>();
        flags->Text("SELECT", &given->text, "The statement; - reads it from standard input.",
                    Need::kRequired);
        flags->Choice("--format FORMAT", &given->format, {"csv", "json", "table"},
                      "csv; json, an object a line; table, columns under each other.");
        flags->Switch("--json", &given->json, "The same as --format json.");
        flags->Text("--output FILE", &given->output,
                    "Write there; Parquet when the name ends with .parquet.");
        return [given, common] { return Query(*given, *common); };
      }};
}

}  // namespace catena::cli
