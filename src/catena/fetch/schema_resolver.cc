// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/schema_resolver.h"

#include <algorithm>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/conf/output_names.h"
#include "catena/fetch/external_columns.h"
#include "catena/sql/derivations.h"

namespace catena::fetch {

types::Schema WithTime(types::Schema schema) {
  if (!schema.Find("ts")) schema.fields.push_back({"ts", types::Kind::kLong});
  if (!schema.Find("ds")) schema.fields.push_back({"ds", types::Kind::kString});
  return schema;
}

Result<types::Schema> SchemaResolver::RowsOf(const conf::Query& query,
                                             const types::Schema& input) const {
  CATENA_TRY(sql::Projection projection, sql::Projection::Bind(database_, query, input));
  return projection.output();
}

Result<types::Schema> SchemaResolver::RowsOf(const conf::Source& source) const {
  types::Schema input;
  if (const auto* chain = std::get_if<conf::JoinSource>(&source)) {
    CATENA_TRY(input, RowsOf(*chain->join));
  } else {
    CATENA_TRY(input, tables_(conf::TableOf(source)));
    // A table's rows have their day, which a record of a topic has not.
    if (conf::TopicOf(source).empty() && !input.Find("ds")) {
      input.fields.push_back({"ds", types::Kind::kString});
    }
  }
  return RowsOf(conf::QueryOf(source), input);
}

Result<JoinShape> SchemaResolver::ShapeOf(const conf::Join& join) const {
  auto left = RowsOf(join.left);
  if (!left.ok()) return left.error().WithContext(join.metadata.name + ": left");
  JoinShape shape{std::move(*left), {}};
  for (const conf::JoinPart& part : join.join_parts) {
    CATENA_TRY(GroupByShape of_part, ShapeOf(*part.group_by));
    const std::string prefix = conf::ColumnPrefix(part);
    for (const types::Field& field : of_part.outputs.fields) {
      shape.parts.fields.push_back(types::Field{prefix + field.name, field.type});
    }
  }
  for (const conf::ExternalPart& part : join.externals) {
    const types::Batch none = types::BatchBuilder(shape.left).Build();
    CATENA_TRY(const types::Batch columns, ExternalColumns(part, none, 0));
    for (const types::Field& field : columns.schema().fields) {
      if (!shape.parts.Find(field.name)) shape.parts.fields.push_back(field);
    }
  }
  return shape;
}

Result<types::Schema> SchemaResolver::RowsOf(const conf::Join& join) const {
  CATENA_TRY(JoinShape shape, ShapeOf(join));
  if (!join.derivations.empty()) {
    auto derived =
        sql::Derivations::Bind(database_, join.derivations, shape.parts, WithTime(shape.left));
    if (!derived.ok()) return derived.error().WithContext(join.metadata.name);
    shape.parts = derived->output();
  }
  types::Schema rows = std::move(shape.left);
  for (const types::Field& field : shape.parts.fields) {
    if (!rows.Find(field.name)) rows.fields.push_back(field);
  }
  return rows;
}

Result<GroupByShape> SchemaResolver::ShapeOf(const conf::GroupBy& group_by) const {
  const std::string& name = group_by.metadata.name;
  const conf::Source* source = conf::StreamingSource(group_by);
  if (source == nullptr) source = &group_by.sources.front();
  auto rows = RowsOf(*source);
  if (!rows.ok()) return rows.error().WithContext(name);
  GroupByShape shape;
  for (const std::string& key : group_by.key_columns) {
    const auto at = rows->Find(key);
    if (!at) {
      return InvalidConf(name + ": key column is not among the columns of its source (" +
                         rows->ToString() + "): " + key);
    }
    shape.keys.fields.push_back(rows->fields[*at]);
  }
  if (group_by.aggregations.empty()) {
    for (const types::Field& field : rows->fields) {
      const bool is_key = shape.keys.Find(field.name).has_value();
      if (!is_key && field.name != "ts" && field.name != "ds") shape.inputs.fields.push_back(field);
    }
    shape.outputs = shape.inputs;
  } else {
    auto windowed = aggregate::WindowedAggregator::Bind(group_by, *rows);
    if (!windowed.ok()) return windowed.error().WithContext(name);
    shape.inputs = windowed->rows().input_schema();
    shape.outputs = windowed->output_schema();
  }
  if (group_by.derivations.empty()) return shape;
  auto derived =
      sql::Derivations::Bind(database_, group_by.derivations, shape.outputs, WithTime(shape.keys));
  if (!derived.ok()) return derived.error().WithContext(name);
  shape.outputs = derived->output();
  return shape;
}

}  // namespace catena::fetch
