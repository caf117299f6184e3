// SPDX-License-Identifier: Apache-2.0
// `catena topic archive`: the records of a topic as a daily table.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "catena/base/file.h"
#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/cli/topic_archive.h"

namespace catena::cli {
namespace {

struct ArchiveFlags {
  std::string topic;
  std::string table;
  std::string schema_from;
  std::string time_field = "ts";
  std::string report;
};

types::Schema WithoutOrigin(types::Schema schema) {
  std::erase_if(schema.fields, [](const types::Field& field) {
    return field.name == "_topic_partition" || field.name == "_offset";
  });
  return schema;
}

// A schema file, a compiled conf that knows the table, or a table.
Result<types::Schema> SchemaFrom(const Settings& settings, const ArchiveFlags& given,
                                 const table::Warehouse& warehouse) {
  if (given.schema_from.ends_with(".json")) return ReadSchemaFile(given.schema_from);
  auto conf = OpenConf(settings, given.schema_from);
  if (conf.ok()) {
    const auto at = conf->schemas.find(given.table);
    if (at != conf->schemas.end()) return at->second;
    std::string known;
    for (const auto& [table, schema] : conf->schemas) {
      known += (known.empty() ? "" : ", ") + table;
    }
    return InvalidConf("the conf has no schema of " + given.table + "; it has " + known + ": " +
                       given.schema_from);
  }
  if (table::TablePath(given.schema_from).ok()) {
    CATENA_TRY(const auto table, warehouse.Find(given.schema_from));
    if (table.Exists()) {
      CATENA_TRY(types::Schema schema, table.SchemaOf());
      return WithoutOrigin(std::move(schema));
    }
  }
  return InvalidConf("--schema-from is a file schemas/NS.TABLE.json, a compiled conf or a table: " +
                     given.schema_from);
}

Result<types::Schema> SchemaOf(const Settings& settings, const ArchiveFlags& given,
                               const table::Warehouse& warehouse, const table::Table& table) {
  if (!given.schema_from.empty()) return SchemaFrom(settings, given, warehouse);
  const std::string file = SchemaFileOf(settings, given.table);
  std::error_code code;
  if (std::filesystem::exists(file, code)) return ReadSchemaFile(file);
  if (table.Exists()) {
    CATENA_TRY(types::Schema schema, table.SchemaOf());
    return WithoutOrigin(std::move(schema));
  }
  return InvalidConf("what columns do the records have? Write " + file +
                     ", or pass --schema-from CONF: " + given.table);
}

Json ReportJson(const ArchiveReport& report) {
  Json days = Json::array();
  for (const Date day : report.days) days.push_back(FormatDate(day));
  return Json{{"records", report.records},   {"landed", report.landed},
              {"already", report.already},   {"malformed", report.malformed},
              {"problems", report.problems}, {"days", std::move(days)}};
}

Result<int> ArchiveOne(const ArchiveFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto address, AddressOf(settings, given.topic));
  CATENA_RETURN_IF_ERROR(table::TablePath(given.table).status());
  CATENA_TRY(const auto reader, topic::OpenTopicReader(address));
  CATENA_TRY(const auto database, OpenDatabase(settings));
  CATENA_TRY(const auto warehouse, OpenWarehouse(settings, database.get(), /*make=*/true));
  CATENA_TRY(const auto table, warehouse.Find(given.table));
  ArchiveOptions options;
  options.topic = address.name;
  options.address = address;
  options.time_field = given.time_field;
  CATENA_TRY(options.schema, SchemaOf(settings, given, warehouse, table));
  CATENA_TRY(const ArchiveReport report, ArchiveTopic(reader.get(), table, options));
  fmt::print(
      "archived {} of {} new records of {} into {}: {} days, {} there already, {} "
      "malformed\n",
      report.landed, report.records, given.topic, given.table, report.days.size(), report.already,
      report.malformed);
  if (!given.report.empty()) {
    CATENA_RETURN_IF_ERROR(ReplaceFile(given.report, PrettyJson(ReportJson(report)) + "\n"));
  }
  if (report.malformed == 0) return 0;
  for (const std::string& problem : report.problems) fmt::print(stderr, "  {}\n", problem);
  return InvalidData(std::to_string(report.malformed) +
                     " records were left out, listed above; "
                     "`catena topic tail " +
                     given.topic +
                     " --partition P --offset N --limit 1` "
                     "shows one");
}

}  // namespace

Command TopicArchiveCommand() {
  return {"topic archive",
          "Topics and streams",
          "Land a topic's new records in a daily table.",
          "Each row goes to the day of its event time and carries _topic_partition and _offset, so "
          "that a backfill breaks ties as the stream does. A second run reads only what is new. "
          "Records that do not decode are listed and left out; the exit code is then 1.",
          "  catena topic archive payment-events --table payments.transactions\n"
          "  catena topic archive payment-events --table payments.transactions --schema-from "
          "production/group_bys/fraud/user_risk.v1\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<ArchiveFlags>();
            flags->Text("TOPIC", &given->topic, "The topic.", Need::kRequired);
            flags->Text("--table NS.TABLE", &given->table, "Where to.", Need::kRequired);
            flags->Text("--schema-from FROM", &given->schema_from,
                        "Schema file, compiled conf or table with the records' columns; "
                        "<repo>/schemas/NS.TABLE.json, else the table itself, when absent.");
            flags->Text("--time-field FIELD", &given->time_field,
                        "Event time in milliseconds; ts when absent.");
            flags->Text("--report FILE", &given->report, "Write what was done as JSON.");
            return [given, common] { return ArchiveOne(*given, *common); };
          }};
}

}  // namespace catena::cli
