// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join/derived_columns.h"

#include "catena/conf/output_names.h"
#include "catena/sql/derivations.h"

namespace catena::batch {
namespace {

types::Batch Columns(const types::Batch& rows, size_t first, size_t last) {
  types::Batch columns;
  for (size_t i = first; i < last; ++i) {
    columns.AddColumn(rows.schema().fields[i].name, rows.shared(i));
  }
  return columns;
}

types::ColumnPtr DayTexts(std::span<const Date> days) {
  auto column = std::make_shared<types::Column>(types::Kind::kString, days.size());
  std::string text;
  for (size_t row = 0; row < days.size(); ++row) {
    if (row == 0 || days[row] != days[row - 1]) text = FormatDate(days[row]);
    column->AppendText(text);
  }
  return column;
}

types::ColumnPtr Times(std::span<const int64_t> times) {
  auto column = std::make_shared<types::Column>(types::Kind::kLong, times.size());
  for (const int64_t time : times) {
    time == kNoTime ? column->AppendNull() : column->Append<int64_t>(time);
  }
  return column;
}

// What expressions may read and derivations do not replace. Times and days are made when read.
struct Scope {
  types::Batch columns;
  std::span<const Date> days;
  std::span<const int64_t> times;  // Empty: there is no `ts` beyond the columns.

  types::Schema schema() const {
    types::Schema schema = columns.schema();
    if (!schema.Find("ds")) schema.fields.push_back({"ds", types::Kind::kString});
    if (!times.empty() && !schema.Find("ts")) schema.fields.push_back({"ts", types::Kind::kLong});
    return schema;
  }
};

Result<types::Batch> Derive(const BatchContext& context,
                            std::span<const conf::Derivation> derivations, const types::Batch& base,
                            const Scope& scope) {
  CATENA_TRY(auto bound,
             sql::Derivations::Bind(context.database, derivations, base.schema(), scope.schema()));
  types::Batch rows = base;
  const auto add = [&](const std::string& name, const types::ColumnPtr& column) {
    if (!rows.schema().Find(name)) rows.AddColumn(name, column);
  };
  for (size_t i = 0; i < scope.columns.width(); ++i) {
    add(scope.columns.schema().fields[i].name, scope.columns.shared(i));
  }
  if (bound.Reads("ds")) add("ds", DayTexts(scope.days));
  if (bound.Reads("ts") && !scope.times.empty()) add("ts", Times(scope.times));
  CATENA_TRY(sql::Derived derived, bound.Apply(rows));
  if (derived.bad_rows.empty()) return std::move(derived.columns);
  const sql::BadRow& bad = derived.bad_rows.front();
  return InvalidData("a derivation fails on " + std::to_string(derived.bad_rows.size()) +
                     " rows; guard it with TRY_CAST or a CASE; the first, of day " +
                     FormatDate(scope.days[bad.row]) + ": " + bad.message);
}

}  // namespace

Result<types::Batch> DeriveJoin(const BatchContext& context, const conf::Join& join,
                                const types::Batch& rows, size_t first_part,
                                std::span<const Date> days) {
  if (join.derivations.empty()) return rows;
  const types::Batch left = Columns(rows, 0, first_part);
  auto derived =
      Derive(context, join.derivations, Columns(rows, first_part, rows.width()), {left, days, {}});
  if (!derived.ok()) return derived.error().WithContext(join.metadata.name);
  types::Batch output;
  for (size_t i = 0; i < left.width(); ++i) {
    const std::string& name = left.schema().fields[i].name;
    // One that is named like a left column has filled it.
    const auto filled = derived->schema().Find(name);
    output.AddColumn(name, filled ? derived->shared(*filled) : left.shared(i));
  }
  for (size_t i = 0; i < derived->width(); ++i) {
    const std::string& name = derived->schema().fields[i].name;
    if (!left.schema().Find(name)) output.AddColumn(name, derived->shared(i));
  }
  return output;
}

Result<types::Batch> DerivePart(const BatchContext& context, const conf::JoinPart& part,
                                const LeftRows& left, const types::Batch& columns) {
  const conf::GroupBy& group_by = *part.group_by;
  if (group_by.derivations.empty()) return columns;
  const std::string prefix = conf::ColumnPrefix(part);
  types::Batch base;
  for (size_t i = 0; i < columns.width(); ++i) {
    base.AddColumn(columns.schema().fields[i].name.substr(prefix.size()), columns.shared(i));
  }
  types::Batch keys;
  const std::vector<std::string> left_keys = conf::LeftKeys(part);
  const types::Batch& rows = left.source.rows;
  for (size_t i = 0; i < left_keys.size(); ++i) {
    keys.AddColumn(group_by.key_columns[i], rows.shared(*rows.schema().Find(left_keys[i])));
  }
  CATENA_TRY(const types::Batch derived, Derive(context, group_by.derivations, base,
                                                {keys, left.source.days, left.query_times}));
  types::Batch output;
  for (size_t i = 0; i < derived.width(); ++i) {
    output.AddColumn(prefix + derived.schema().fields[i].name, derived.shared(i));
  }
  return output;
}

Result<types::Batch> DeriveDaily(const BatchContext& context, const conf::GroupBy& group_by,
                                 const types::Batch& rows, size_t keys,
                                 std::span<const Date> days) {
  if (group_by.derivations.empty()) return rows;
  types::Batch output = Columns(rows, 0, keys);
  CATENA_TRY(
      const types::Batch derived,
      Derive(context, group_by.derivations, Columns(rows, keys, rows.width()), {output, days, {}}));
  for (size_t i = 0; i < derived.width(); ++i) {
    output.AddColumn(derived.schema().fields[i].name, derived.shared(i));
  }
  return output;
}

}  // namespace catena::batch
