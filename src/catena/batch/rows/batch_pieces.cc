// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/batch_pieces.h"

#include <numeric>

#include "catena/base/parallel.h"

namespace catena::batch {
namespace {

using types::Column;
using types::ColumnPtr;
using types::Kind;

uint64_t WidthOf(Kind kind) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kByte:
      return 1;
    case Kind::kShort:
      return 2;
    case Kind::kInt:
    case Kind::kDate:
    case Kind::kFloat:
      return 4;
    default:
      return 8;  // An offset of what has no fixed width.
  }
}

}  // namespace

types::Batch ConcatPieces(std::vector<types::Batch> pieces, int threads) {
  CATENA_CHECK(!pieces.empty(), "there is a piece");
  if (pieces.size() == 1) return std::move(pieces[0]);
  const types::Schema schema = pieces[0].schema();
  size_t rows = 0;
  std::vector<std::vector<ColumnPtr>> parts(schema.size());
  for (types::Batch& piece : pieces) {
    CATENA_CHECK(piece.schema() == schema, "pieces of one schema");
    rows += piece.rows();
    for (size_t i = 0; i < parts.size(); ++i) parts[i].push_back(piece.shared(i));
    piece = types::Batch();
  }
  std::vector<ColumnPtr> columns(schema.size());
  const Status done = ParallelFor(columns.size(), threads, [&](size_t i) {
    auto column = std::make_shared<Column>(schema.fields[i].type, rows);
    for (ColumnPtr& part : parts[i]) {
      column->AppendAll(*part);
      part.reset();
    }
    columns[i] = std::move(column);
    return Status();
  });
  CATENA_CHECK(done.ok(), "appending cannot fail");
  return types::Batch(schema, std::move(columns));
}

types::Batch CutOut(const types::Batch& rows, size_t begin, size_t end) {
  if (begin == 0 && end == rows.rows()) return rows;
  std::vector<uint32_t> chosen(end - begin);
  std::iota(chosen.begin(), chosen.end(), static_cast<uint32_t>(begin));
  return rows.Take(chosen);
}

uint64_t BytesOf(const Column& column) {
  uint64_t bytes = column.size() * (1 + WidthOf(column.type().kind));
  if (column.type().IsText()) bytes += column.offset(column.size());
  for (size_t i = 0; i < column.child_count(); ++i) bytes += BytesOf(column.child(i));
  return bytes;
}

uint64_t BytesOf(const types::Batch& rows) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < rows.width(); ++i) bytes += BytesOf(rows.column(i));
  return bytes;
}

}  // namespace catena::batch
