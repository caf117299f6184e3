// SPDX-License-Identifier: Apache-2.0
// Reads Chronon's thrift simple-JSON into the structs of this folder.
#include <algorithm>
#include <array>
#include <string_view>

#include "catena/conf/conf.h"
#include "catena/conf/dialect.h"
#include "catena/conf/external_part.h"
#include "catena/conf/json_reader.h"
#include "catena/conf/output_names.h"
#include "catena/conf/staging_query.h"

namespace catena::conf {
namespace {

// One pass over a GroupBy or Join and everything below it.
class Reader : private JsonReader {
 public:
  Reader(const Json& root, std::map<std::string, std::string> translations)
      : dialect_(DialectOf(root)), translations_(std::move(translations)) {}

  std::shared_ptr<const GroupBy> ReadGroupBy(const Json& json, const std::string& path);
  std::shared_ptr<const Join> ReadJoin(const Json& json, const std::string& path);
  using JsonReader::status;

 private:
  Expression ReadExpression(const std::string& spark) const;
  void CheckPartitions(const Json& query, const std::string& path);
  Query ReadQuery(const Json& json, const std::string& path);
  void ReadSourceInto(const Json& json, const std::string& path, std::vector<Source>* sources);
  Aggregation ReadAggregation(const Json& json, const std::string& path);
  Window ReadWindow(const Json& json, const std::string& path);
  std::vector<Derivation> ReadDerivations(const Json& json, const std::string& path);
  void CheckOutputs(const GroupBy& group_by, const std::string& path);
  void ReadSkewKeys(const Json& json, const std::string& path, Join* join);
  void ReadExternalParts(const Json& json, const std::string& path, Join* join);
  void ReadBootstrapParts(const Json& json, const std::string& path, Join* join);
  std::vector<JoinPart> ReadJoinParts(const Json& json, const char* name, const std::string& path);
  void ReadLabelPart(const Json& json, const std::string& path, Join* join);

