// SPDX-License-Identifier: Apache-2.0
// Batch: a schema and equal-length columns; the unit of work everywhere.
//
// Columns are shared and immutable once in a Batch, so that projecting, renaming and handing on
// cost nothing.
//
//   threads  a Batch is a value; its columns may be read concurrently

#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "catena/base/check.h"
#include "catena/types/column.h"
#include "catena/types/schema.h"

namespace catena::types {

using ColumnPtr = std::shared_ptr<const Column>;

class Batch {
 public:
  Batch() = default;
  // Every column has the type of its field and the same number of rows.
  Batch(Schema schema, std::vector<ColumnPtr> columns);

  const Schema& schema() const { return schema_; }
  size_t rows() const { return rows_; }
  size_t width() const { return columns_.size(); }
  const Column& column(size_t i) const { return *columns_[i]; }
  const ColumnPtr& shared(size_t i) const { return columns_[i]; }
  // The column of that name, or null.
  const Column* Find(std::string_view name) const;

  void AddColumn(std::string name, ColumnPtr column);
  Batch Take(std::span<const uint32_t> rows) const;
  // The named columns, in that order; each must exist.
  Batch Select(std::span<const std::string> names) const;
  // Boxed, for tests and edges.
  std::vector<Value> Row(size_t row) const;

 private:
  Schema schema_;
  std::vector<ColumnPtr> columns_;
  size_t rows_ = 0;
};

// Rows of all batches in order; all schemas are equal. An empty span gives an empty Batch.
Batch Concat(std::span<const Batch> batches);

// Grows a Batch row by row or column by column.
class BatchBuilder {
 public:
  explicit BatchBuilder(Schema schema, size_t rows_expected = 0);
  const Schema& schema() const { return schema_; }
  Column* column(size_t i) { return columns_[i].get(); }
  Status AppendRow(std::span<const Value> values);
  // The builder is empty afterwards.
  Batch Build();

 private:
  Schema schema_;
  std::vector<std::shared_ptr<Column>> columns_;
};

}  // namespace catena::types
