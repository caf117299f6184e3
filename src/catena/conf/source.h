// SPDX-License-Identifier: Apache-2.0
// Source: where a GroupBy or the left side of a Join gets its rows, and the Query over them.
//
//   null    an absent `topic`, `table`, partition or time column is an empty string; absent
//           `selects` (has_selects false) mean all columns as they are
//   source  Chronon api.thrift EventSource, EntitySource, JoinSource, Query

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catena/conf/expression.h"

namespace catena::conf {

struct Join;

struct Query {
  bool has_selects = false;
  std::vector<std::pair<std::string, Expression>> selects;  // Output column, expression.
  std::vector<Expression> wheres;                           // All must hold.
  std::string start_partition;                              // Inclusive, "YYYY-MM-DD".
  std::string end_partition;                                // Inclusive.
  Expression time_column;                                   // Milliseconds since 1970.
  Expression mutation_time_column;
  Expression reversal_column;
};

struct EventSource {
  std::string table;
  std::string topic;
  Query query;
  bool is_cumulative = false;
};

struct EntitySource {
  std::string snapshot_table;
  std::string mutation_table;
  std::string mutation_topic;
  Query query;
};

struct JoinSource {
  std::shared_ptr<const Join> join;  // Never null.
  Query query;
};

using Source = std::variant<EventSource, EntitySource, JoinSource>;

const Query& QueryOf(const Source& source);
// The table of an EventSource or the snapshot table of an EntitySource; of a JoinSource, the
// output table of its Join.
std::string TableOf(const Source& source);
// The topic of an EventSource, the mutation topic of an EntitySource, of a JoinSource the topic of
// its Join's left side; empty when there is none.
std::string TopicOf(const Source& source);
// Whether its rows are entities, whole every day: those of an EntitySource, and of a JoinSource
// whose Join has entities on its left. Chronon's data model.
bool IsOfEntities(const Source& source);

}  // namespace catena::conf
