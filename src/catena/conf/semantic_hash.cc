// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/semantic_hash.h"

#include <fmt/format.h>

#include "catena/base/hash.h"
#include "catena/base/json.h"
#include "catena/conf/staging_query.h"

namespace catena::conf {
namespace {

Json Describe(const Join& join);

// What DuckDB computes; an expression that was never translated is only known by its text.
Json Describe(const Expression& expression) {
  return expression.duckdb.empty() ? expression.spark : expression.duckdb;
}

Json Describe(const Query& query, bool with_partitions) {
  Json selects = Json::object();
  for (const auto& [name, expression] : query.selects) selects[name] = Describe(expression);
  Json wheres = Json::array();
  for (const Expression& where : query.wheres) wheres.push_back(Describe(where));
  Json json = {{"selects", query.has_selects ? selects : Json()},
               {"wheres", wheres},
               {"time", Describe(query.time_column)},
               {"mutation_time", Describe(query.mutation_time_column)},
               {"reversal", Describe(query.reversal_column)}};
  if (with_partitions) json["partitions"] = {query.start_partition, query.end_partition};
  return json;
}

Json Describe(const Source& source, bool with_partitions) {
  Json json = {{"query", Describe(QueryOf(source), with_partitions)}};
  if (const auto* events = std::get_if<EventSource>(&source)) {
    json["events"] = events->table;
    json["cumulative"] = events->is_cumulative;
  } else if (const auto* entities = std::get_if<EntitySource>(&source)) {
    json["snapshots"] = entities->snapshot_table;
    json["mutations"] = entities->mutation_table;
  } else {
    json["join"] = Describe(*std::get<JoinSource>(source).join);
    if (IsOfEntities(source)) json["rows"] = "entities";  // They were folded as events once.
  }
  return json;
}

Json Describe(const Aggregation& aggregation) {
  Json windows = Json::array();
  for (const Window& window : aggregation.windows) windows.push_back(window.Suffix());
  return {{"input", aggregation.input_column},  {"operation", OperationName(aggregation.operation)},
          {"arguments", aggregation.arguments}, {"windows", windows},
          {"buckets", aggregation.buckets},     {"element_wise", aggregation.element_wise}};
}

Json Describe(const std::vector<Derivation>& derivations) {
  Json json = Json::array();
  for (const Derivation& derivation : derivations) {
    json.push_back({derivation.name, Describe(derivation.expression)});
  }
  return json;
}

Json Describe(const GroupBy& group_by) {
  Json sources = Json::array();
  for (const Source& source : group_by.sources) sources.push_back(Describe(source, true));
  Json aggregations = Json::array();
  for (const Aggregation& one : group_by.aggregations) aggregations.push_back(Describe(one));
  Json json = {{"sources", sources},
               {"keys", group_by.key_columns},
               {"aggregations", aggregations},
               {"accuracy", group_by.accuracy == Accuracy::kTemporal ? "TEMPORAL" : "SNAPSHOT"},
               {"derivations", Describe(group_by.derivations)}};
  if (group_by.exact_windows) json["exact_windows"] = true;  // Else as before there was the choice.
  return json;
}

Json Describe(const std::vector<JoinPart>& join_parts) {
  Json parts = Json::array();
  for (const JoinPart& part : join_parts) {
    parts.push_back({{"group_by", Describe(*part.group_by)},
                     {"name", CleanName(part.group_by->metadata.name)},
                     {"key_mapping", part.key_mapping},
                     {"prefix", part.prefix}});
  }
  return parts;
}

Json Describe(const Join& join) {
  Json json = {{"left", Describe(join.left, false)},
               {"parts", Describe(join.join_parts)},
               {"derivations", Describe(join.derivations)},
               {"row_ids", join.row_ids},
               {"bootstrap", join.bootstrap_parts},
               {"external", join.online_external_parts},
               {"label", Json()}};  // As in the first fingerprints that are stored.
  // Later than the first fingerprints that are stored, so it is there only where it says something.
  if (!join.skew_keys.empty()) json["skew_keys"] = join.skew_keys;
  return json;
}

std::string Fingerprint(const Json& description) {
  return fmt::format("{:016x}", HashBytes(PrintJson(description)));
}

}  // namespace

std::string MeaningOf(const StagingQuery& staging_query) {
  return Fingerprint(
      {{"query", staging_query.duckdb.empty() ? staging_query.query : staging_query.duckdb}});
}

std::string MeaningOf(const GroupBy& group_by) { return Fingerprint(Describe(group_by)); }
std::string MeaningOf(const Join& join) { return Fingerprint(Describe(join)); }
std::string MeaningOfLabels(const Join& join) {
  return Fingerprint(
      {{"labels", Describe(join.label_part->labels)}, {"rows", RowIdentifier(join)}});
}

}  // namespace catena::conf
