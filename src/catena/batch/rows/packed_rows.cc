// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/packed_rows.h"

#include <algorithm>

namespace catena::batch {
namespace {

using types::Column;
using types::ColumnPtr;
using types::Kind;

size_t WidthOf(Kind kind) {
  size_t width = 0;
  VisitFixedWidth(kind, [&]<typename T>(T) { width = sizeof(T); });
  return width;
}

// Eight bytes that are 0 or 1 as bits, the first the lowest.
uint64_t BitsOf8(const std::byte* bytes) {
  uint64_t eight;
  std::memcpy(&eight, bytes, sizeof(eight));
  return eight * 0x0102040810204080u >> 56;  // Byte k comes to stand in bit 56 + k.
}

}  // namespace

bool HasFixedWidth(const types::DataType& type) { return !type.IsText() && type.children.empty(); }

PackedRows::PackedRows(types::Schema schema) : schema_(std::move(schema)) {
  for (size_t i = 0; i < schema_.size(); ++i) {
    if (HasFixedWidth(schema_.fields[i].type)) {
      packed_.push_back({i, 0, 0});
    } else {
      others_.push_back(i);
    }
  }
  std::ranges::stable_sort(packed_, [&](const Packed& a, const Packed& b) {
    return WidthOf(KindOf(a)) > WidthOf(KindOf(b));
  });
  for (Packed& packed : packed_) {
    packed.value = width_;
    width_ += WidthOf(KindOf(packed));
  }
  for (Packed& packed : packed_) packed.valid = width_++;
  width_ = (width_ + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

void PackedRows::Pack(std::span<const ColumnPtr> columns, size_t first, size_t count, size_t stride,
                      std::byte* to) const {
  CATENA_CHECK(columns.size() == schema_.size(), "a column a field");
  for (const Packed& packed : packed_) {
    const Column& column = *columns[packed.field];
    CATENA_CHECK(first + count <= column.size(), "rows are in the column");
    VisitFixedWidth(KindOf(packed), [&]<typename T>(T) {
      const T* values = column.Values<T>().data() + first;
      const uint8_t* validity = column.validity() + first;
      std::byte* value = to + packed.value;
      std::byte* valid = to + packed.valid;
      for (size_t row = 0; row < count; ++row) {
        std::memcpy(value + row * stride, values + row, sizeof(T));
        valid[row * stride] = std::byte{validity[row]};
      }
    });
  }
}

PackedRows::Columns PackedRows::MakeColumns(size_t rows) const {
  Columns columns;
  for (const Packed& packed : packed_) {
    columns.push_back(std::make_shared<Column>(schema_.fields[packed.field].type, rows));
  }
  return columns;
}

void PackedRows::Unpack(const std::byte* from, size_t count, size_t stride,
                        const Columns& into) const {
  CATENA_CHECK(into.size() == packed_.size(), "a column a field that is packed");
  CATENA_CHECK(count <= kBlock, "a block at a time");
  for (size_t i = 0; i < packed_.size(); ++i) {
    VisitFixedWidth(KindOf(packed_[i]), [&]<typename T>(T) {
      T values[kBlock];
      std::byte is_valid[kBlock] = {};
      const std::byte* value = from + packed_[i].value;
      const std::byte* valid = from + packed_[i].valid;
      for (size_t row = 0; row < count; ++row) {
        std::memcpy(values + row, value + row * stride, sizeof(T));
        is_valid[row] = valid[row * stride];
      }
      const bool all = std::all_of(is_valid, is_valid + count,
                                   [](std::byte one) { return one != std::byte{0}; });
      uint64_t bits[kBlock / 64] = {};
      for (size_t at = 0; !all && at < count; at += 8) {
        bits[at / 64] |= BitsOf8(is_valid + at) << at % 64;
      }
      into[i]->AppendRun(std::span<const T>(values, count), all ? nullptr : bits);
    });
  }
}

types::Batch PackedRows::Batch(const Columns& unpacked, std::vector<ColumnPtr> others) const {
  CATENA_CHECK(unpacked.size() == packed_.size() && others.size() == others_.size(),
               "a column a field");
  std::vector<ColumnPtr> columns(schema_.size());
  for (size_t i = 0; i < packed_.size(); ++i) columns[packed_[i].field] = unpacked[i];
  for (size_t i = 0; i < others_.size(); ++i) columns[others_[i]] = std::move(others[i]);
  return types::Batch(schema_, std::move(columns));
}

}  // namespace catena::batch