  Dialect dialect_;
  std::map<std::string, std::string> translations_;
};

Expression Reader::ReadExpression(const std::string& spark) const {
  if (spark.empty()) return Expression{};
  const auto at = translations_.find(spark);
  if (at != translations_.end()) return Expression{spark, at->second};
  if (!IsPlainColumn(spark)) return Expression{spark, ""};
  const std::string name = spark.front() == '`' ? spark.substr(1, spark.size() - 2) : spark;
  return Expression{spark, "\"" + name + "\""};
}

Query Reader::ReadQuery(const Json& json, const std::string& path) {
  Query query;
  const Json* member = Member(json, "query", Json::value_t::object, path);
  if (member == nullptr) return query;
  const std::string here = path + ".query";
  query.has_selects = member->contains("selects") && !(*member)["selects"].is_null();
  for (const auto& [name, spark] : TextMap(*member, "selects", here)) {
    query.selects.emplace_back(name, ReadExpression(spark));
  }
  for (const std::string& spark : Texts(*member, "wheres", here)) {
    query.wheres.push_back(ReadExpression(spark));
  }
  query.start_partition = Text(*member, "startPartition", here);
  query.end_partition = Text(*member, "endPartition", here);
  for (const std::string& date : {query.start_partition, query.end_partition}) {
    if (!date.empty() && !ParseDate(date).ok()) {
      Complain(here, "a partition must be YYYY-MM-DD: \"" + date + "\"");
    }
  }
  CheckPartitions(*member, here);
  query.time_column = ReadExpression(Text(*member, "timeColumn", here));
  query.mutation_time_column = ReadExpression(Text(*member, "mutationTimeColumn", here));
  query.reversal_column = ReadExpression(Text(*member, "reversalColumn", here));
  return query;
}

// Which column and spelling the days have is seen on the table itself; what it can not be is not.
void Reader::CheckPartitions(const Json& query, const std::string& path) {
  const std::string format = Text(query, "partitionFormat", path);
  constexpr std::array<std::string_view, 5> kFormats = {"", "yyyy-MM-dd", "yyyyMMdd", "yyyy_MM_dd",
                                                        "yyyy.MM.dd"};
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end()) {
    Complain(path + ".partitionFormat",
             "must be yyyy-MM-dd, yyyyMMdd, yyyy_MM_dd or yyyy.MM.dd: \"" + format + "\"");
  }
  const Json* interval = Member(query, "partitionInterval", Json::value_t::object, path);
  if (interval == nullptr) return;
  const std::string here = path + ".partitionInterval";
  if (ReadWindow(*interval, here).Length() != kDay) {
    Complain(here, "must be one day: tables have a partition a day");
  }
}

// Chronon's tables may carry what to wait for behind a slash: `ns.table/hr=00:00`.
std::string WithoutSubPartition(const std::string& table) {
  return table.substr(0, table.find('/'));
}

// Chronon names a topic by itself or with settings behind slashes; both stay one string here.
void Reader::ReadSourceInto(const Json& json, const std::string& path,
                            std::vector<Source>* sources) {
  if (!json.is_object()) return Complain(path, "must be an object");
  const Json* events = Member(json, "events", Json::value_t::object, path);
  const Json* entities = Member(json, "entities", Json::value_t::object, path);
  const Json* chain = Member(json, "joinSource", Json::value_t::object, path);
  if ((events != nullptr) + (entities != nullptr) + (chain != nullptr) != 1) {
    return Complain(path, "must hold exactly one of events, entities, joinSource");
  }
  if (events != nullptr) {
    const std::string here = path + ".events";
    EventSource source{WithoutSubPartition(Text(*events, "table", here)),
                       Text(*events, "topic", here), ReadQuery(*events, here),
                       Flag(*events, "isCumulative", here)};
    if (source.table.empty()) Complain(here, "has no table");
    sources->emplace_back(std::move(source));
  } else if (entities != nullptr) {
    const std::string here = path + ".entities";
    EntitySource source{WithoutSubPartition(Text(*entities, "snapshotTable", here)),
                        WithoutSubPartition(Text(*entities, "mutationTable", here)),
                        Text(*entities, "mutationTopic", here), ReadQuery(*entities, here)};
    if (source.snapshot_table.empty()) Complain(here, "has no snapshotTable");
    sources->emplace_back(std::move(source));
  } else {
    const std::string here = path + ".joinSource";
    const Json* join = Member(*chain, "join", Json::value_t::object, here);
    if (join == nullptr) return Complain(here, "has no join");
    sources->emplace_back(JoinSource{ReadJoin(*join, here + ".join"), ReadQuery(*chain, here)});
  }
}

Window Reader::ReadWindow(const Json& json, const std::string& path) {
  Window window;
  if (!json.is_object()) {
    Complain(path, "must be an object");
    return window;
  }
  const int64_t length = Integer(json, "length", 0, path);
  const int64_t unit = Integer(json, "timeUnit", 1, path);
  if (length <= 0 || length > 1000000) Complain(path + ".length", "must be from 1 to 1,000,000");
  if (unit < 0 || unit > 2) {
    Complain(path + ".timeUnit", "must be 0 (hours), 1 (days) or 2 (minutes)");
    return window;
  }
  window.length = static_cast<int32_t>(length);
  window.unit = static_cast<TimeUnit>(unit);
  return window;
}

Aggregation Reader::ReadAggregation(const Json& json, const std::string& path) {
  Aggregation aggregation;
  if (!json.is_object()) {
    Complain(path, "must be an object");
    return aggregation;
  }
  aggregation.input_column = Text(json, "inputColumn", path);
  if (aggregation.input_column.empty()) Complain(path, "has no inputColumn");
  auto operation = OperationOf(Integer(json, "operation", 3, path), dialect_);
  if (operation.ok()) {
    aggregation.operation = *operation;
  } else {
    Complain(path + ".operation", operation.error().message);
  }
  aggregation.arguments = TextMap(json, "argMap", path);
  const auto& windows = Array(json, "windows", path);
  for (size_t i = 0; i < windows.size(); ++i) {
    aggregation.windows.push_back(
        ReadWindow(windows[i], path + ".windows[" + std::to_string(i) + "]"));
  }
  aggregation.buckets = Texts(json, "buckets", path);
  aggregation.element_wise = Flag(json, "elementWise", path);
  return aggregation;
}

std::vector<Derivation> Reader::ReadDerivations(const Json& json, const std::string& path) {
  std::vector<Derivation> derivations;
  const auto& elements = Array(json, "derivations", path);
  for (size_t i = 0; i < elements.size(); ++i) {
    const std::string here = path + ".derivations[" + std::to_string(i) + "]";
    if (!elements[i].is_object()) {
      Complain(here, "must be an object");
      continue;
    }
    const std::string spark = Text(elements[i], "expression", here);
    derivations.push_back(Derivation{Text(elements[i], "name", here), ReadExpression(spark)});
  }
  return derivations;
}

void Reader::CheckOutputs(const GroupBy& group_by, const std::string& path) {
  std::vector<std::string> names;
  for (const AggregationOutput& output : OutputsOf(group_by)) names.push_back(output.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    Complain(path + ".aggregations",
             "two aggregations have the same output name; give one of them another input column "
             "name in the selects: " +
                 *twice);
  }
}

std::shared_ptr<const GroupBy> Reader::ReadGroupBy(const Json& json, const std::string& path) {
  auto group_by = std::make_shared<GroupBy>();
  group_by->metadata = ReadMetaData(json, path);
  const auto& sources = Array(json, "sources", path);
  for (size_t i = 0; i < sources.size(); ++i) {
    ReadSourceInto(sources[i], path + ".sources[" + std::to_string(i) + "]", &group_by->sources);
  }
  if (sources.empty()) Complain(path, "has no sources");
  group_by->key_columns = Texts(json, "keyColumns", path);
  if (group_by->key_columns.empty()) Complain(path, "has no keyColumns");
  const auto& aggregations = Array(json, "aggregations", path);
  for (size_t i = 0; i < aggregations.size(); ++i) {
    group_by->aggregations.push_back(
        ReadAggregation(aggregations[i], path + ".aggregations[" + std::to_string(i) + "]"));
  }
  group_by->derivations = ReadDerivations(json, path);
  const bool streams = StreamingSource(*group_by) != nullptr;
  const int64_t accuracy = Integer(json, "accuracy", streams ? 0 : 1, path);
  if (accuracy < 0 || accuracy > 1) {
    Complain(path + ".accuracy", "must be 0 (TEMPORAL) or 1 (SNAPSHOT)");
  } else {
    group_by->accuracy = static_cast<Accuracy>(accuracy);
  }
  group_by->backfill_start_date = Text(json, "backfillStartDate", path);
  group_by->is_incremental = Flag(json, "isIncremental", path);
  if (const Json& custom = group_by->metadata.custom_json; custom.is_object()) {
    group_by->exact_windows = Flag(custom, "exact_windows", path + ".metaData.customJson");
  }
  CheckOutputs(*group_by, path);
  return group_by;
}

// Chronon splices the values into SQL, so texts come in quotes.
void Reader::ReadSkewKeys(const Json& json, const std::string& path, Join* join) {
  const Json* member = Member(json, "skewKeys", Json::value_t::object, path);
  if (member == nullptr) return;
  for (const auto& [key, ignored] : member->items()) {
    const bool is_key =
        std::any_of(join->join_parts.begin(), join->join_parts.end(), [&](const JoinPart& part) {
          const std::vector<std::string> keys = LeftKeys(part);
          return std::find(keys.begin(), keys.end(), key) != keys.end();
        });
    if (!is_key) {
      Complain(path + ".skewKeys", "names no left key column of a join part: " + key);
    }
    for (std::string value : Texts(*member, key.c_str(), path + ".skewKeys")) {
      const bool quoted = value.size() >= 2 && value.front() == '\'' && value.back() == '\'';
      join->skew_keys[key].push_back(quoted ? value.substr(1, value.size() - 2) : value);
    }
  }
}

// One with an offline GroupBy is a join part under another name.
void Reader::ReadExternalParts(const Json& json, const std::string& path, Join* join) {
  const auto& parts = Array(json, "onlineExternalParts", path);
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string here = path + ".onlineExternalParts[" + std::to_string(i) + "]";
    const Json* source =
        parts[i].is_object() ? Member(parts[i], "source", Json::value_t::object, here) : nullptr;
    if (source == nullptr) {
      Complain(here, "has no source");
      continue;
    }
    ExternalPart external = ReadExternalPart(parts[i], *source, here, this);
    const Json* offline = Member(*source, "offlineGroupBy", Json::value_t::object, here);
    if (offline == nullptr) {
      join->externals.push_back(std::move(external));
      continue;
    }
    JoinPart part;
    part.group_by = ReadGroupBy(*offline, here + ".source.offlineGroupBy");
    for (const auto& [from, to] : TextMap(parts[i], "keyMapping", here)) {
      part.key_mapping.emplace_back(from, to);
    }
    part.full_prefix = external.full_name;
    join->join_parts.push_back(std::move(part));
  }
}

