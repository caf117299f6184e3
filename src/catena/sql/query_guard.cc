// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/query_guard.h"

#include <algorithm>
#include <set>

#include "catena/base/json.h"
#include "catena/sql/quote.h"

namespace catena::sql {
namespace {

class Walk {
 public:
  explicit Walk(const std::vector<std::string>& tables) : tables_(tables.begin(), tables.end()) {}

  // Names of common table expressions, wherever they stand.
  void Collect(const Json& node) {
    if (node.is_object() && node.contains("cte_map")) {
      for (const Json& entry : node["cte_map"].at("map")) {
        own_.insert(entry.at("key").get<std::string>());
      }
    }
    if (!node.is_structured()) return;
    for (const Json& child : node) Collect(child);
  }

  Status Visit(const Json& node) const {
    if (node.is_object()) {
      const std::string type =
          node.contains("type") && node["type"].is_string() ? node["type"].get<std::string>() : "";
      if (type == "BASE_TABLE") CATENA_RETURN_IF_ERROR(VisitTable(node));
      if (type == "TABLE_FUNCTION" || type == "PIVOT" || type == "SHOW_REF") {
        return InvalidConf("it reads from something that is no table: " + type);
      }
    }
    if (!node.is_structured()) return Status();
    for (const Json& child : node) CATENA_RETURN_IF_ERROR(Visit(child));
    return Status();
  }

 private:
  Status VisitTable(const Json& node) const {
    const std::string schema = node.value("schema_name", "");
    const std::string name = node.value("table_name", "");
    const std::string catalog = node.value("catalog_name", "");
    if (catalog.empty() && schema.empty() && own_.contains(name)) return Status();
    if (catalog.empty() && tables_.contains(schema + "." + name)) return Status();
    return InvalidConf("it reads a table that `catena.query` does not list; compile it again: " +
                       (schema.empty() ? "" : schema + ".") + name);
  }

  std::set<std::string> tables_;
  std::set<std::string> own_;
};

}  // namespace

Status GuardQuery(Database* database, const std::string& query,
                  const std::vector<std::string>& tables) {
  const std::string where = "not allowed as a query";
  CATENA_TRY(const types::Batch answer,
             database->Query("SELECT json_serialize_sql(" + QuoteText(query) + ")::VARCHAR"));
  CATENA_TRY(const Json tree,
             ParseJson(std::string(answer.column(0).Text(0)), "syntax tree", 1024));
  try {
    if (tree.value("error", false)) {
      return InvalidConf("cannot parse: " + tree.value("error_message", "")).WithContext(where);
    }
    if (tree.at("statements").size() != 1) {
      return InvalidConf("one SELECT is wanted").WithContext(where);
    }
    Walk walk(tables);
    walk.Collect(tree);
    return walk.Visit(tree).WithContext(where);
  } catch (const Json::exception& e) {
    return Unsupported("DuckDB's syntax tree has another shape: " + std::string(e.what()))
        .WithContext(where);
  }
}

}  // namespace catena::sql
