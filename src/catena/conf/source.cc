// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/source.h"

#include <algorithm>

#include "catena/conf/group_by.h"
#include "catena/conf/join.h"
#include "catena/conf/output_names.h"

namespace catena::conf {

const Query& QueryOf(const Source& source) {
  return std::visit([](const auto& held) -> const Query& { return held.query; }, source);
}

std::string TableOf(const Source& source) {
  if (const auto* events = std::get_if<EventSource>(&source)) return events->table;
  if (const auto* entities = std::get_if<EntitySource>(&source)) return entities->snapshot_table;
  return OutputTable(std::get<JoinSource>(source).join->metadata);
}

std::string TopicOf(const Source& source) {
  if (const auto* events = std::get_if<EventSource>(&source)) return events->topic;
  if (const auto* entities = std::get_if<EntitySource>(&source)) return entities->mutation_topic;
  return TopicOf(std::get<JoinSource>(source).join->left);
}

bool IsOfEntities(const Source& source) {
  if (const auto* chain = std::get_if<JoinSource>(&source)) return IsOfEntities(chain->join->left);
  return std::holds_alternative<EntitySource>(source);
}

const Source* StreamingSource(const GroupBy& group_by) {
  for (const Source& source : group_by.sources) {
    if (!TopicOf(source).empty()) return &source;
  }
  return nullptr;
}

bool IsEntity(const GroupBy& group_by) { return IsOfEntities(group_by.sources.front()); }

const JoinSource* ChainOf(const GroupBy& group_by) {
  for (const Source& source : group_by.sources) {
    if (const auto* chain = std::get_if<JoinSource>(&source)) return chain;
  }
  return nullptr;
}

std::vector<std::string> LeftKeys(const JoinPart& part) {
  std::vector<std::string> keys;
  for (const std::string& key : part.group_by->key_columns) {
    std::string left = key;
    for (const auto& [from, to] : part.key_mapping) {
      if (to == key) left = from;
    }
    keys.push_back(std::move(left));
  }
  return keys;
}

std::vector<std::string> RowIdentifier(const Join& join) {
  std::vector<std::string> columns = join.row_ids;
  std::erase(columns, "ds");
  if (!columns.empty() || !join.label_part) return columns;
  for (const JoinPart& label : join.label_part->labels) {
    for (const std::string& key : LeftKeys(label)) {
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  return columns;
}

}  // namespace catena::conf
