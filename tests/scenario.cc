// SPDX-License-Identifier: Apache-2.0
#include "scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace catena::scenario {
namespace {

namespace fs = std::filesystem;

// CATENA_SCENARIOS: other ones than the committed.
fs::path Folder() {
  const char* given = std::getenv("CATENA_SCENARIOS");
  return given != nullptr ? fs::path(given) : fs::path(CATENA_SOURCE_DIR) / "tests" / "scenarios";
}

struct Csv {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> lines;

  size_t Column(const std::string& name) const {
    return static_cast<size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  }
};

// Cells hold neither commas nor quotes.
Csv ReadCsv(const fs::path& path) {
  std::ifstream file(path);
  if (!file) ADD_FAILURE() << "cannot read " << path;
  Csv csv;
  std::string line;
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    size_t at = 0;
    for (size_t comma; (comma = line.find(',', at)) != std::string::npos; at = comma + 1) {
      cells.push_back(line.substr(at, comma - at));
    }
    cells.push_back(line.substr(at));
    (csv.header.empty() ? csv.header : csv.lines.emplace_back()) = std::move(cells);
  }
  return csv;
}

// The cell as a value of that type.
types::Value ParseCell(const std::string& cell, const types::DataType& type) {
  if (cell.empty()) return types::Value();
  auto value = types::FromJson(Json(cell), type);
  if (!value.ok()) ADD_FAILURE() << "cell " << cell << ": " << value.error().message;
  return value.ok() ? std::move(value).value() : types::Value();
}

ScenarioTable ReadTable(const fs::path& folder, const std::string& name, const Json& columns) {
  ScenarioTable table{name, {}, "", {}, {}, {}};
  for (const Json& column : columns) {
    table.schema.fields.push_back(
        {column[0].get<std::string>(), *types::ParseType(column[1].get<std::string>())});
  }
  const Csv csv = ReadCsv(folder / (name + ".csv"));
  const size_t appended = csv.Column("append_ts");
  const size_t ds = csv.Column("ds");
  const auto time = table.schema.Find("ts");
  for (const std::vector<std::string>& cells : csv.lines) {
    Row row;
    for (const types::Field& field : table.schema.fields) {
      row.push_back(ParseCell(cells[csv.Column(field.name)], field.type));
    }
    int64_t known = 0;
    if (appended < csv.header.size()) {
      known = std::stoll(cells[appended]);
    } else if (time) {
      known = std::get<int64_t>(row[*time].data);
    }
    const bool entity = ds < csv.header.size();
    table.day.push_back(entity ? *ParseDate(cells[ds]) : Date::Of(FromMillis(known)));
    table.append_time.push_back(entity ? ToMillis(table.day.back().End()) : known);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Json ReadJson(const fs::path& path) {
  auto json = ReadJsonFile(path.string());
  if (!json.ok()) ADD_FAILURE() << json.error().message;
  return json.ok() ? std::move(json).value() : Json::object();
}

}  // namespace

Scenario ReadScenario(const std::string& name) {
  const fs::path folder = Folder() / name;
  Scenario scenario;
  scenario.name = name;
  scenario.conf = ReadJson(folder / "conf.json");
  const Json about = ReadJson(folder / "scenario.json");
  scenario.upload_day = *ParseDate(about["upload_day"].get<std::string>());
  for (const auto& [table, columns] : scenario.conf["catena"]["schemas"].items()) {
    ScenarioTable read = ReadTable(folder, table, columns);
    if (about["topics"].contains(table)) read.topic_key = about["topics"][table];
    if (table == "t.queries") {
      scenario.queries = std::move(read);
    } else {
      scenario.tables.push_back(std::move(read));
    }
  }
  Csv expected = ReadCsv(folder / "expected.csv");
  scenario.features.assign(expected.header.begin() + 1, expected.header.end());
  EXPECT_EQ(expected.lines.size(), scenario.queries.rows.size());
  scenario.mismatch = [lines = std::move(expected.lines)](
                          size_t query, size_t feature, const types::DataType& type,
                          const types::Value& got) -> std::optional<types::Value> {
    types::Value wanted = ParseCell(lines[query][feature + 1], type);
    if (got == wanted) return std::nullopt;
    return wanted;
  };
  return scenario;
}

std::vector<std::string> ScenarioNames() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Folder())) {
    if (fs::exists(entry.path() / "scenario.json")) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace catena::scenario
