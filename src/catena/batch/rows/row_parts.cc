// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/row_parts.h"

namespace catena::batch {
namespace {

using types::Column;
using types::ColumnPtr;
using types::Kind;

// Calls visit(T()) with what the values of a HasFixedWidth column are.
template <typename Visit>
void VisitFixedWidth(Kind kind, const Visit& visit) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kByte:
      return visit(int8_t());
    case Kind::kShort:
      return visit(int16_t());
    case Kind::kInt:
    case Kind::kDate:
      return visit(int32_t());
    case Kind::kLong:
    case Kind::kTimestamp:
      return visit(int64_t());
    case Kind::kFloat:
      return visit(float());
    case Kind::kDouble:
      return visit(double());
    default:
      CATENA_CHECK(false, "a width is fixed");
  }
}

}  // namespace

bool HasFixedWidth(const types::DataType& type) { return !type.IsText() && type.children.empty(); }

RowParts::RowParts(std::vector<uint16_t> part_of_row, size_t parts)
    : part_of_row_(std::move(part_of_row)), begin_(parts + 1, 0) {
  CATENA_CHECK(parts < kNone && part_of_row_.size() < UINT32_MAX, "parts and rows can be counted");
  for (const uint16_t part : part_of_row_) {
    if (part != kNone) ++begin_[part + 1];
  }
  for (size_t part = 0; part < parts; ++part) begin_[part + 1] += begin_[part];
}

Column RowParts::Part(const Column& column) const {
  CATENA_CHECK(column.size() == part_of_row_.size(), "a value a row");
  if (!HasFixedWidth(column.type())) {
    std::vector<uint32_t> rows(size());
    Walk([&](size_t row, size_t at) { rows[at] = static_cast<uint32_t>(row); });
    return column.Take(rows);
  }
  Column parted(column.type());
  parted.ResizeNulls(size());
  VisitFixedWidth(column.type().kind, [&]<typename T>(T) {
    const auto from = column.Values<T>();
    const std::span<T> to = parted.MutableValues<T>();
    Walk([&](size_t row, size_t at) {
      if (column.IsNull(row)) return;
      to[at] = from[row];
      parted.SetValid(at);
    });
  });
  return parted;
}

void RowParts::Unite(std::span<const ColumnPtr> pieces, Column* into) const {
  CATENA_CHECK(pieces.size() + 1 == begin_.size() && into->size() == part_of_row_.size(),
               "a piece a part, a place a row");
  for (size_t part = 0; part < pieces.size(); ++part) {
    CATENA_CHECK(pieces[part]->size() == begin_[part + 1] - begin_[part], "a value a row");
  }
  VisitFixedWidth(into->type().kind, [&]<typename T>(T) {
    struct Place {
      const T* value;
      const uint8_t* valid;
    };
    std::vector<Place> next;
    for (const ColumnPtr& piece : pieces) {
      next.push_back({piece->Values<T>().data(), piece->validity()});
    }
    const std::span<T> to = into->MutableValues<T>();
    for (size_t row = 0; row < part_of_row_.size(); ++row) {
      if (part_of_row_[row] == kNone) continue;
      Place& place = next[part_of_row_[row]];
      if (*place.valid != 0) {
        to[row] = *place.value;
        into->SetValid(row);
      }
      ++place.value;
      ++place.valid;
    }
  });
}

}  // namespace catena::batch
