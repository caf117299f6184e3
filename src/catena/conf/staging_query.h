// SPDX-License-Identifier: Apache-2.0
// StagingQuery: a free query whose rows become a table, day by day.
//
//   input    Chronon's thrift simple-JSON, and `catena.query`: its translation and the tables it
//            reads (docs/reference/conf.md)
//   null     `duckdb` empty: never translated; whoever runs it refuses
//   source   Chronon api.thrift StagingQuery

#pragma once

#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/conf/metadata.h"

namespace catena::conf {

struct StagingQuery {
  MetaData metadata;
  std::string query;   // Spark SQL, as its author wrote it.
  std::string duckdb;  // The same for DuckDB; macros stand in it.
  std::vector<std::string> tables;
  std::vector<std::string> own_day;  // Those of which a day reads its own partition alone.
  std::string start_partition;
  std::vector<std::string> setups;
  bool create_view = false;
};

// kInvalidConf with every violation; also when the conf is a GroupBy or a Join, with their verb.
Result<StagingQuery> ReadStagingQuery(const std::string& path);
Result<StagingQuery> ParseStagingQuery(const Json& json, const std::string& path);

// True of JSON that ParseStagingQuery is meant for.
bool IsStagingQuery(const Json& json);

// As MeaningOf of GroupBys and Joins: of the query alone.
std::string MeaningOf(const StagingQuery& staging_query);

}  // namespace catena::conf
