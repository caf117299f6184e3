// SPDX-License-Identifier: Apache-2.0
// Expression: one SQL expression of a conf, as its author wrote it and as DuckDB understands it.
//
//   input   `spark`, the text of the conf; `duckdb`, the compiler's translation from the conf's
//           `catena.sql`, or the text itself when it is a plain column name
//   null    duckdb empty: never translated; whoever binds it refuses with RequireTranslated()

#pragma once

#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena::conf {

struct Expression {
  std::string spark;
  std::string duckdb;

  bool operator==(const Expression&) const = default;
};

// [A-Za-z_][A-Za-z0-9_]*, optionally in backticks: a column by name, no expression at all.
bool IsPlainColumn(std::string_view text);

// kInvalidConf with the remedy (`catena compile --from DIR`) when `duckdb` is empty.
Status RequireTranslated(const Expression& expression);

}  // namespace catena::conf
