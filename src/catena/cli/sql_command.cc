// SPDX-License-Identifier: Apache-2.0
// `catena sql`: one SELECT over the tables of the warehouse.
#include <fmt/format.h>

#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/sql/quote.h"

namespace catena::cli {
namespace {

struct SqlFlags {
  std::string text;
  bool json = false;
};

// Every table as a view `namespace.table`, with its day as the column ds.
Status CreateViews(sql::Database* database, const table::Warehouse& warehouse) {
  CATENA_TRY(const auto names, warehouse.Tables());
  for (const std::string& name : names) {
    CATENA_TRY(const auto table, warehouse.Find(name));
    const size_t dot = name.find('.');
    const std::string schema = sql::QuoteName(name.substr(0, dot));
    const std::string files = sql::QuoteText(table.directory() + "/ds=*/*.parquet");
    CATENA_RETURN_IF_ERROR(database->Execute("CREATE SCHEMA IF NOT EXISTS " + schema));
    CATENA_RETURN_IF_ERROR(database->Execute(
        "CREATE VIEW " + schema + "." + sql::QuoteName(name.substr(dot + 1)) +
        " AS SELECT * FROM read_parquet(" + files +
        ", hive_partitioning = true, hive_types = {'ds': VARCHAR}, union_by_name = true)"));
  }
  return Status();
}

std::string Cell(const types::Value& value) {
  if (value.is_null()) return "";
  const Json json = types::ToJson(value);
  std::string text = json.is_string() ? json.get<std::string>() : PrintJson(json);
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  return sql::QuoteName(text);  // CSV doubles quotes as SQL does.
}

void PrintRows(const types::Batch& rows, bool json) {
  for (size_t row = 0; row < rows.rows(); ++row) {
    Json object = Json::object();
    std::string line;
    for (size_t i = 0; i < rows.width(); ++i) {
      const types::Value value = rows.column(i).ValueAt(row);
      if (json) object[rows.schema().fields[i].name] = types::ToJson(value);
      line += (i == 0 ? "" : ",") + Cell(value);
    }
    fmt::print("{}\n", json ? PrintJson(object) : line);
  }
}

Result<int> Query(const SqlFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto database, OpenDatabase(settings));
  CATENA_TRY(const auto warehouse, table::Warehouse::Open(settings.warehouse, database.get()));
  CATENA_RETURN_IF_ERROR(CreateViews(database.get(), warehouse));
  CATENA_TRY(const types::Schema schema, database->Describe(given.text));
  std::string header;
  for (const types::Field& field : schema.fields) {
    header += (header.empty() ? "" : ",") + Cell(types::Value(field.name));
  }
  if (!given.json) fmt::print("{}\n", header);
  CATENA_RETURN_IF_ERROR(database->Scan(given.text, [&](types::Batch rows) -> Status {
    PrintRows(rows, given.json);
    return Status();
  }));
  return 0;
}

}  // namespace

Command SqlCommand() {
  return {
      "sql",
      "Tables",
      "Run one SELECT over the tables of the warehouse.",
      "DuckDB's SQL; tables are namespace.table with their day in the column ds. Prints CSV.",
      "  catena sql \"SELECT ds, count(*) FROM payments.transactions GROUP BY ds ORDER BY ds\"\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<SqlFlags>();
        flags->Text("SELECT", &given->text, "The statement.", Need::kRequired);
        flags->Switch("--json", &given->json, "Print a JSON object a line instead of CSV.");
        return [given, common] { return Query(*given, *common); };
      }};
}

}  // namespace catena::cli
