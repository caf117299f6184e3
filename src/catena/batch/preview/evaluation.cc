// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/preview/evaluation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "catena/base/settings.h"
#include "catena/batch/runner.h"
#include "catena/conf/output_names.h"
#include "catena/fetch/entities/mutation_query.h"

namespace catena::batch {
namespace {

using types::DataType;
using types::Kind;
using types::Value;

constexpr char kQueriesTable[] = "eval.queries";
constexpr char kQueriesJoin[] = "queries_answered";

// "2026-11-20", then maybe " 12:00", ":05", ".250" and "Z"; a T may stand for the space.
std::optional<int64_t> MillisOf(const std::string& text) {
  const auto day = ParseDate(text.substr(0, 10));
  if (!day.ok()) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(10);
  if (rest.ends_with('Z')) rest.remove_suffix(1);
  int64_t millis = 0;
  // Separator, digits, milliseconds of one, and how many there may be.
  struct Piece {
    std::string_view separators;
    int64_t unit;
    int64_t below;
  };
  for (const Piece& piece : {Piece{" T", 3'600'000, 24}, Piece{":", 60'000, 60},
                             Piece{":", 1000, 60}, Piece{".", 1, 1000}}) {
    if (rest.empty()) break;
    const size_t digits = piece.unit == 1 ? 3 : 2;
    if (piece.separators.find(rest[0]) == std::string_view::npos || rest.size() < digits + 1) {
      return std::nullopt;
    }
    int64_t number = 0;
    const char* end = rest.data() + digits + 1;
    if (std::from_chars(rest.data() + 1, end, number).ptr != end || number >= piece.below) {
      return std::nullopt;
    }
    millis += number * piece.unit;
    rest.remove_prefix(digits + 1);
  }
  if (!rest.empty()) return std::nullopt;
  return ToMillis(day->Start()) + millis;
}

std::optional<DataType> TypeOf(const Json& value) {
  if (value.is_boolean()) return Kind::kBool;
  if (value.is_number_integer()) return Kind::kLong;
  if (value.is_number()) return Kind::kDouble;
  if (value.is_string()) {
    return MillisOf(value.get<std::string>()) ? DataType(Kind::kLong) : DataType(Kind::kString);
  }
  if (value.is_array()) {
    for (const Json& element : value) {
      if (const auto type = TypeOf(element)) return DataType::List(*type);
    }
  }
  return std::nullopt;
}

// Columns in the order of their first appearance would depend on JSON's; they are sorted by name.
Result<types::Schema> SchemaOf(const std::string& table, const std::vector<Json>& rows) {
  std::map<std::string, DataType> columns;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const auto& [name, value] : rows[i].items()) {
      const auto type = TypeOf(value);
      if (name == "ds" || !type) continue;
      const auto [at, added] = columns.emplace(name, *type);
      if (added || at->second == *type) continue;
      if (!at->second.IsNumeric() || !type->IsNumeric()) {
        return InvalidConf("rows of " + table + ", row " + std::to_string(i + 1) + ", column " +
                           name + ": " + types::TypeName(*type) + " here, " +
                           types::TypeName(at->second) + " before");
      }
      at->second = Kind::kDouble;
    }
  }
  types::Schema schema;
  for (const auto& [name, type] : columns) schema.fields.push_back({name, type});
  return schema;
}

class TableRows {
 public:
  // A row that has no ds is of the day of its `time_column`; when that is empty, of none.
  TableRows(std::string table, types::Schema schema, std::string time_column)
      : table_(std::move(table)),
        schema_(std::move(schema)),
        time_column_(std::move(time_column)) {}

