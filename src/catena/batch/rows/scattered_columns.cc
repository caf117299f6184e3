// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/scattered_columns.h"

#include <limits>

#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

}  // namespace

ScatteredColumns::ScatteredColumns(types::Schema schema, size_t rows)
    : schema_(std::move(schema)), pieces_(schema_.size()), places_(rows, kNowhere) {}

void ScatteredColumns::Add(std::vector<types::ColumnPtr> piece) {
  CATENA_CHECK(piece.size() == pieces_.size(), "a column a field");
  if (piece.empty()) return;
  next_ += static_cast<uint32_t>(piece[0]->size());
  for (size_t i = 0; i < piece.size(); ++i) pieces_[i].push_back(std::move(piece[i]));
}

types::Batch ScatteredColumns::Take(int threads) {
  // The null's place is behind all pieces.
  for (uint32_t& place : places_) place = place == kNowhere ? next_ : place;
  std::vector<types::ColumnPtr> columns(pieces_.size());
  const Status done = ParallelFor(pieces_.size(), threads, [&](size_t i) {
    types::Column all(schema_.fields[i].type, next_ + size_t{1});
    for (types::ColumnPtr& piece : pieces_[i]) {
      all.AppendAll(*piece);
      piece.reset();
    }
    all.AppendNull();
    columns[i] = std::make_shared<types::Column>(all.Take(places_));
    return Status();
  });
  CATENA_CHECK(done.ok(), "taking rows cannot fail");
  return types::Batch(std::move(schema_), std::move(columns));
}

}  // namespace catena::batch
