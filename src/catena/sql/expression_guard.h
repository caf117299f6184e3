// SPDX-License-Identifier: Apache-2.0
// ExpressionGuard: tells a single scalar expression from any other SQL, before it is run.
//
// A conf is data: its selects, wheres and time columns may compute from the row at hand and nothing
// else. DuckDB parses the text, and its syntax tree must be one select item without FROM, WHERE,
// LIMIT, UNION or alias, made of columns, constants, operators, casts and scalar functions.
//
//   output  the columns that the expression names, as written, each once
//   errors  kInvalidConf with the expression: subquery, window, aggregate, `*`, parameter, several
//           expressions, `;`, a function whose answer depends on more than the row
//   threads one guard may be used from many threads at once

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catena/base/result.h"

namespace catena::sql {

class Engine;

struct GuardedExpression {
  std::string duckdb;                // Safe to stand between parentheses in a SELECT.
  std::vector<std::string> columns;  // First part of every column reference.
  // Lambda parameters, which are columns where `->` means JSON.
  std::vector<std::string> maybe_columns;
};

Result<GuardedExpression> GuardExpression(Engine* engine, const std::string& duckdb);

}  // namespace catena::sql
