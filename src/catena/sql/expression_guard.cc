// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/expression_guard.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "catena/base/json.h"
#include "catena/sql/engine.h"

namespace catena::sql {

namespace {

constexpr std::array<std::string_view, 13> kAllowedClasses = {
    "BETWEEN",  "CASE",     "CAST",   "COLLATE",    "COLUMN_REF", "COMPARISON", "CONJUNCTION",
    "CONSTANT", "FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR",   "TYPE"};

// Not marked in DuckDB's catalog: they read the process or answer with several rows.
constexpr std::array<std::string_view, 6> kRefusedFunctions = {
    "current_setting", "getenv", "getvariable", "unnest", "unlist", "generate_subscripts"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

FunctionUse UseOf(const std::string& name, const std::string& type, const std::string& stability,
                  const std::string& macro) {
  const bool refused = std::find(kRefusedFunctions.begin(), kRefusedFunctions.end(), name) !=
                       kRefusedFunctions.end();
  if (type == "aggregate") return FunctionUse::kAggregate;
  if (type == "table" || type == "table_macro" || type == "pragma") return FunctionUse::kRows;
  if (refused) {
    return name.starts_with("un") || name.starts_with("gen") ? FunctionUse::kRows
                                                             : FunctionUse::kUnsteady;
  }
  // `error` is volatile in the catalog so that it is not computed early; it reads nothing.
  if (type == "scalar" && !stability.empty() && stability != "CONSISTENT" && name != "error") {
    return FunctionUse::kUnsteady;
  }
  if (macro.find("SELECT ") != std::string::npos || macro.find("unnest(") != std::string::npos) {
    return FunctionUse::kRows;
  }
  for (const std::string_view unsteady : {"current_", "sleep_ms"}) {
    if (macro.find(unsteady) != std::string::npos) return FunctionUse::kUnsteady;
  }
  for (const std::string_view aggregate : {"sum(", "avg(", "string_agg("}) {
    if (macro.find(aggregate) != std::string::npos) return FunctionUse::kAggregate;
  }
  return FunctionUse::kScalar;
}

// Walks the syntax tree of one expression.
class Walk {
 public:
  Walk(const std::map<std::string, FunctionUse>& functions, GuardedExpression* out)
      : functions_(functions), out_(out) {}

  Status Visit(const Json& node) {
    if (node.is_array()) {
      for (const Json& element : node) CATENA_RETURN_IF_ERROR(Visit(element));
      return Status();
    }
    if (!node.is_object()) return Status();
    const std::string kind = node.value("class", "");
    if (!kind.empty()) CATENA_RETURN_IF_ERROR(Judge(kind, node));
    if (kind == "CONSTANT") return Status();
    if (kind == "LAMBDA") return VisitLambda(node);
    for (const auto& [key, child] : node.items()) {
      if (key != "cast_type") CATENA_RETURN_IF_ERROR(Visit(child));
    }
    return Status();
  }

 private:
  Status Judge(const std::string& kind, const Json& node) {
    if (std::find(kAllowedClasses.begin(), kAllowedClasses.end(), kind) == kAllowedClasses.end()) {
      return InvalidConf("a single expression over one row's columns is wanted, without " +
                         Lower(kind));
    }
    if (kind == "COLUMN_REF") {
      AddColumn(node.at("column_names").at(0).get<std::string>());
    } else if (kind == "FUNCTION") {
      return JudgeFunction(Lower(node.value("function_name", "")));
    }
    return Status();
  }

  Status JudgeFunction(const std::string& name) const {
    const auto found = functions_.find(name);
    if (found == functions_.end()) return Status();  // DuckDB's binder names it and the likes.
    switch (found->second) {
      case FunctionUse::kScalar:
        return Status();
      case FunctionUse::kAggregate:
        return InvalidConf("an aggregate over rows belongs in Aggregations, not here: " + name);
      case FunctionUse::kUnsteady:
        return InvalidConf(
            "a function whose answer depends on more than the row cannot give the "
            "same feature offline and online: " +
            name);
      case FunctionUse::kRows:
        return InvalidConf("a function that gives rows is not a single expression: " + name);
    }
    return Status();
  }

  Status VisitLambda(const Json& node) {
    // The parameters are names of the lambda's own.
    GuardedExpression parameters;
    CATENA_RETURN_IF_ERROR(Walk(functions_, &parameters).Visit(node.at("lhs")));
    // `j -> '$.a'` has the same shape, and there `j` is a column.
    for (const std::string& name : parameters.columns) out_->maybe_columns.push_back(name);
    const size_t before = local_.size();
    local_.insert(local_.end(), parameters.columns.begin(), parameters.columns.end());
    CATENA_RETURN_IF_ERROR(Visit(node.at("expr")));
    local_.resize(before);
    return Status();
  }

  void AddColumn(const std::string& name) {
    const auto has = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (!has(local_) && !has(out_->columns)) out_->columns.push_back(name);
  }

  const std::map<std::string, FunctionUse>& functions_;
  GuardedExpression* out_;
  std::vector<std::string> local_;
};

// The one select item of `SELECT <expression>` and nothing around it.
Result<Json> OnlyItem(const Json& tree) {
  if (tree.value("error", false)) {
    return InvalidConf("cannot parse: " + tree.value("error_message", ""));
  }
  const Json& statements = tree.at("statements");
  if (statements.size() != 1) return InvalidConf("one expression is wanted, not statements");
  const Json& node = statements[0].at("node");
  const auto absent = [&](const char* key) {
    const Json value = node.value(key, Json());
    return value.is_null() || (value.is_array() && value.empty());
  };
  if (node.at("type") != "SELECT_NODE" || node.at("from_table").at("type") != "EMPTY" ||
      !absent("modifiers") || !absent("where_clause") || !absent("group_expressions") ||
      !absent("group_sets") || !absent("having") || !absent("sample") || !absent("qualify") ||
      !node.at("cte_map").at("map").empty()) {
    return InvalidConf(
        "one expression is wanted, without FROM, WHERE, GROUP BY, ORDER BY, LIMIT, "
        "UNION or WITH");
  }
  const Json& items = node.at("select_list");
  if (items.size() != 1) return InvalidConf("one expression is wanted, not a list of them");
  if (!items[0].value("alias", "").empty()) {
    return InvalidConf("an expression is wanted without a name of its own: " +
                       items[0].value("alias", ""));
  }
  return items[0];
}

Result<std::string> SyntaxTree(Connection* connection, const std::string& text) {
  CATENA_TRY(auto statement, connection->Prepare("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR"));
  CATENA_RETURN_IF_ERROR(statement.BindText(1, text));
  CATENA_TRY(auto answer, statement.Run(/*streaming=*/false));
  CATENA_TRY(auto readers, answer.Readers());
  CATENA_TRY(auto chunk, answer.Next());
  types::Column column(types::Kind::kString);
  readers[0].Append(duckdb_data_chunk_get_vector(chunk.get(), 0), 0, 1, &column);
  return std::string(column.Text(0));
}

}  // namespace

Result<std::shared_ptr<const std::map<std::string, FunctionUse>>> Engine::Functions() {
  {
    const std::lock_guard lock(mutex_);
    if (functions_ != nullptr) return functions_;
  }
  auto functions = std::make_shared<std::map<std::string, FunctionUse>>();
  CATENA_TRY(auto connection, Connect());
  CATENA_TRY(auto statement,
             connection.Prepare("SELECT function_name, function_type, coalesce(stability, ''), "
                                "coalesce(macro_definition, '') FROM duckdb_functions()"));
  CATENA_TRY(auto answer, statement.Run(/*streaming=*/false));
  CATENA_TRY(auto readers, answer.Readers());
  while (true) {
    CATENA_TRY(auto chunk, answer.Next());
    if (chunk.get() == nullptr) break;
    const idx_t rows = duckdb_data_chunk_get_size(chunk.get());
    std::vector<types::Column> columns(4, types::Column(types::Kind::kString));
    for (size_t i = 0; i < columns.size(); ++i) {
      readers[i].Append(duckdb_data_chunk_get_vector(chunk.get(), i), 0, rows, &columns[i]);
    }
    for (idx_t row = 0; row < rows; ++row) {
      const std::string name = Lower(columns[0].Text(row));
      const FunctionUse use =
          UseOf(name, std::string(columns[1].Text(row)), std::string(columns[2].Text(row)),
                std::string(columns[3].Text(row)));
      // A name with several meanings (`range` is a list and a table) is what it is in a select.
      const auto [at, added] = functions->emplace(name, use);
      if (!added && (at->second == FunctionUse::kRows || use == FunctionUse::kUnsteady)) {
        if (use != FunctionUse::kRows) at->second = use;
      }
    }
  }
  const std::lock_guard lock(mutex_);
  functions_ = std::move(functions);
  return functions_;
}

Result<GuardedExpression> GuardExpression(Engine* engine, const std::string& duckdb) {
  const auto guarded = [&]() -> Result<GuardedExpression> {
    if (duckdb.find('\0') != std::string::npos) return InvalidConf("a zero byte is not SQL");
    CATENA_TRY(const auto functions, engine->Functions());
    CATENA_TRY(auto connection, engine->Connect());
    // Without parentheses, `a, b` shows as two; within them, a closing `)` or `;` fails to parse.
    CATENA_TRY(const std::string bare, SyntaxTree(&connection, "SELECT " + duckdb + "\n"));
    CATENA_TRY(const std::string closed, SyntaxTree(&connection, "SELECT (" + duckdb + "\n)"));
    for (const std::string* text : {&bare, &closed}) {
      CATENA_TRY(const Json tree, ParseJson(*text, "syntax tree", 1024));
      CATENA_TRY(const Json item, OnlyItem(tree));
      GuardedExpression expression{duckdb, {}, {}};
      CATENA_RETURN_IF_ERROR(Walk(*functions, &expression).Visit(item));
      if (text == &closed) return expression;
    }
    return InvalidConf("cannot parse");
  };
  const std::string where = "not allowed as an expression: " + duckdb;
  try {
    return guarded().WithContext(where);
  } catch (const Json::exception& e) {
    return Unsupported("DuckDB's syntax tree has another shape: " + std::string(e.what()))
        .WithContext(where);
  }
}

}  // namespace catena::sql
