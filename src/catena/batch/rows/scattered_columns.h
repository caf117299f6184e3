// SPDX-License-Identifier: Apache-2.0
// ScatteredColumns: columns whose rows come in several goes, each some of the rows in an order of
// its own. They are put in order when they are taken, some rows at a time, so that who writes day
// after day never holds all of them twice. Until then values of fixed width are packed_rows.h, so
// that a row is in one place.
//
//   null     rows of no go
//   threads  Add: one at a time; Pack, Take: any

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "catena/batch/rows/packed_rows.h"
#include "catena/batch/rows/row_parts.h"

namespace catena::batch {

class ScatteredColumns {
 public:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  // Rows of one part.
  struct Piece {
    size_t rows = 0;
    std::unique_ptr<std::byte[]> packed = nullptr;
    std::vector<types::ColumnPtr> others = {};  // Without a fixed width.
  };

  ScatteredColumns(types::Schema schema, size_t rows);
  const types::Schema& schema() const { return packed_.schema(); }

  // `columns`: one a field.
  Piece Pack(const std::vector<types::ColumnPtr>& columns) const;
  // A piece a part. No row twice in all that is added.
  void Add(RowParts parts, std::vector<Piece> pieces);
  // Row `row` is row from[row] of `source`, a column a field; kNowhere: it is not in this go.
  void Add(const std::vector<types::ColumnPtr>& source, std::vector<uint32_t> from);
  // Once after the last Add: values without a fixed place get one.
  void Close(int threads);
  // Rows [first, last), after Close.
  types::Batch Take(size_t first, size_t last) const;

 private:
  struct Go {
    std::vector<Piece> pieces;
    RowParts parts;              // Of the rows, where they came in parts;
    std::vector<uint32_t> from;  // else there is one piece, whose rows stand where this says.
    uint32_t begin = 0;          // Of its rows in gathered_.
  };
  // From where rows [first, first + places.size()) of a go come, counted over its pieces.
  std::vector<uint32_t> PlacesOf(const Go& go, size_t first, size_t last) const;
  const std::byte* PackedAt(const Go& go, size_t row, uint32_t place) const {
    const uint16_t part = go.from.empty() ? go.parts.part(row) : uint16_t{0};
    const size_t begin = go.from.empty() ? go.parts.begin(part) : 0;
    return go.pieces[part].packed.get() + (place - begin) * packed_.width();
  }
  void Unpack(size_t first, size_t last, const std::vector<std::vector<uint32_t>>& places,
              const PackedRows::Columns& into) const;

  size_t rows_;
  PackedRows packed_;
  std::vector<Go> goes_;
  // By packed_.others(): a null, then the values of all goes one behind the other.
  std::vector<types::ColumnPtr> gathered_;
  bool closed_ = false;
};

}  // namespace catena::batch