  Status Add(const Json& row, size_t number) {
    const std::string where = "rows of " + table_ + ", row " + std::to_string(number);
    if (!row.is_object()) {
      return InvalidConf(where + ": a row is a mapping of columns to values: " + PrintJson(row));
    }
    for (const auto& [name, value] : row.items()) {
      if (name == "ds" || schema_.Find(name)) continue;
      std::vector<std::string> known;
      for (const types::Field& field : schema_.fields) known.push_back(field.name);
      const std::vector<std::string> near = NearestNames(name, known);
      return InvalidConf(where + ": no such column" +
                         (near.empty() ? "" : ", did you mean " + near[0] + "?") + ": " + name +
                         "; columns: " + schema_.ToString());
    }
    std::vector<Value> values;
    for (const types::Field& field : schema_.fields) {
      const auto at = row.find(field.name);
      CATENA_TRY(Value value, ValueOf(at == row.end() ? Json() : *at, field, where));
      values.push_back(std::move(value));
    }
    CATENA_TRY(const Date day, DayOf(row, values, where));
    const auto [builder, added] = days_.try_emplace(day, schema_);
    return builder->second.AppendRow(values).WithContext(where);
  }
  std::map<Date, types::BatchBuilder>& days() { return days_; }

 private:
  static Result<Value> ValueOf(const Json& json, const types::Field& field,
                               const std::string& where) {
    if (json.is_string() && field.type == DataType(Kind::kLong)) {
      if (const auto millis = MillisOf(json.get<std::string>())) return Value(*millis);
    }
    auto value = types::FromJson(json, field.type);
    if (value.ok()) return value;
    return InvalidConf(where + ", column " + field.name + " " + types::TypeName(field.type) + ": " +
                       value.error().message);
  }
  Result<Date> DayOf(const Json& row, const std::vector<Value>& values,
                     const std::string& where) const {
    if (const auto ds = row.find("ds"); ds != row.end()) {
      auto day = ParseDate(ds->is_string() ? ds->get<std::string>() : PrintJson(*ds));
      return day.ok() ? day : Result<Date>(day.error().WithContext(where + ", ds"));
    }
    if (time_column_.empty()) {
      return InvalidConf(where + ": a row of a snapshot needs a ds, the day at whose end it stood");
    }
    const auto time = schema_.Find(time_column_);
    const auto* millis = time ? std::get_if<int64_t>(&values[*time].data) : nullptr;
    if (millis == nullptr) {
      return InvalidConf(where + ": says no day; give it a ds or a " + time_column_);
    }
    return Date::Of(FromMillis(*millis));
  }

  std::string table_;
  types::Schema schema_;
  std::string time_column_;
  std::map<Date, types::BatchBuilder> days_;
};

// What says the day of a table's rows: of mutations when they happened, since their ts is that of
// the row that they change; of snapshots, whose rows are of other days, nothing.
Result<std::string> TimeColumnOf(const conf::Conf& conf, const std::string& table) {
  CATENA_TRY(const conf::Lineage lineage, conf::LineageOf(conf));
  std::vector<const conf::Source*> sources;
  for (const auto& join : lineage.joins) sources.push_back(&join->left);
  for (const auto& group_by : lineage.group_bys) {
    for (const conf::Source& source : group_by->sources) sources.push_back(&source);
  }
  for (const conf::Source* source : sources) {
    const auto* entities = std::get_if<conf::EntitySource>(source);
    if (entities == nullptr) continue;
    if (entities->snapshot_table == table) return std::string();
    if (entities->mutation_table != table) continue;
    const std::string& named = entities->query.mutation_time_column.spark;
    return named.empty() ? std::string(fetch::kMutationTime) : named;
  }
  return std::string("ts");
}

// Source tables of a conf: those it reads and does not write.
Result<std::set<std::string>> SourcesOf(const conf::Conf& conf) {
  CATENA_TRY(const auto tables, plan::TablesOf(conf));
  CATENA_TRY(const conf::Lineage lineage, conf::LineageOf(conf));
  std::set<std::string> sources(tables.begin(), tables.end());
  for (const auto& join : lineage.joins) sources.erase(conf::OutputTable(join->metadata));
  if (conf.group_by() != nullptr) sources.erase(conf::OutputTable(conf.metadata()));
  return sources;
}

class Evaluator {
 public:
  Evaluator(const BatchContext& context, const conf::Conf& conf) : context_(context), conf_(conf) {}

