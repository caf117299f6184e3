// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/staging_query.h"

#include "catena/base/time.h"
#include "catena/conf/json_reader.h"

namespace catena::conf {

bool IsStagingQuery(const Json& json) {
  return json.is_object() && json.contains("query") && json["query"].is_string();
}

Result<StagingQuery> ParseStagingQuery(const Json& json, const std::string& path) {
  if (!IsStagingQuery(json)) {
    return InvalidConf(path +
                       ": is no StagingQuery; `catena join` and `catena group-by-backfill` compute "
                       "Joins and GroupBys");
  }
  JsonReader reader;
  StagingQuery staging_query;
  staging_query.metadata = reader.ReadMetaData(json, "");
  staging_query.query = reader.Text(json, "query", "");
  if (staging_query.query.empty()) reader.Complain("", "has no query");
  staging_query.start_partition = reader.Text(json, "startPartition", "");
  if (!staging_query.start_partition.empty() && !ParseDate(staging_query.start_partition).ok()) {
    reader.Complain("startPartition", "must be YYYY-MM-DD: " + staging_query.start_partition);
  }
  staging_query.setups = reader.Texts(json, "setups", "");
  staging_query.create_view = reader.Flag(json, "createView", "");
  const Json* extra = reader.Member(json, "catena", Json::value_t::object, "");
  if (extra != nullptr) reader.CheckVersion(*extra);
  const Json* query =
      extra == nullptr ? nullptr : reader.Member(*extra, "query", Json::value_t::object, "catena");
  if (query != nullptr) {
    staging_query.duckdb = reader.Text(*query, "duckdb", "catena.query");
    staging_query.tables = reader.Texts(*query, "tables", "catena.query");
    staging_query.own_day = reader.Texts(*query, "own_day", "catena.query");
  }
  CATENA_RETURN_IF_ERROR(reader.status(path));
  return staging_query;
}

Result<StagingQuery> ReadStagingQuery(const std::string& path) {
  CATENA_TRY(const Json json, ReadJsonFile(path));
  return ParseStagingQuery(json, path);
}

}  // namespace catena::conf
