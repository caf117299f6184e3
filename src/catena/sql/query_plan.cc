// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/query_plan.h"

#include <strings.h>

#include <algorithm>
#include <optional>

#include "catena/sql/engine.h"
#include "catena/sql/expression_guard.h"
#include "catena/sql/quote.h"

namespace catena::sql {

namespace {

// Exactly that name, else the only one that differs in case alone: SQL does not tell them apart.
std::optional<size_t> FindColumn(const types::Schema& input, std::string_view name) {
  if (const auto exact = input.Find(name)) return exact;
  std::optional<size_t> found;
  for (size_t i = 0; i < input.size(); ++i) {
    const std::string& candidate = input.fields[i].name;
    if (candidate.size() != name.size() ||
        strncasecmp(candidate.data(), name.data(), name.size()) != 0) {
      continue;
    }
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

// The name in a text that is a column and nothing else, quoted or not; else empty.
std::string ColumnName(const std::string& text) {
  if (conf::IsPlainColumn(text)) {
    return text.front() == '`' ? text.substr(1, text.size() - 2) : text;
  }
  if (text.size() < 3 || text.front() != '"' || text.back() != '"') return "";
  std::string name;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '"') {
      if (text[i + 1] != '"' || i + 2 >= text.size()) return "";
      ++i;
    }
    name += text[i];
  }
  return name;
}

Error UnknownColumn(const std::string& what, const std::string& column, const std::string& text,
                    const types::Schema& input) {
  return InvalidConf(what + ": no such column: " + column + "; expression: " + text +
                     "; columns: " + (input.size() == 0 ? "none" : input.ToString()));
}

Status CheckNames(const types::Schema& input) {
  for (size_t i = 0; i < input.size(); ++i) {
    for (size_t j = i + 1; j < input.size(); ++j) {
      if (strcasecmp(input.fields[i].name.c_str(), input.fields[j].name.c_str()) == 0) {
        return InvalidConf("SQL cannot tell these two columns apart; rename one: " +
                           input.fields[i].name + ", " + input.fields[j].name);
      }
    }
  }
  return Status();
}

}  // namespace

Result<PlannedExpression> PlanExpression(Database* database, const std::string& what,
                                         const conf::Expression& expression,
                                         const types::Schema& input) {
  const Status translated = conf::RequireTranslated(expression);
  if (!translated.ok()) return translated.error().WithContext(what);
  PlannedExpression planned;
  planned.spark = expression.spark.empty() ? expression.duckdb : expression.spark;
  if (expression.duckdb.empty()) return InvalidConf(what + ": the expression is empty");

  const std::string name = ColumnName(expression.duckdb);
  if (!name.empty()) {
    if (const auto column = FindColumn(input, name)) {
      planned.plain_column = input.fields[*column].name;
      planned.duckdb = QuoteName(planned.plain_column);
      planned.columns = {planned.plain_column};
      return planned;
    }
  }
  CATENA_TRY(const auto guarded, database->Guard(expression.duckdb).WithContext(what));
  for (const std::string& read : guarded.columns) {
    const auto column = FindColumn(input, read);
    if (!column) return UnknownColumn(what, read, planned.spark, input);
    planned.columns.push_back(input.fields[*column].name);
  }
  for (const std::string& read : guarded.maybe_columns) {
    if (const auto column = FindColumn(input, read)) {
      planned.columns.push_back(input.fields[*column].name);
    }
  }
  planned.duckdb = "(" + guarded.duckdb + "\n)";
  return planned;
}

Result<QueryPlan> PlanQuery(Database* database, const conf::Query& query,
                            const types::Schema& input) {
  CATENA_RETURN_IF_ERROR(CheckNames(input));
  QueryPlan plan;
  std::string violations;
  const auto add = [&](const std::string& what, const std::string& name,
                       const conf::Expression& expression,
                       std::vector<PlannedExpression>* into) -> Status {
    auto planned = PlanExpression(database, what, expression, input);
    if (planned.ok()) {
      planned->name = name;
      into->push_back(std::move(planned).value());
      return Status();
    }
    if (planned.error().code != ErrorCode::kInvalidConf) return planned.error();
    violations += (violations.empty() ? "" : "\n") + planned.error().message;
    return Status();
  };

  bool has_ts = false;
  if (!query.has_selects) {
    for (const types::Field& field : input.fields) {
      plan.columns.push_back(
          {field.name, QuoteName(field.name), field.name, field.name, {field.name}});
      has_ts |= field.name == kTimeColumn;
    }
  }
  for (const auto& [name, expression] : query.selects) {
    CATENA_RETURN_IF_ERROR(add("select " + name, name, expression, &plan.columns));
    has_ts |= name == kTimeColumn;
  }
  const conf::Expression& time = query.time_column;
  if ((!time.spark.empty() || !time.duckdb.empty()) && !has_ts) {
    CATENA_RETURN_IF_ERROR(add("time column", kTimeColumn, time, &plan.columns));
  }
  for (const conf::Expression& where : query.wheres) {
    CATENA_RETURN_IF_ERROR(add("where", "", where, &plan.wheres));
  }
  if (!violations.empty()) return InvalidConf(violations);
  if (!plan.columns.empty() && plan.columns.back().name == kTimeColumn && !has_ts) {
    PlannedExpression& ts = plan.columns.back();
    const auto column = ts.plain_column.empty() ? std::nullopt : input.Find(ts.plain_column);
    const types::Kind kind = column ? input.fields[*column].type.kind : types::Kind::kLong;
    if (kind == types::Kind::kTimestamp || kind == types::Kind::kDate) {
      return InvalidConf("time column: must be milliseconds, is " +
                         types::TypeName(input.fields[*column].type) + "; say unix_millis(" +
                         ts.spark + ")");
    }
    if (!column || input.fields[*column].type != types::DataType(types::Kind::kLong)) {
      ts.duckdb = "CAST(" + ts.duckdb + " AS BIGINT)";
      ts.plain_column.clear();
    }
  }
  return plan;
}

}  // namespace catena::sql