  Status WriteTables(const EvaluationInput& input) {
    CATENA_TRY(const std::set<std::string> sources, SourcesOf(conf_));
    for (const auto& [table, rows] : input.tables) {
      if (!sources.contains(table)) {
        const std::vector<std::string> near = NearestNames(table, {sources.begin(), sources.end()});
        return InvalidConf("the conf reads no such table" +
                           (near.empty() ? "" : ", did you mean " + near[0] + "?") + ": " + table);
      }
      CATENA_RETURN_IF_ERROR(WriteTable(table, rows));
    }
    if (!input.queries.empty()) CATENA_RETURN_IF_ERROR(WriteTable(kQueriesTable, input.queries));
    if (days_.empty()) return InvalidConf("there are no rows to evaluate");
    for (const std::string& table : sources) {
      if (input.tables.contains(table) && !input.tables.at(table).empty()) continue;
      const auto schema = conf_.schemas.find(table);
      if (schema == conf_.schemas.end()) {
        return InvalidConf("the conf reads a table that has no rows here, and no schema: " + table);
      }
      CATENA_TRY(const table::Table found, context_.warehouse->Find(table));
      CATENA_RETURN_IF_ERROR(
          found.WritePartition(*days_.begin(), types::BatchBuilder(schema->second).Build()));
    }
    return Status();
  }

  // The conf, or the Join that asks its GroupBy.
  conf::Conf ToRun(const EvaluationInput& input) const {
    if (input.queries.empty()) return conf_;
    conf::Join join;
    join.metadata.name = kQueriesJoin;
    join.metadata.output_namespace = "eval";
    conf::EventSource left;
    left.table = kQueriesTable;
    left.query.time_column = conf::Expression{"ts", "\"ts\""};
    join.left = left;
    join.join_parts.push_back(
        {std::get<std::shared_ptr<const conf::GroupBy>>(conf_.definition), {}, ""});
    conf::Conf conf;
    conf.definition = std::make_shared<const conf::Join>(std::move(join));
    return conf;
  }

  Result<types::Batch> Answer(const conf::Conf& conf) const {
    plan::DaysAsked asked{std::nullopt, *days_.rbegin(), true};
    CATENA_TRY(const std::vector<Date> present, DaysAskedOf(conf));
    if (!present.empty()) asked = {present.front(), present.back(), true};
    CATENA_RETURN_IF_ERROR(Backfill(context_, conf, asked).status());
    CATENA_TRY(const table::Table output,
               context_.warehouse->Find(conf::OutputTable(conf.metadata())));
    table::ScanRequest all;
    all.with_ds = conf.group_by() != nullptr;
    return output.Read(all);
  }

 private:
  Status WriteTable(const std::string& name, const std::vector<Json>& rows) {
    const auto known = conf_.schemas.find(name);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].is_object()) continue;
      return InvalidConf("rows of " + name + ", row " + std::to_string(i + 1) +
                         ": a row is a mapping of columns to values: " + PrintJson(rows[i]));
    }
    types::Schema schema;
    if (known != conf_.schemas.end()) {
      schema = known->second;
      std::erase_if(schema.fields, [](const types::Field& field) { return field.name == "ds"; });
    } else {
      CATENA_TRY(schema, SchemaOf(name, rows));
    }
    CATENA_TRY(std::string time_column, TimeColumnOf(conf_, name));
    TableRows days(name, std::move(schema), std::move(time_column));
    for (size_t i = 0; i < rows.size(); ++i) CATENA_RETURN_IF_ERROR(days.Add(rows[i], i + 1));
    CATENA_TRY(const table::Table table, context_.warehouse->Find(name));
    for (auto& [day, builder] : days.days()) {
      CATENA_RETURN_IF_ERROR(table.WritePartition(day, builder.Build()));
      days_.insert(day);
    }
    return Status();
  }

  // Of a Join the days of its left side; of a GroupBy those of its sources.
  Result<std::vector<Date>> DaysAskedOf(const conf::Conf& conf) const {
    std::set<Date> days;
    const auto add = [&](const conf::Source* source) -> Status {
      while (const auto* chain = std::get_if<conf::JoinSource>(source)) source = &chain->join->left;
      CATENA_TRY(const table::Table table, context_.warehouse->Find(conf::TableOf(*source)));
      CATENA_TRY(const auto partitions, table.Partitions());
      days.insert(partitions.begin(), partitions.end());
      return Status();
    };
    if (conf.join() != nullptr) {
      CATENA_RETURN_IF_ERROR(add(&conf.join()->left));
    } else {
      for (const conf::Source& source : conf.group_by()->sources) {
        CATENA_RETURN_IF_ERROR(add(&source));
      }
    }
    return std::vector<Date>(days.begin(), days.end());
  }

  const BatchContext& context_;
  const conf::Conf& conf_;
  std::set<Date> days_;  // Of any row.
};

