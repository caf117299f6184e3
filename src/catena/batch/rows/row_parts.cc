// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/row_parts.h"

#include <algorithm>

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
  std::vector<uint32_t> counts(parts, 0);
  for (size_t row = 0; row < part_of_row_.size(); ++row) {
    if (row % kStride == 0) next_.insert(next_.end(), counts.begin(), counts.end());
    if (part_of_row_[row] != kNone) ++counts[part_of_row_[row]];
  }
  for (size_t part = 0; part < parts; ++part) begin_[part + 1] = begin_[part] + counts[part];
  for (size_t i = 0; i < next_.size(); ++i) next_[i] += begin_[i % parts];
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
    const T* from = column.Values<T>().data();
    const uint8_t* from_valid = column.validity();
    T* to = parted.MutableValues<T>().data();
    uint8_t* to_valid = parted.MutableValidity().data();
    if (!column.has_nulls()) {
      std::fill_n(to_valid, size(), uint8_t{1});
      return Walk([&](size_t row, size_t at) { to[at] = from[row]; });
    }
    Walk([&](size_t row, size_t at) {
      to[at] = from[row];
      to_valid[at] = from_valid[row];
    });
  });
  parted.CountNulls();
  return parted;
}

std::vector<uint32_t> RowParts::PlacesOf(size_t first, size_t last) const {
  CATENA_CHECK(first <= last && last <= part_of_row_.size(), "places are of rows");
  std::vector<uint32_t> places(last - first, kNowhere);
  if (places.empty()) return places;
  const size_t parts = begin_.size() - 1;
  const auto known = next_.begin() + static_cast<ptrdiff_t>(first / kStride * parts);
  std::vector<uint32_t> next(known, known + static_cast<ptrdiff_t>(parts));
  for (size_t row = first / kStride * kStride; row < first; ++row) {
    if (part_of_row_[row] != kNone) ++next[part_of_row_[row]];
  }
  for (size_t row = first; row < last; ++row) {
    if (part_of_row_[row] != kNone) places[row - first] = next[part_of_row_[row]]++;
  }
  return places;
}

void RowParts::Unite(std::span<const ColumnPtr> pieces, size_t first,
                     std::span<const uint32_t> places, Column* into) const {
  CATENA_CHECK(pieces.size() + 1 == begin_.size() && into->size() == places.size(),
               "a piece a part, a place a row");
  bool nulls = false;
  for (size_t part = 0; part < pieces.size(); ++part) {
    CATENA_CHECK(pieces[part]->size() == begin_[part + 1] - begin_[part], "a value a row");
    nulls = nulls || pieces[part]->has_nulls();
  }
  VisitFixedWidth(into->type().kind, [&]<typename T>(T) {
    struct Piece {
      const T* values;
      const uint8_t* validity;
    };
    std::vector<Piece> of_part;
    for (const ColumnPtr& piece : pieces) {
      of_part.push_back({piece->Values<T>().data(), piece->validity()});
    }
    const uint16_t* parts = part_of_row_.data() + first;
    const uint32_t* begins = begin_.data();
    T* to = into->MutableValues<T>().data();
    uint8_t* to_valid = into->MutableValidity().data();
    for (size_t row = 0; row < places.size(); ++row) {
      if (places[row] == kNowhere) continue;
      const Piece& piece = of_part[parts[row]];
      const uint32_t at = places[row] - begins[parts[row]];
      to[row] = piece.values[at];
      to_valid[row] = nulls ? piece.validity[at] : uint8_t{1};
    }
  });
  into->CountNulls();
}

}  // namespace catena::batch
