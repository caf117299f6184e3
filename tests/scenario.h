// SPDX-License-Identifier: Apache-2.0
// Scenario: one folder of tests/scenarios: a Join, the rows of its tables, queries, answers.
//
//   conf.json      the final Join, compiled; topics are named by their table
//   scenario.json  about; topics: table -> column that picks the partition; upload_day: the upload
//                  of some modes happens at the beginning of this day
//   <table>.csv    rows in the order of their appending, with append_ts when they came late; of an
//                  entity, with ds. An empty cell is null
//   expected.csv   one line a query (t.queries.csv), written by scenarios/expected.py
//
//   errors   ADD_FAILURE and an empty Scenario: the files are part of the test

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/time.h"
#include "catena/types/schema.h"
#include "catena/types/value.h"

namespace catena::scenario {

using Row = std::vector<types::Value>;

struct ScenarioTable {
  std::string name;
  types::Schema schema;
  std::string topic_key;  // Column; empty: no topic.
  std::vector<Row> rows;
  std::vector<int64_t> append_time;  // By row; when a row became known.
  std::vector<Date> day;             // By row: the partition of the table it lands in.
};

struct Scenario {
  std::string name;
  Json conf;
  Date upload_day;
  std::vector<ScenarioTable> tables;
  ScenarioTable queries;              // Also a table of the warehouse.
  std::vector<std::string> features;  // Columns of the answer.
  // What was expected instead of `got`, a value of `type`; nothing when it is right.
  std::function<std::optional<types::Value>(size_t query, size_t feature,
                                            const types::DataType& type, const types::Value& got)>
      mismatch;
};

Scenario ReadScenario(const std::string& name);
std::vector<std::string> ScenarioNames();

}  // namespace catena::scenario