types::Batch WithoutPrefix(const types::Batch& rows, const std::string& prefix) {
  types::Batch named;
  for (size_t i = 0; i < rows.width(); ++i) {
    const std::string& name = rows.schema().fields[i].name;
    named.AddColumn(name.starts_with(prefix) ? name.substr(prefix.size()) : name, rows.shared(i));
  }
  return named;
}

bool IsAsExpected(const Value& value, const Json& expected, const DataType& type) {
  if (expected.is_number() && type.IsNumeric() && !value.is_null()) {
    const double wanted = expected.get<double>();
    const auto* whole = std::get_if<int64_t>(&value.data);
    const double got =
        whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value.data);
    return std::abs(got - wanted) <= 1e-9 * std::max(std::abs(got), std::abs(wanted));
  }
  if (expected.is_string() && type == DataType(Kind::kLong)) {
    if (const auto millis = MillisOf(expected.get<std::string>())) return value == Value(*millis);
  }
  const auto wanted = types::FromJson(expected, type);
  return wanted.ok() && *wanted == value;
}

}  // namespace

namespace {

void ReplaceAll(std::string_view from, std::string_view to, std::string* text) {
  for (size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

// The Join that asks is nobody's; its left side is the queries.
Error WithoutOurJoin(Error error) {
  ReplaceAll(std::string(kQueriesJoin) + ": ", "", &error.message);
  ReplaceAll("join part ", "", &error.message);
  ReplaceAll("the left side", "queries", &error.message);
  ReplaceAll(kQueriesTable, "queries", &error.message);
  return error;
}

}  // namespace

Result<types::Batch> Evaluate(const BatchContext& context, const conf::Conf& conf,
                              const EvaluationInput& input) {
  if (!input.queries.empty() && conf.group_by() == nullptr) {
    return InvalidConf("queries ask a GroupBy; the rows of a Join's left side ask for it: " +
                       conf.metadata().name);
  }
  Evaluator evaluator(context, conf);
  CATENA_RETURN_IF_ERROR(evaluator.WriteTables(input));
  const conf::Conf to_run = evaluator.ToRun(input);
  auto answer = evaluator.Answer(to_run);
  if (!answer.ok() && !input.queries.empty()) return WithoutOurJoin(answer.error());
  CATENA_TRY(const types::Batch rows, std::move(answer));
  if (input.queries.empty()) return rows;
  return WithoutPrefix(rows, conf::ColumnPrefix(*conf.group_by()));
}

std::vector<std::string> CompareRows(const types::Batch& rows, const std::vector<Json>& expected) {
  std::vector<std::string> differences;
  if (rows.rows() != expected.size()) {
    differences.push_back(std::to_string(expected.size()) + " rows expected, got " +
                          std::to_string(rows.rows()));
  }
  for (size_t row = 0; row < std::min(rows.rows(), expected.size()); ++row) {
    const std::string where = "row " + std::to_string(row + 1) + ": ";
    for (const auto& [name, wanted] : expected[row].items()) {
      const auto at = rows.schema().Find(name);
      if (!at) {
        differences.push_back(where + "no such column: " + name +
                              "; columns: " + rows.schema().ToString());
        continue;
      }
      const Value value = rows.column(*at).ValueAt(row);
      if (IsAsExpected(value, wanted, rows.schema().fields[*at].type)) continue;
      differences.push_back(where + name + ": expected " + PrintJson(wanted) + ", got " +
                            PrintJson(types::ToJson(value)));
    }
  }
  return differences;
}

}  // namespace catena::batch
