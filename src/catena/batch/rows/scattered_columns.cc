// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/scattered_columns.h"

#include <algorithm>

#include "catena/base/parallel.h"

namespace catena::batch {

using types::Column;
using types::ColumnPtr;

ScatteredColumns::ScatteredColumns(types::Schema schema, size_t rows)
    : schema_(std::move(schema)), rows_(rows) {}

void ScatteredColumns::Add(RowParts parts, std::vector<std::vector<ColumnPtr>> pieces) {
  Go go{true, std::move(parts), {}, 0, std::vector<std::vector<ColumnPtr>>(schema_.size())};
  for (std::vector<ColumnPtr>& piece : pieces) {
    CATENA_CHECK(piece.size() == schema_.size(), "a column a field");
    for (size_t i = 0; i < piece.size(); ++i) go.columns[i].push_back(std::move(piece[i]));
  }
  goes_.push_back(std::move(go));
}

void ScatteredColumns::Add(std::vector<ColumnPtr> source, std::vector<uint32_t> from) {
  CATENA_CHECK(source.size() == schema_.size() && from.size() == rows_, "a place a row");
  const size_t source_rows = source.empty() ? 0 : source.front()->size();
  Go go{false, RowParts({}, 0), std::move(from), source_rows, {}};
  for (ColumnPtr& column : source) go.columns.push_back({std::move(column)});
  goes_.push_back(std::move(go));
}

bool ScatteredColumns::InParts(size_t field) const {
  return HasFixedWidth(schema_.fields[field].type) &&
         std::ranges::all_of(goes_, [](const Go& go) { return go.in_parts; });
}

void ScatteredColumns::Close(int threads) {
  gathered_.resize(schema_.size());
  uint32_t begin = 1;
  for (const Go& go : goes_) {
    begin_.push_back(begin);
    begin += static_cast<uint32_t>(go.in_parts ? go.parts.size() : go.source_rows);
  }
  const Status done = ParallelFor(schema_.size(), threads, [&](size_t field) {
    if (InParts(field)) return Status();
    auto all = std::make_shared<Column>(schema_.fields[field].type);
    all->AppendNull();
    for (Go& go : goes_) {
      for (ColumnPtr& piece : go.columns[field]) {
        all->AppendAll(*piece);
        piece.reset();
      }
    }
    gathered_[field] = std::move(all);
    return Status();
  });
  CATENA_CHECK(done.ok(), "gathering values cannot fail");
}

ScatteredColumns::Rows ScatteredColumns::RowsOf(size_t first, size_t last) const {
  Rows rows{first, last - first, {}};
  for (const Go& go : goes_) {
    if (go.in_parts) {
      rows.places.push_back(go.parts.PlacesOf(first, last));
    } else {
      rows.places.emplace_back(go.from.begin() + static_cast<ptrdiff_t>(first),
                               go.from.begin() + static_cast<ptrdiff_t>(last));
    }
  }
  return rows;
}

ColumnPtr ScatteredColumns::Scatter(size_t field, const Rows& rows) const {
  if (InParts(field)) {
    auto column = std::make_shared<Column>(schema_.fields[field].type);
    column->ResizeNulls(rows.size);
    for (size_t i = 0; i < goes_.size(); ++i) {
      goes_[i].parts.Unite(goes_[i].columns[field], rows.first, rows.places[i], column.get());
    }
    return column;
  }
  std::vector<uint32_t> from(rows.size, 0);
  for (size_t i = 0; i < goes_.size(); ++i) {
    for (size_t row = 0; row < rows.size; ++row) {
      if (rows.places[i][row] != kNowhere) from[row] = begin_[i] + rows.places[i][row];
    }
  }
  return std::make_shared<Column>(gathered_[field]->Take(from));
}

types::Batch ScatteredColumns::Take(size_t first, size_t last) const {
  CATENA_CHECK(gathered_.size() == schema_.size(), "rows are taken after Close");
  const Rows rows = RowsOf(first, last);
  std::vector<ColumnPtr> columns;
  for (size_t i = 0; i < schema_.size(); ++i) columns.push_back(Scatter(i, rows));
  return types::Batch(schema_, std::move(columns));
}

types::Batch ScatteredColumns::Take(int threads) {
  Close(threads);
  const Rows rows = RowsOf(0, rows_);
  std::vector<ColumnPtr> columns(schema_.size());
  const Status done = ParallelFor(columns.size(), threads, [&](size_t i) {
    columns[i] = Scatter(i, rows);
    for (Go& go : goes_) go.columns[i].clear();
    gathered_[i].reset();
    return Status();
  });
  CATENA_CHECK(done.ok(), "taking rows cannot fail");
  goes_.clear();
  return types::Batch(std::move(schema_), std::move(columns));
}

}  // namespace catena::batch
