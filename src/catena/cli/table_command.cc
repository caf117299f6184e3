// SPDX-License-Identifier: Apache-2.0
// `catena table ls`, `catena table describe`, `catena table load`.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/table/file_format.h"

namespace catena::cli {
namespace {

struct TableFlags {
  std::string table;
  std::string file;
  std::string schema;
  std::string partition_column = "ds";
  std::string partition_format = "yyyy-MM-dd";
  bool json = false;
};

std::string Names(const std::vector<std::string>& tables) {
  std::string list;
  for (const std::string& name : tables) list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "none" : list;
}

Error NoSuchTable(const std::string& name, const std::vector<std::string>& tables) {
  const std::vector<std::string> near = NearestNames(name, tables);
  if (!near.empty()) return InvalidConf("no such table, did you mean " + near[0] + "?: " + name);
  return InvalidConf("no such table; there are: " + Names(tables) + ": " + name);
}

Json DescriptionJson(const std::string& name, const table::TableDescription& description) {
  Json columns = Json::array();
  for (const types::Field& field : description.columns.fields) {
    columns.push_back(Json::array({field.name, types::TypeName(field.type)}));
  }
  Json partitions = Json::array();
  for (const Date day : description.partitions) partitions.push_back(FormatDate(day));
  return Json{{"table", name},
              {"columns", std::move(columns)},
              {"partitions", std::move(partitions)},
              {"files", description.files},
              {"bytes", description.bytes},
              {"rows", description.rows}};
}

void PrintDescription(const std::string& name, const table::TableDescription& description) {
  fmt::print("{}: {} rows, {} partitions, {} files, {} bytes\n", name, description.rows,
             description.partitions.size(), description.files, description.bytes);
  for (const types::Field& field : description.columns.fields) {
    fmt::print("  {:<32} {}\n", field.name, types::TypeName(field.type));
  }
  for (const table::PartitionRange& days : table::ToRanges(description.partitions)) {
    fmt::print("  ds {}\n", days.ToString());
  }
}

Result<int> Describe(const TableFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_RETURN_IF_ERROR(table::TablePath(given.table).status());
  CATENA_TRY(const auto database, OpenDatabase(settings));
  const auto warehouse = OpenWarehouse(settings, database.get());
  if (!warehouse.ok()) {
    if (warehouse.error().code != ErrorCode::kNotFound) return warehouse.error();
    return NoSuchTable(given.table, {});
  }
  CATENA_TRY(const auto table, warehouse->Find(given.table));
  if (!table.Exists()) {
    CATENA_TRY(const auto tables, warehouse->Tables());
    return NoSuchTable(given.table, tables);
  }
  CATENA_TRY(const auto description, table.Describe());
  if (given.json) {
    fmt::print("{}\n", PrintJson(DescriptionJson(given.table, description)));
  } else {
    PrintDescription(given.table, description);
  }
  return 0;
}

// Rows and bytes are those of the files' footers.
Result<int> List(bool json, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto database, OpenDatabase(settings));
  const auto warehouse = OpenWarehouse(settings, database.get());
  if (!warehouse.ok() && warehouse.error().code != ErrorCode::kNotFound) return warehouse.error();
  std::vector<std::string> names;
  if (warehouse.ok()) {
    CATENA_TRY(names, warehouse->Tables());
  }
  if (names.empty() && !json)
    fmt::print("no tables; `catena table load FILE NS.TABLE` makes one\n");
  Json list = Json::array();
  Status whole;  // A table that cannot be read hides none of the others.
  for (const std::string& name : names) {
    CATENA_TRY(const auto table, warehouse->Find(name));
    const auto description = table.Describe();
    if (!description.ok()) {
      if (whole.ok()) whole = description.error().WithContext(name);
      continue;
    }
    const std::vector<Date>& days = description->partitions;
    const bool none = days.empty();  // Of a table that another system keeps.
    list.push_back({{"table", name},
                    {"first", none ? Json() : Json(FormatDate(days.front()))},
                    {"last", none ? Json() : Json(FormatDate(days.back()))},
                    {"partitions", days.size()},
                    {"rows", description->rows},
                    {"bytes", description->bytes}});
    if (json) continue;
    const std::string range =
        none ? "no days" : FormatDate(days.front()) + ".." + FormatDate(days.back());
    fmt::print("{:<40} {:<22}  {:>5} days  {:>12} rows  {:>14} bytes\n", name, range, days.size(),
               description->rows, description->bytes);
  }
  if (json) fmt::print("{}\n", PrintJson(list));
  CATENA_RETURN_IF_ERROR(whole);
  return 0;
}

// --schema, else <repo>/schemas/<table>.json when it is there, else what the table's other days
// have, else recognised from the values.
Result<types::Schema> DeclaredSchema(const Settings& settings, const TableFlags& given,
                                     const table::Table& table) {
  if (!given.schema.empty()) return ReadSchemaFile(given.schema);
  const std::string file = SchemaFileOf(settings, given.table);
  std::error_code code;
  if (std::filesystem::exists(file, code)) return ReadSchemaFile(file);
  // Days that disagree have no schema; loading one of them again may be the repair.
  if (const auto schema = table.SchemaOf(); schema.ok()) return *schema;
  return types::Schema{};
}

Result<int> Load(const TableFlags& given, const CommonFlags& common) {
  namespace fs = std::filesystem;
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_RETURN_IF_ERROR(table::TablePath(given.table).status());
  std::error_code code;
  if (!fs::is_regular_file(given.file, code)) return InvalidConf("no such file: " + given.file);
  table::ImportOptions options;
  options.partition_column = given.partition_column;
  options.partition_format = given.partition_format;
  const std::string file = fs::absolute(given.file).lexically_normal().string();
  CATENA_TRY(const auto database, OpenDatabase(settings, {fs::path(file).parent_path().string()}));
  CATENA_TRY(const auto warehouse, OpenWarehouse(settings, database.get(), /*make=*/true));
  CATENA_TRY(const auto table, warehouse.Find(given.table));
  CATENA_TRY(options.declared, DeclaredSchema(settings, given, table));
  CATENA_TRY(const auto days, table::ImportFile(database.get(), file, table, options));
  if (days.empty()) {
    fmt::print("no rows in {}: {} stays as it is\n", given.file, given.table);
    return 0;
  }
  fmt::print("loaded {} partitions into {}", days.size(), given.table);
  for (const table::PartitionRange& range : table::ToRanges(days)) {
    fmt::print(" {}", range.ToString());
  }
  fmt::print("\n");
  return 0;
}

}  // namespace

