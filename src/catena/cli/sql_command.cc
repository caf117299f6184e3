// SPDX-License-Identifier: Apache-2.0
// `catena sql`: one SELECT over the tables of the warehouse.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "catena/batch/join/label_views.h"
#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/sql/quote.h"

namespace catena::cli {
namespace {

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

// Those that the text names, since a view reads the footers of its files; all when it names none,
// as SHOW ALL TABLES does.
std::vector<std::string> TablesNamed(const std::vector<std::string>& tables,
                                     const std::string& text) {
  const std::string lower = LowerCase(text);
  std::vector<std::string> named;
  for (const std::string& table : tables) {
    if (lower.find(LowerCase(table.substr(table.find('.') + 1))) != std::string::npos) {
      named.push_back(table);
    }
  }
  return named.empty() ? tables : named;
}

// Every table as a view `namespace.table`, with its day as the column ds.
Status CreateViews(sql::Database* database, const table::Warehouse& warehouse,
                   const std::string& text) {
  CATENA_TRY(const auto tables, warehouse.Tables());
  for (const std::string& name : TablesNamed(tables, text)) {
    CATENA_TRY(const auto table, warehouse.Find(name));
    const size_t dot = name.find('.');
    const std::string schema = sql::QuoteName(name.substr(0, dot));
    CATENA_TRY(const bool ours, table.IsSpelledOurWay());
    std::string rows = "read_parquet(" + sql::QuoteText(table.directory() + "/ds=*/*.parquet") +
                       ", hive_partitioning = true, hive_types = {'ds': VARCHAR}, "
                       "union_by_name = true)";
    if (!ours) {
      CATENA_TRY(rows, table.SelectSql());
    }
    CATENA_RETURN_IF_ERROR(database->Execute("CREATE SCHEMA IF NOT EXISTS " + schema));
    CATENA_RETURN_IF_ERROR(database->Execute("CREATE VIEW " + schema + "." +
                                             sql::QuoteName(name.substr(dot + 1)) +
                                             " AS SELECT * FROM " + rows));
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

// What can stand in parentheses after FROM reads and does nothing else.
Status RequireReading(sql::Database* database, const std::string& text) {
  const auto described = database->Describe("SELECT * FROM (" + text + "\n)");
  if (described.ok() || !IsSyntaxError(described.error())) return Status();
  const auto alone = database->Describe(text);
  if (!alone.ok() && IsSyntaxError(alone.error())) return alone.error();
  return InvalidConf("one SELECT that reads, nothing else, is possible here: " + text);
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

std::string TextOf(const types::Value& value) {
  if (value.is_null()) return "";
  if (const auto* number = std::get_if<double>(&value.data); number && !std::isfinite(*number)) {
    return std::isnan(*number) ? "NaN" : *number > 0 ? "Infinity" : "-Infinity";  // JSON has null.
  }
  const Json json = types::ToJson(value);
  return json.is_string() ? json.get<std::string>() : PrintJson(json);
}

std::string Cell(const types::Value& value) {
  const std::string text = TextOf(value);
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  return sql::QuoteName(text);  // CSV doubles quotes as SQL does.
}

void WriteCsv(const types::Batch& rows, std::ostream& out) {
  for (size_t row = 0; row < rows.rows(); ++row) {
    for (size_t i = 0; i < rows.width(); ++i) {
      out << (i == 0 ? "" : ",") << Cell(rows.column(i).ValueAt(row));
    }
    out << "\n";
  }
}

void WriteJson(const types::Batch& rows, std::ostream& out) {
  for (size_t row = 0; row < rows.rows(); ++row) {
    Json object = Json::object();
    for (size_t i = 0; i < rows.width(); ++i) {
      object[rows.schema().fields[i].name] = types::ToJson(rows.column(i).ValueAt(row));
    }
    out << PrintJson(object) << "\n";
  }
}

// Columns under each other; all rows are held until the widths are known.
void WriteTable(const types::Schema& schema, const types::Batch& rows, std::ostream& out) {
  std::vector<std::vector<std::string>> lines(rows.rows() + 1);
  std::vector<size_t> widths(schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    lines[0].push_back(schema.fields[i].name);
    for (size_t row = 0; row < rows.rows(); ++row) {
      lines[row + 1].push_back(TextOf(rows.column(i).ValueAt(row)));
    }
    for (const auto& line : lines) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      const bool number = schema.fields[i].type.IsNumeric();
      text += (i == 0 ? "" : "  ");
      text += number ? fmt::format("{:>{}}", line[i], widths[i])
                     : fmt::format("{:<{}}", line[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  }
}

Status Write(sql::Database* database, const SqlFlags& given, std::ostream& out) {
  CATENA_TRY(const types::Schema schema, database->Describe(given.text));
  if (given.format == "table") {
    CATENA_TRY(const types::Batch rows, database->Query(given.text));
    WriteTable(schema, rows, out);
    return Status();
  }
  if (given.format == "csv") {
    for (size_t i = 0; i < schema.size(); ++i) {
      out << (i == 0 ? "" : ",") << Cell(types::Value(schema.fields[i].name));
    }
    out << "\n";
  }
  return database->Scan(given.text, [&](types::Batch rows) -> Status {
    given.format == "csv" ? WriteCsv(rows, out) : WriteJson(rows, out);
    return Status();
  });
}

Status WriteWhereAsked(sql::Database* database, const SqlFlags& given) {
  CATENA_RETURN_IF_ERROR(RequireReading(database, given.text));
  if (given.output.empty()) return Write(database, given, std::cout);
  if (given.output.ends_with(".parquet")) return database->CopyToParquet(given.text, given.output);
  std::ofstream file(given.output, std::ios::trunc);
  CATENA_RETURN_IF_ERROR(Write(database, given, file));
  file.flush();
  return file ? Status() : Unavailable("--output: cannot write: " + given.output);
}

Result<int> Query(SqlFlags given, const CommonFlags& common) {
  namespace fs = std::filesystem;
  CATENA_TRY(const Settings settings, common.Load());
  if (given.json) given.format = "json";
  if (given.text == "-") {
    CATENA_TRY(given.text, ReadTextOrStdin("-"));
  }
  given.text.erase(given.text.find_last_not_of("; \n\t") + 1);
  std::vector<std::string> also;
  if (!given.output.empty()) {
    given.output = fs::absolute(given.output).lexically_normal().string();
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
      "DESCRIBE and SUMMARIZE work too.",
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
