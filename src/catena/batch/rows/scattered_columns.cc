// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/scattered_columns.h"

#include "catena/base/parallel.h"

namespace catena::batch {

using types::Column;
using types::ColumnPtr;

ScatteredColumns::ScatteredColumns(types::Schema schema, size_t rows)
    : schema_(std::move(schema)), rows_(rows) {}

void ScatteredColumns::Add(RowParts parts, std::vector<std::vector<ColumnPtr>> pieces) {
  Go go{std::move(parts), {}, std::vector<std::vector<ColumnPtr>>(schema_.size())};
  for (std::vector<ColumnPtr>& piece : pieces) {
    CATENA_CHECK(piece.size() == schema_.size(), "a column a field");
    for (size_t i = 0; i < piece.size(); ++i) go.columns[i].push_back(std::move(piece[i]));
  }
  goes_.push_back(std::move(go));
}

void ScatteredColumns::Add(std::vector<ColumnPtr> source, std::vector<uint32_t> from) {
  CATENA_CHECK(source.size() == schema_.size() && from.size() == rows_, "a place a row");
  Go go{RowParts({}, 0), std::move(from), {}};
  for (ColumnPtr& column : source) go.columns.push_back({std::move(column)});
  goes_.push_back(std::move(go));
}

ColumnPtr ScatteredColumns::Scatter(size_t field) {
  const types::DataType& type = schema_.fields[field].type;
  const bool in_parts = std::ranges::all_of(goes_, [](const Go& go) { return go.from.empty(); });
  if (in_parts && HasFixedWidth(type)) {
    auto column = std::make_shared<Column>(type);
    column->ResizeNulls(rows_);
    for (Go& go : goes_) {
      go.parts.Unite(go.columns[field], column.get());
      go.columns[field].clear();
    }
    return column;
  }
  // Other values have no places before all of them are there.
  Column all(type);
  all.AppendNull();
  std::vector<uint32_t> place(rows_, 0);
  for (Go& go : goes_) {
    const auto before = static_cast<uint32_t>(all.size());
    for (size_t row = 0; row < go.from.size(); ++row) {
      if (go.from[row] != kNowhere) place[row] = before + go.from[row];
    }
    if (go.from.empty()) {
      go.parts.Walk(
          [&](size_t row, size_t at) { place[row] = static_cast<uint32_t>(before + at); });
    }
    for (ColumnPtr& piece : go.columns[field]) {
      all.AppendAll(*piece);
      piece.reset();
    }
  }
  return std::make_shared<Column>(all.Take(place));
}

types::Batch ScatteredColumns::Take(int threads) {
  std::vector<ColumnPtr> columns(schema_.size());
  const Status done = ParallelFor(columns.size(), threads, [&](size_t i) {
    columns[i] = Scatter(i);
    return Status();
  });
  CATENA_CHECK(done.ok(), "taking rows cannot fail");
  goes_.clear();
  return types::Batch(std::move(schema_), std::move(columns));
}

}  // namespace catena::batch
