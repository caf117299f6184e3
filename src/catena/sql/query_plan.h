// SPDX-License-Identifier: Apache-2.0
// QueryPlan: the columns and conditions of a Query over a schema, as DuckDB expressions.
//
// Spelled once for streams (Projection) and for tables (Table::ScanQuery), so that both compute the
// same.
//
//   output  columns: the selects in order, or every input column, then `ts` when the Query has a
//           time column and no select is named `ts`
//   errors  kInvalidConf with every violation at once: untranslated, not one scalar expression, or
//           a column that the input does not have (the message lists those it has)
//   threads no shared state

#pragma once

#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/conf/source.h"
#include "catena/sql/database.h"
#include "catena/types/schema.h"

namespace catena::sql {

// The column that the time column of a Query becomes: milliseconds since 1970.
inline constexpr const char* kTimeColumn = "ts";

struct PlannedExpression {
  std::string name;    // Output column; empty for a where.
  std::string duckdb;  // Stands by itself in a SELECT: parenthesised, or one quoted column.
  // The input column when the expression is nothing but that, else empty.
  std::string plain_column;
  std::string spark;                 // As the author wrote it; for messages.
  std::vector<std::string> columns;  // Of the input, that it reads.
};

struct QueryPlan {
  std::vector<PlannedExpression> columns;
  std::vector<PlannedExpression> wheres;
};

Result<QueryPlan> PlanQuery(Database* database, const conf::Query& query,
                            const types::Schema& input);

// One expression over `input`; `what` names it in the error: "select `x`".
Result<PlannedExpression> PlanExpression(Database* database, const std::string& what,
                                         const conf::Expression& expression,
                                         const types::Schema& input);

}  // namespace catena::sql