void Reader::ReadBootstrapParts(const Json& json, const std::string& path, Join* join) {
  const auto& parts = Array(json, "bootstrapParts", path);
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string here = path + ".bootstrapParts[" + std::to_string(i) + "]";
    if (!parts[i].is_object()) {
      Complain(here, "must be an object");
      continue;
    }
    BootstrapPart part{Text(parts[i], "table", here), ReadQuery(parts[i], here),
                       Texts(parts[i], "keyColumns", here)};
    if (part.table.empty()) Complain(here, "has no table");
    if (part.key_columns.empty()) part.key_columns = join->row_ids;
    std::erase(part.key_columns, "ds");
    if (part.key_columns.empty()) {
      Complain(here, "has no keyColumns, and the Join has no rowIds that could stand for them");
    }
    join->bootstraps.push_back(std::move(part));
  }
}

std::vector<JoinPart> Reader::ReadJoinParts(const Json& json, const char* name,
                                            const std::string& path) {
  std::vector<JoinPart> read;
  const auto& parts = Array(json, name, path);
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string here = path + "." + name + "[" + std::to_string(i) + "]";
    const Json* group_by =
        parts[i].is_object() ? Member(parts[i], "groupBy", Json::value_t::object, here) : nullptr;
    if (group_by == nullptr) {
      Complain(here, "has no groupBy");
      continue;
    }
    JoinPart part;
    part.group_by = ReadGroupBy(*group_by, here + ".groupBy");
    for (const auto& [from, to] : TextMap(parts[i], "keyMapping", here)) {
      part.key_mapping.emplace_back(from, to);
    }
    part.prefix = Text(parts[i], "prefix", here);
    read.push_back(std::move(part));
  }
  return read;
}