Command TableLsCommand() {
  return {"table ls",
          "Tables",
          "List the tables of the warehouse with their days, rows and bytes.",
          "",
          "  catena table ls\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto json = std::make_shared<bool>(false);
            flags->Switch("--json", json.get(), "Print JSON.");
            return [json, common] { return List(*json, *common); };
          }};
}

Command TableDescribeCommand() {
  return {"table describe",
          "Tables",
          "Print a table's columns, types and partitions.",
          "Ends with 2 when there is no such table.",
          "  catena table describe payments.transactions\n"
          "  catena table describe payments.transactions --json\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<TableFlags>();
            flags->Text("NS.TABLE", &given->table, "Namespace and table.", Need::kRequired);
            flags->Switch("--json", &given->json, "Print JSON.");
            return [given, common] { return Describe(*given, *common); };
          }};
}

Command TableLoadCommand() {
  return {
      "table load",
      "Tables",
      "Load a CSV, JSON or Parquet file into a table, a partition a day.",
      "The end of the name says what the file is: .csv (with a header line), .json, .ndjson, "
      ".parquet. Each day that it has rows of is replaced as a whole. Types are those of "
      "--schema, else of <repo>/schemas/<ns.table>.json, else recognised from the values. Text is "
      "UTF-8; an empty field of CSV is null, also one in quotes, as Spark reads it. Delta and "
      "Iceberg tables are read in place, or brought in by `catena import`.",
      "  catena table load transactions.csv payments.transactions\n"
      "  catena table load rows.ndjson data.purchases --partition-column day --partition-format "
      "yyyyMMdd\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<TableFlags>();
        flags->Text("FILE", &given->file, "The file.", Need::kRequired);
        flags->Text("NS.TABLE", &given->table, "Namespace and table.", Need::kRequired);
        flags->Text("--partition-column COLUMN", &given->partition_column,
                    "Holds the day; ds when absent.");
        flags->Text("--partition-format FORMAT", &given->partition_format,
                    "How it is written, of yyyy, MM and dd; yyyy-MM-dd when absent.");
        flags->Text("--schema FILE", &given->schema, "JSON array of [\"column\", \"TYPE\"] pairs.");
        return [given, common] { return Load(*given, *common); };
      }};
}

}  // namespace catena::cli
