// SPDX-License-Identifier: Apache-2.0
#include "golden_scenario.h"

#include <algorithm>
#include <set>

namespace catena::parity {
namespace {

using scenario::ScenarioTable;
using types::Value;

constexpr int kTemporal = 0;

// Names the topic of every table of events that streams into a GroupBy; collects the tables.
void AddTopics(Json* json, std::set<std::string>* tables) {
  if (!json->is_structured()) return;
  if (json->contains("accuracy") && (*json)["accuracy"] != kTemporal) return;
  if (json->contains("events")) {
    Json& events = (*json)["events"];
    const std::string table = events["table"];
    events["topic"] = table.substr(table.find('.') + 1);
    tables->insert(table);
  }
  for (Json& member : *json) AddTopics(&member, tables);
}

Json SchemaJson(const types::Schema& schema) {
  Json columns = Json::array();
  for (const types::Field& field : schema.fields) {
    columns.push_back(Json::array({field.name, types::TypeName(field.type)}));
  }
  return columns;
}

ScenarioTable TableOf(const GoldenCase& golden, const types::Batch& batch, const std::string& name,
                      bool streamed) {
  ScenarioTable table{name, {}, "", {}, {}, {}};
  const size_t ds = *batch.schema().Find("ds");
  const auto time = batch.schema().Find("ts");
  for (const types::Field& field : batch.schema().fields) {
    if (field.name != "ds") table.schema.fields.push_back(field);
  }
  if (streamed) table.topic_key = table.schema.fields.front().name;
  std::vector<size_t> order;
  const auto time_of = [&](size_t row) {
    const Value value = time ? batch.column(*time).ValueAt(row) : Value();
    return value.is_null() ? INT64_MIN : std::get<int64_t>(value.data);
  };
  for (size_t row = 0; row < batch.rows(); ++row) order.push_back(row);
  if (golden.name().starts_with("c")) {
    std::ranges::stable_sort(order, std::less<>(), time_of);
  }
  int64_t appended = 0;
  for (const size_t row : order) {
    const Date day = *ParseDate(batch.column(ds).Text(row));
    if (day > golden.end()) continue;
    scenario::Row values = batch.Row(row);
    values.erase(values.begin() + static_cast<ptrdiff_t>(ds));
    appended = time ? std::max(appended, time_of(row)) : ToMillis(day.End());
    table.rows.push_back(std::move(values));
    table.day.push_back(day);
    table.append_time.push_back(appended);
  }
  return table;
}

// The left side of each expected row.
ScenarioTable QueriesOf(const Answers& expected, const Json& join, const types::Schema& left) {
  const Json& source = join["left"]["events"];
  std::set<std::string> names;
  for (const auto& [name, text] : source["query"]["selects"].items()) names.insert(name);
  if (names.empty()) {
    for (const types::Field& field : left.fields) names.insert(field.name);
  }
  names.insert("ts");
  ScenarioTable queries{"golden.queries", {}, "", {}, {}, {}};
  for (const types::Field& field : expected.schema.fields) {
    if (field.name != "ds" && names.contains(field.name)) queries.schema.fields.push_back(field);
  }
  for (const std::vector<Value>& row : expected.rows) {
    scenario::Row values;
    for (const types::Field& field : queries.schema.fields) {
      values.push_back(row[expected.Column(field.name)]);
    }
    const int64_t time = std::get<int64_t>(row[expected.Column("ts")].data);
    queries.rows.push_back(std::move(values));
    queries.append_time.push_back(time);
    queries.day.push_back(Date::Of(FromMillis(time)));
  }
  return queries;
}

}  // namespace

scenario::Scenario ScenarioOf(const GoldenCase& golden) {
  const auto database = *sql::Database::Open({});
  scenario::Scenario scenario;
  scenario.name = golden.name();
  scenario.conf = golden.Conf("join.json");
  std::set<std::string> streamed;
  AddTopics(&scenario.conf["joinParts"], &streamed);
  types::Schema left;
  for (const std::string& input : golden.InputTables()) {
    const std::string name = golden.Property("namespace") + "." + input;
    scenario.tables.push_back(
        TableOf(golden, golden.Input(database.get(), input), name, streamed.contains(name)));
    const types::Schema& schema = scenario.tables.back().schema;
    scenario.conf["catena"]["schemas"][name] = SchemaJson(schema);
    if (scenario.conf["left"]["events"]["table"] == name) left = schema;
  }
  const Answers expected = golden.Expected(database.get(), "expected.parquet");
  scenario.queries = QueriesOf(expected, scenario.conf, left);
  std::vector<size_t> columns;
  for (size_t c = 0; c < expected.schema.size(); ++c) {
    const std::string& name = expected.schema.fields[c].name;
    if (name == "ds" || scenario.queries.schema.Find(name)) continue;
    scenario.features.push_back(name);
    columns.push_back(c);
  }
  scenario.mismatch = [golden, expected, columns](size_t query, size_t feature,
                                                  const types::DataType&, const Value& got) {
    const size_t column = columns[feature];
    const bool right =
        !golden.Comparable(expected, query) || golden.Agrees(expected, query, column, got);
    return right ? std::nullopt : std::optional(expected.rows[query][column]);
  };
  return scenario;
}

}  // namespace catena::parity
