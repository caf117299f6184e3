// SPDX-License-Identifier: Apache-2.0
// PackedRows: values of several columns side by side, a row behind the other. Who goes to rows in
// no order goes to one place in memory for each, not to one in every column.
//
//     columns   a0 a1 a2 ...   b0 b1 b2 ...   and which of them are null
//     packed    a0 b0 | a1 b1 | a2 b2 | ...   and the same
//
//   input    columns a field of a schema; packed are those whose types HasFixedWidth
//   layout   of a row: the values, widest first, then a byte a column, 1 where it is not null;
//   filled
//            up to whole words of 8 bytes. A row of zeroes is a row of nulls
//   threads  const calls may run concurrently, as long as they write to other rows

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "catena/types/batch.h"

namespace catena::batch {

// Whether a row of such a column is one value in one array.
bool HasFixedWidth(const types::DataType& type);

// Calls visit(T()) with what the values of a HasFixedWidth column are.
template <typename Visit>
void VisitFixedWidth(types::Kind kind, const Visit& visit) {
  switch (kind) {
    case types::Kind::kBool:
    case types::Kind::kByte:
      return visit(int8_t());
    case types::Kind::kShort:
      return visit(int16_t());
    case types::Kind::kInt:
    case types::Kind::kDate:
      return visit(int32_t());
    case types::Kind::kLong:
    case types::Kind::kTimestamp:
      return visit(int64_t());
    case types::Kind::kFloat:
      return visit(float());
    case types::Kind::kDouble:
      return visit(double());
    default:
      CATENA_CHECK(false, "a width is fixed");
  }
}

class PackedRows {
 public:
  using Columns = std::vector<std::shared_ptr<types::Column>>;
  // Rows that lie beside each other, in the nearest cache, between columns and places in no order.
  static constexpr size_t kBlock = 128;
  // Rows whose place is fetched before it is their turn.
  static constexpr size_t kAhead = 16;

  explicit PackedRows(types::Schema schema);

  const types::Schema& schema() const { return schema_; }
  // Fields whose columns are not packed.
  const std::vector<size_t>& others() const { return others_; }
  size_t width() const { return width_; }

  // Rows [first, first + count) of `columns`, one a field; each `stride` bytes behind the one
  // before it.
  void Pack(std::span<const types::ColumnPtr> columns, size_t first, size_t count, size_t stride,
            std::byte* to) const;
  // Empty columns for so many rows, one a field that is packed, widest first.
  Columns MakeColumns(size_t rows) const;
  // At most kBlock packed rows become the next of `into`.
  void Unpack(const std::byte* from, size_t count, size_t stride, const Columns& into) const;
  // All that was packed and all that was not, one a field of others().
  types::Batch Batch(const Columns& unpacked, std::vector<types::ColumnPtr> others) const;

  // Room for that many bytes, not written to.
  static std::unique_ptr<std::byte[]> Room(size_t bytes) {
    return std::make_unique_for_overwrite<std::byte[]>(bytes);
  }
  // One row, of `bytes` that are whole words.
  static void Copy(const std::byte* from, size_t bytes, std::byte* to) {
    for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
      std::memcpy(to + at, from + at, sizeof(uint64_t));
    }
  }

 private:
  struct Packed {
    size_t field;
    size_t value;  // Bytes from the row's first.
    size_t valid;
  };
  types::Kind KindOf(const Packed& packed) const { return schema_.fields[packed.field].type.kind; }

  types::Schema schema_;
  std::vector<Packed> packed_;
  std::vector<size_t> others_;
  size_t width_ = 0;
};

}  // namespace catena::batch