void Reader::ReadLabelPart(const Json& json, const std::string& path, Join* join) {
  const Json* member = Member(json, "labelPart", Json::value_t::object, path);
  if (member == nullptr) return;
  const std::string here = path + ".labelPart";
  LabelPart part;
  part.labels = ReadJoinParts(*member, "labels", here);
  if (part.labels.empty()) Complain(here, "has no labels");
  const int64_t start = Integer(*member, "leftStartOffset", 0, here);
  const int64_t end = Integer(*member, "leftEndOffset", 0, here);
  if (end < 1 || start < end || start > 36500) {
    Complain(here, "wants leftStartOffset >= leftEndOffset >= 1, days before label_ds: " +
                       std::to_string(start) + ", " + std::to_string(end));
    return;
  }
  part.left_start_offset = static_cast<int32_t>(start);
  part.left_end_offset = static_cast<int32_t>(end);
  join->label_part = std::move(part);
}

std::shared_ptr<const Join> Reader::ReadJoin(const Json& json, const std::string& path) {
  auto join = std::make_shared<Join>();
  join->metadata = ReadMetaData(json, path);
  std::vector<Source> left;
  if (const Json* member = Member(json, "left", Json::value_t::object, path)) {
    ReadSourceInto(*member, path + ".left", &left);
  }
  if (left.empty()) {
    Complain(path, "has no left");
  } else {
    join->left = std::move(left[0]);
  }
  join->join_parts = ReadJoinParts(json, "joinParts", path);
  join->derivations = ReadDerivations(json, path);
  join->row_ids = Texts(json, "rowIds", path);
  ReadExternalParts(json, path, join.get());
  ReadBootstrapParts(json, path, join.get());
  ReadSkewKeys(json, path, join.get());
  ReadLabelPart(json, path, join.get());
  for (const auto& [name, into] :
       {std::pair{"bootstrapParts", &join->bootstrap_parts},
        std::pair{"onlineExternalParts", &join->online_external_parts}}) {
    if (json.contains(name)) *into = json[name];
  }
  return join;
}

