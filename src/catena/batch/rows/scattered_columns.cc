// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/scattered_columns.h"

#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

using types::Column;
using types::ColumnPtr;
using types::Kind;

// Each piece is read once, in order; the places are as far apart as they are.
template <typename T>
void ScatterValues(const Column& piece, const std::vector<uint32_t>& places, Column* into) {
  const auto from = piece.Values<T>();
  const std::span<T> values = into->MutableValues<T>();
  for (size_t i = 0; i < places.size(); ++i) {
    if (piece.IsNull(i)) continue;
    values[places[i]] = from[i];
    into->SetValid(places[i]);
  }
}

bool ScatterPiece(const Column& piece, const std::vector<uint32_t>& places, Column* into) {
  switch (piece.type().kind) {
    case Kind::kBool:
    case Kind::kByte:
      ScatterValues<int8_t>(piece, places, into);
      return true;
    case Kind::kShort:
      ScatterValues<int16_t>(piece, places, into);
      return true;
    case Kind::kInt:
    case Kind::kDate:
      ScatterValues<int32_t>(piece, places, into);
      return true;
    case Kind::kLong:
    case Kind::kTimestamp:
      ScatterValues<int64_t>(piece, places, into);
      return true;
    case Kind::kFloat:
      ScatterValues<float>(piece, places, into);
      return true;
    case Kind::kDouble:
      ScatterValues<double>(piece, places, into);
      return true;
    default:
      return false;
  }
}

bool HasFixedWidth(const types::DataType& type) { return !type.IsText() && type.children.empty(); }

}  // namespace

ScatteredColumns::ScatteredColumns(types::Schema schema, size_t rows)
    : schema_(std::move(schema)), rows_(rows), pieces_(schema_.size()) {}

void ScatteredColumns::Add(const std::vector<ColumnPtr>& piece, std::vector<uint32_t> rows) {
  CATENA_CHECK(piece.size() == pieces_.size(), "a column a field");
  for (size_t i = 0; i < piece.size(); ++i) {
    CATENA_CHECK(piece[i]->size() == rows.size(), "a place a row");
    pieces_[i].push_back(piece[i]);
  }
  places_.push_back(std::move(rows));
}

ColumnPtr ScatteredColumns::Scatter(size_t field, std::vector<ColumnPtr> pieces) const {
  const types::DataType& type = schema_.fields[field].type;
  auto column = std::make_shared<Column>(type);
  if (HasFixedWidth(type)) {
    column->ResizeNulls(rows_);
    for (size_t i = 0; i < pieces.size(); ++i) {
      CATENA_CHECK(ScatterPiece(*pieces[i], places_[i], column.get()), "a width is fixed or not");
      pieces[i].reset();
    }
    return column;
  }
  // What has no fixed width has no places before all of it is there.
  Column all(type);
  std::vector<uint32_t> from(rows_, UINT32_MAX);
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (size_t row = 0; row < places_[i].size(); ++row) {
      from[places_[i][row]] = static_cast<uint32_t>(all.size() + row);
    }
    all.AppendAll(*pieces[i]);
    pieces[i].reset();
  }
  all.AppendNull();
  for (uint32_t& row : from) row = row == UINT32_MAX ? static_cast<uint32_t>(all.size() - 1) : row;
  *column = all.Take(from);
  return column;
}

types::Batch ScatteredColumns::Take(int threads) {
  std::vector<ColumnPtr> columns(pieces_.size());
  const Status done = ParallelFor(pieces_.size(), threads, [&](size_t i) {
    columns[i] = Scatter(i, std::move(pieces_[i]));
    return Status();
  });
  CATENA_CHECK(done.ok(), "taking rows cannot fail");
  return types::Batch(std::move(schema_), std::move(columns));
}

}  // namespace catena::batch
