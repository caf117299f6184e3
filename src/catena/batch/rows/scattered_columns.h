// SPDX-License-Identifier: Apache-2.0
// ScatteredColumns: columns whose rows come in several goes, each some of the rows in an order of
// its own. They are put in order when they are taken, some rows at a time, so that who writes day
// after day never holds all of them twice.
//
//   null     rows of no go
//   threads  Add: one at a time; Take of rows: any; Take of all: one, it uses several

#pragma once

#include <cstdint>
#include <vector>

#include "catena/batch/rows/row_parts.h"

namespace catena::batch {

class ScatteredColumns {
 public:
  static constexpr uint32_t kNowhere = RowParts::kNowhere;

  ScatteredColumns(types::Schema schema, size_t rows);
  const types::Schema& schema() const { return schema_; }

  // pieces[part]: a column a field, of the rows of the part. No row twice in all that is added.
  void Add(RowParts parts, std::vector<std::vector<types::ColumnPtr>> pieces);
  // Row `row` is row from[row] of `source`, a column a field; kNowhere: none of it.
  void Add(std::vector<types::ColumnPtr> source, std::vector<uint32_t> from);
  // Once after the last Add: values without a fixed place get one.
  void Close(int threads);
  // Rows [first, last).
  types::Batch Take(size_t first, size_t last) const;
  // All rows, column by column, freeing what was added. Nothing is left.
  types::Batch Take(int threads);

 private:
  struct Go {
    bool in_parts;
    RowParts parts;
    std::vector<uint32_t> from;                          // Of what came from a source.
    size_t source_rows;                                  // The same.
    std::vector<std::vector<types::ColumnPtr>> columns;  // By field; by part, or the one source.
  };
  // Values of fixed width that came in parts go from there to their rows.
  bool InParts(size_t field) const;
  // Rows [first, first + size), and by go from where each of them comes.
  struct Rows {
    size_t first;
    size_t size;
    std::vector<std::vector<uint32_t>> places;
  };
  Rows RowsOf(size_t first, size_t last) const;
  types::ColumnPtr Scatter(size_t field, const Rows& rows) const;

  types::Schema schema_;
  size_t rows_;
  std::vector<Go> goes_;
  // By field that is not InParts: a null, then the values of all goes one behind the other.
  std::vector<types::ColumnPtr> gathered_;
  std::vector<uint32_t> begin_;  // By go: of its values there.
};

}  // namespace catena::batch