Status ReadSchemas(const Json& extra, const std::string& path,
                   std::map<std::string, types::Schema>* schemas) {
  if (!extra.contains("schemas")) return Status();
  for (const auto& [table, columns] : extra["schemas"].items()) {
    types::Schema schema;
    for (const Json& column : columns) {
      if (!column.is_array() || column.size() != 2 || !column[0].is_string() ||
          !column[1].is_string()) {
        return InvalidConf(path + ": catena.schemas." + table + ": write [[\"column\",\"TYPE\"]]");
      }
      auto type = types::ParseType(column[1].get<std::string>());
      if (!type.ok()) {
        return type.error().WithContext(path + ": catena.schemas." + table);
      }
      schema.fields.push_back(types::Field{column[0].get<std::string>(), *type});
    }
    (*schemas)[table] = std::move(schema);
  }
  return Status();
}

}  // namespace

Result<Conf> ParseConf(const Json& json, const std::string& path) {
  if (!json.is_object()) return InvalidConf(path + ": a conf must be a JSON object");
  Conf conf;
  conf.path = path;
  std::map<std::string, std::string> translations;
  if (json.contains("catena")) {
    const Json& extra = json["catena"];
    if (!extra.is_object()) return InvalidConf(path + ": catena must be an object");
    JsonReader of_extra;
    of_extra.CheckVersion(extra);
    CATENA_RETURN_IF_ERROR(of_extra.status(path));
    const Json sql = extra.value("sql", Json::object());
    for (const auto& [spark, duckdb] : sql.items()) {
      if (duckdb.is_string()) translations[spark] = duckdb.get<std::string>();
    }
    for (const Json& sentence : extra.value("inferred", Json::array())) {
      if (sentence.is_string()) conf.inferred.push_back(sentence.get<std::string>());
    }
    CATENA_RETURN_IF_ERROR(ReadSchemas(extra, path, &conf.schemas));
  }
  Reader reader(json, std::move(translations));
  if (json.contains("joinParts") || json.contains("left")) {
    conf.definition = reader.ReadJoin(json, "");
  } else if (json.contains("sources")) {
    conf.definition = reader.ReadGroupBy(json, "");
  } else {
    return InvalidConf(path +
                       (IsStagingQuery(json)
                            ? ": is a StagingQuery; `catena staging-query-backfill` runs it"
                            : ": is neither a GroupBy (no `sources`) nor a Join (no `left`)"));
  }
  CATENA_RETURN_IF_ERROR(reader.status(path));
  return conf;
}

Result<Conf> ReadConf(const std::string& path) {
  CATENA_TRY(Json json, ReadJsonFile(path));
  try {
    return ParseConf(json, path);
  } catch (const Json::exception& error) {
    return InvalidConf(path + ": malformed conf: " + error.what());
  }
}

}  // namespace catena::conf
