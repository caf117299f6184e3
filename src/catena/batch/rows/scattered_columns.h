// SPDX-License-Identifier: Apache-2.0
// ScatteredColumns: columns whose rows come in several goes, each some of the rows in an order of
// its own. They are put in order when they are taken, some rows at a time, so that who writes day
// after day never holds all of them twice.
//
//     parts    r1 r4 | r0 r2 | r5      a part's rows stand in the order of all rows, so that taking
//     taken    r0 r1 r2 . r4 r5        them reads each part from front to back
//
//   null     rows of no go
//   threads  Add: one at a time; Take: any

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "catena/batch/rows/row_parts.h"
#include "catena/types/batch.h"

namespace catena::batch {

class ScatteredColumns {
 public:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  using Columns = std::vector<types::ColumnPtr>;  // One a field.

  ScatteredColumns(types::Schema schema, size_t rows);
  const types::Schema& schema() const { return schema_; }

  // The columns of every part. No row twice in all that is added.
  void Add(RowParts parts, std::vector<Columns> pieces);
  // Row `row` is row from[row] of `source`; kNowhere: it is not in this go.
  void Add(Columns source, std::vector<uint32_t> from);
  // Once after the last Add: values without a fixed place get one.
  void Close(int threads);
  // Rows [first, last), after Close.
  types::Batch Take(size_t first, size_t last) const;

 private:
  struct Go {
    std::vector<Columns> pieces;
    RowParts parts;              // Of the rows, where they came in parts;
    std::vector<uint32_t> from;  // else there is one piece, whose rows stand where this says.
    uint32_t begin = 0;          // Of its rows in gathered_.
    std::vector<uint32_t> begins = {};  // Of every piece's rows, counted over all pieces.
  };
  // Which row of which piece each of some rows is; a row of no piece is kNowhere.
  struct Places {
    std::vector<uint16_t> pieces;
    std::vector<uint32_t> rows;
  };
  static Places PlacesOf(const Go& go, size_t first, size_t last);
  void AddGo(Go go);
  // Rows of a block that are in one part, where they stand one behind the other from `row`.
  struct Run {
    uint16_t piece;
    uint32_t row;
    uint32_t first;  // Of Runs::places, up to `last`.
    uint32_t last;
  };
  struct Runs {
    std::vector<Run> all;
    std::vector<uint32_t> places;  // Indices of Places.
  };
  // Block after block, so that a part is read many rows at a time and what is written stays near.
  static Runs RunsOf(const Go& go, const Places& places);
  // Into a column of nulls, a row a place.
  template <typename T>
  static void Gather(const Go& go, size_t field, const Places& places, const Runs& runs,
                     types::Column* into);

  types::Schema schema_;
  size_t rows_;
  std::vector<size_t> others_;  // Fields whose columns have no fixed width.
  std::vector<Go> goes_;
  // By others_: a null, then the values of all goes one behind the other.
  std::vector<types::ColumnPtr> gathered_;
  bool closed_ = false;
};

}  // namespace catena::batch
