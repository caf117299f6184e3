// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/scattered_columns.h"

#include <algorithm>

#include "catena/base/parallel.h"

namespace catena::batch {
using types::Column;
using types::ColumnPtr;

ScatteredColumns::ScatteredColumns(types::Schema schema, size_t rows)
    : rows_(rows), packed_(std::move(schema)) {}

ScatteredColumns::Piece ScatteredColumns::Pack(const std::vector<ColumnPtr>& columns) const {
  Piece piece{columns.empty() ? 0 : columns.front()->size()};
  for (const size_t i : packed_.others()) piece.others.push_back(columns[i]);
  piece.packed = PackedRows::Room(piece.rows * packed_.width());
  for (size_t first = 0; first < piece.rows; first += PackedRows::kBlock) {
    packed_.Pack(columns, first, std::min(PackedRows::kBlock, piece.rows - first), packed_.width(),
                 piece.packed.get() + first * packed_.width());
  }
  return piece;
}

void ScatteredColumns::Add(RowParts parts, std::vector<Piece> pieces) {
  CATENA_CHECK(pieces.size() == parts.parts() && parts.rows() == rows_, "a piece a part");
  for (size_t part = 0; part < pieces.size(); ++part) {
    CATENA_CHECK(pieces[part].rows == parts.begin(part + 1) - parts.begin(part), "a value a row");
  }
  goes_.push_back({std::move(pieces), std::move(parts), {}});
}

void ScatteredColumns::Add(const std::vector<ColumnPtr>& source, std::vector<uint32_t> from) {
  CATENA_CHECK(from.size() == rows_, "a place a row");
  Go go{{}, RowParts({}, 0), std::move(from)};
  go.pieces.push_back(Pack(source));
  goes_.push_back(std::move(go));
}

void ScatteredColumns::Close(int threads) {
  closed_ = true;
  uint32_t begin = 1;
  for (Go& go : goes_) {
    go.begin = begin;
    for (const Piece& piece : go.pieces) begin += static_cast<uint32_t>(piece.rows);
  }
  gathered_.resize(packed_.others().size());
  ParallelEach(gathered_.size(), threads, [&](size_t i) {
    auto all = std::make_shared<Column>(schema().fields[packed_.others()[i]].type);
    all->AppendNull();
    for (Go& go : goes_) {
      for (Piece& piece : go.pieces) {
        all->AppendAll(*piece.others[i]);
        piece.others[i].reset();
      }
    }
    gathered_[i] = std::move(all);
  });
}

std::vector<uint32_t> ScatteredColumns::PlacesOf(const Go& go, size_t first, size_t last) const {
  if (!go.from.empty()) {
    return {go.from.begin() + static_cast<ptrdiff_t>(first),
            go.from.begin() + static_cast<ptrdiff_t>(last)};
  }
  std::vector<uint32_t> places(last - first, kNowhere);
  go.parts.Walk(first, last, [&](size_t row, uint32_t at) { places[row - first] = at; });
  return places;
}

void ScatteredColumns::Unpack(size_t first, size_t last,
                              const std::vector<std::vector<uint32_t>>& places,
                              const PackedRows::Columns& into) const {
  if (into.empty()) return;
  const size_t width = packed_.width();
  const size_t rows = last - first;
  const auto block = PackedRows::Room(PackedRows::kBlock * width);
  for (size_t begin = 0; begin < rows; begin += PackedRows::kBlock) {
    const size_t end = std::min(rows, begin + PackedRows::kBlock);
    std::fill_n(block.get(), (end - begin) * width, std::byte{0});
    for (size_t i = 0; i < goes_.size(); ++i) {
      const uint32_t* place = places[i].data();
      for (size_t row = begin; row < end; ++row) {
        if (const size_t ahead = row + PackedRows::kAhead;
            ahead < end && place[ahead] != kNowhere) {
          const std::byte* fetched = PackedAt(goes_[i], first + ahead, place[ahead]);
          __builtin_prefetch(fetched);
          __builtin_prefetch(fetched + width - 1);
        }
        if (place[row] == kNowhere) continue;
        PackedRows::Copy(PackedAt(goes_[i], first + row, place[row]), width,
                         block.get() + (row - begin) * width);
      }
    }
    packed_.Unpack(block.get(), end - begin, width, into);
  }
}

types::Batch ScatteredColumns::Take(size_t first, size_t last) const {
  CATENA_CHECK(closed_ && first <= last && last <= rows_, "rows are taken after Close");
  std::vector<std::vector<uint32_t>> places;
  for (const Go& go : goes_) places.push_back(PlacesOf(go, first, last));
  const PackedRows::Columns unpacked = packed_.MakeColumns(last - first);
  Unpack(first, last, places, unpacked);
  std::vector<uint32_t> from(gathered_.empty() ? 0 : last - first, 0);
  for (size_t i = 0; i < goes_.size(); ++i) {
    for (size_t row = 0; row < from.size(); ++row) {
      if (places[i][row] != kNowhere) from[row] = goes_[i].begin + places[i][row];
    }
  }
  std::vector<ColumnPtr> others;
  for (const ColumnPtr& all : gathered_) {
    others.push_back(std::make_shared<Column>(all->Take(from)));
  }
  return packed_.Batch(unpacked, std::move(others));
}

}  // namespace catena::batch
