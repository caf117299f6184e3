// SPDX-License-Identifier: Apache-2.0
#include "catena/types/batch.h"

namespace catena::types {

Batch::Batch(Schema schema, std::vector<ColumnPtr> columns)
    : schema_(std::move(schema)), columns_(std::move(columns)) {
  CATENA_CHECK(schema_.size() == columns_.size(), "a Batch has one column a field");
  rows_ = columns_.empty() ? 0 : columns_[0]->size();
  for (size_t i = 0; i < columns_.size(); ++i) {
    CATENA_CHECK(columns_[i]->size() == rows_, "columns of a Batch differ in length");
    CATENA_CHECK(columns_[i]->type() == schema_.fields[i].type, "column type differs from schema");
  }
}

const Column* Batch::Find(std::string_view name) const {
  const auto at = schema_.Find(name);
  return at ? columns_[*at].get() : nullptr;
}

void Batch::AddColumn(std::string name, ColumnPtr column) {
  CATENA_CHECK(columns_.empty() || column->size() == rows_, "columns of a Batch differ in length");
  rows_ = column->size();
  schema_.fields.push_back(Field{std::move(name), column->type()});
  columns_.push_back(std::move(column));
}

Batch Batch::Take(std::span<const uint32_t> rows) const {
  std::vector<ColumnPtr> taken;
  taken.reserve(columns_.size());
  for (const ColumnPtr& column : columns_) {
    taken.push_back(std::make_shared<const Column>(column->Take(rows)));
  }
  return Batch(schema_, std::move(taken));
}

Batch Batch::Select(std::span<const std::string> names) const {
  Batch selected;
  for (const std::string& name : names) {
    const auto at = schema_.Find(name);
    CATENA_CHECK(at.has_value(), "Batch::Select of a column that is not there");
    selected.AddColumn(name, columns_[*at]);
  }
  return selected;
}

std::vector<Value> Batch::Row(size_t row) const {
  std::vector<Value> values;
  values.reserve(columns_.size());
  for (const ColumnPtr& column : columns_) values.push_back(column->ValueAt(row));
  return values;
}

Batch Concat(std::span<const Batch> batches) {
  if (batches.empty()) return Batch();
  if (batches.size() == 1) return batches[0];
  size_t rows = 0;
  for (const Batch& batch : batches) {
    CATENA_CHECK(batch.schema() == batches[0].schema(), "Concat of different schemas");
    rows += batch.rows();
  }
  std::vector<ColumnPtr> columns;
  for (size_t i = 0; i < batches[0].width(); ++i) {
    auto column = std::make_shared<Column>(batches[0].schema().fields[i].type, rows);
    for (const Batch& batch : batches) column->AppendAll(batch.column(i));
    columns.push_back(std::move(column));
  }
  return Batch(batches[0].schema(), std::move(columns));
}

BatchBuilder::BatchBuilder(Schema schema, size_t rows_expected) : schema_(std::move(schema)) {
  for (const Field& field : schema_.fields) {
    columns_.push_back(std::make_shared<Column>(field.type, rows_expected));
  }
}

Status BatchBuilder::AppendRow(std::span<const Value> values) {
  CATENA_CHECK(values.size() == columns_.size(), "AppendRow wants one value a column");
  for (size_t i = 0; i < values.size(); ++i) {
    CATENA_RETURN_IF_ERROR(columns_[i]->AppendValue(values[i]).WithContext(schema_.fields[i].name));
  }
  return Status();
}

Batch BatchBuilder::Build() {
  std::vector<ColumnPtr> columns(columns_.begin(), columns_.end());
  Batch built(schema_, std::move(columns));
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns_[i] = std::make_shared<Column>(schema_.fields[i].type);
  }
  return built;
}

}  // namespace catena::types
