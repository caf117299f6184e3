// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/entities/mutation_query.h"

#include "catena/sql/quote.h"

namespace catena::fetch {
namespace {

conf::Expression ColumnExpression(const std::string& name) { return {name, sql::QuoteName(name)}; }

}  // namespace

conf::Query MutationQuery(const conf::EntitySource& entities, const types::Schema& columns) {
  conf::Query query = entities.query;
  if (!query.has_selects) {
    for (const types::Field& field : columns.fields) {
      query.selects.emplace_back(field.name, ColumnExpression(field.name));
    }
    query.has_selects = true;
  }
  const auto select = [&](const char* name, const conf::Expression& given) {
    std::erase_if(query.selects, [&](const auto& other) { return other.first == name; });
    query.selects.emplace_back(name, given.spark.empty() ? ColumnExpression(name) : given);
  };
  select(kMutationTime, query.mutation_time_column);
  select(kReversal, query.reversal_column);
  return query;
}

Status CheckMutationColumns(const types::Schema& mutations, const types::Schema& snapshots) {
  for (const types::Field& field : snapshots.fields) {
    const auto at = mutations.Find(field.name);
    if (!at) {
      return InvalidConf("the mutations lack a column that the snapshots have: " + field.name);
    }
    const types::DataType& given = mutations.fields[*at].type;
    if (given == field.type) continue;
    return InvalidConf(
        "the mutation table gives another type than the snapshots; cast them alike in the "
        "selects: " +
        field.name + " " + types::TypeName(given) + " and " + types::TypeName(field.type));
  }
  const types::DataType& time = mutations.fields[*mutations.Find(kMutationTime)].type;
  if (time.kind != types::Kind::kLong && time.kind != types::Kind::kTimestamp) {
    return InvalidConf("the mutation time must be LONG, milliseconds since 1970; it is " +
                       types::TypeName(time));
  }
  const types::DataType& reversal = mutations.fields[*mutations.Find(kReversal)].type;
  if (reversal.kind == types::Kind::kBool) return Status();
  return InvalidConf("the reversal column must be BOOLEAN; it is " + types::TypeName(reversal));
}

}  // namespace catena::fetch
