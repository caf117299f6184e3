// SPDX-License-Identifier: Apache-2.0
// Column: one typed array and a validity byte per row.
//
//   layout   BOOLEAN, BYTE: int8_t; SHORT: int16_t; INT, DATE: int32_t; LONG, TIMESTAMP: int64_t;
//            FLOAT, DOUBLE: themselves; STRING, BINARY: bytes in one buffer with size()+1 offsets;
//            LIST, MAP, STRUCT: size()+1 offsets (LIST, MAP) and child columns
//   null     validity()[row] == 0; the slot then holds zero, the empty string or the empty list.
//            has_nulls() == false promises that every row is valid
//   threads  const calls may run concurrently

#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "catena/base/check.h"
#include "catena/types/data_type.h"
#include "catena/types/value.h"

namespace catena::types {

class Column {
 public:
  explicit Column(DataType type, size_t rows_expected = 0);

  const DataType& type() const { return type_; }
  size_t size() const { return validity_.size(); }
  bool has_nulls() const { return null_count_ > 0; }
  size_t null_count() const { return null_count_; }
  bool IsNull(size_t row) const { return validity_[row] == 0; }
  const uint8_t* validity() const { return validity_.data(); }

  // T is the physical type of the layout above; anything else stops the process.
  template <typename T>
  std::span<const T> Values() const {
    const auto* values = std::get_if<std::vector<T>>(&data_);
    CATENA_CHECK(values != nullptr, "Column::Values of another physical type");
    return *values;
  }
  template <typename T>
  std::span<T> MutableValues() {
    auto* values = std::get_if<std::vector<T>>(&data_);
    CATENA_CHECK(values != nullptr, "Column::MutableValues of another physical type");
    return *values;
  }
  // STRING and BINARY only; valid until the column changes.
  std::string_view Text(size_t row) const {
    return {text_.data() + offsets_[row], offsets_[row + 1] - offsets_[row]};
  }
  // LIST and MAP: rows [offset(row), offset(row + 1)) of the children.
  uint64_t offset(size_t row) const { return offsets_[row]; }
  size_t child_count() const { return children_.size(); }
  const Column& child(size_t i) const { return *children_[i]; }
  Column* mutable_child(size_t i) { return children_[i].get(); }

  void AppendNull();
  template <typename T>
  void Append(T value) {
    std::get<std::vector<T>>(data_).push_back(value);
    validity_.push_back(1);
  }
  void AppendText(std::string_view text) {
    text_.insert(text_.end(), text.begin(), text.end());
    offsets_.push_back(text_.size());
    validity_.push_back(1);
  }
  // All of `values` at once; bit i of `valid_bits` (least significant first) tells whether value i
  // is there, a null pointer that all are.
  template <typename T>
  void AppendRun(std::span<const T> values, const uint64_t* valid_bits) {
    auto& mine = std::get<std::vector<T>>(data_);
    const size_t first = mine.size();
    mine.insert(mine.end(), values.begin(), values.end());
    validity_.resize(first + values.size(), 1);
    if (valid_bits == nullptr) return;
    for (size_t word = 0; word * 64 < values.size(); ++word) {
      uint64_t nulls = ~valid_bits[word];
      const size_t left = values.size() - word * 64;
      if (left < 64) nulls &= (uint64_t{1} << left) - 1;
      null_count_ += static_cast<size_t>(std::popcount(nulls));
      for (; nulls != 0; nulls &= nulls - 1) {
        const size_t row = first + word * 64 + static_cast<size_t>(std::countr_zero(nulls));
        mine[row] = T{};
        validity_[row] = 0;
      }
    }
  }
  // LIST, MAP, STRUCT: after the elements were appended to the children, closes the row.
  void CloseRow();
  // Row `row` of a column of the same type.
  void AppendFrom(const Column& from, size_t row);
  // All rows of a column of the same type.
  void AppendAll(const Column& from);
  // kInvalidData when the value does not fit the type (no narrowing of what would lose digits).
  Status AppendValue(const Value& value);
  // `count` rows of zeroes that are all null, to be written to in any order.
  void ResizeNulls(size_t count);
  // A 1 where MutableValues()[row] was written, for who writes many rows; CountNulls when all are.
  std::span<uint8_t> MutableValidity() { return validity_; }
  void CountNulls();

  Value ValueAt(size_t row) const;
  // The rows of `rows`, in that order.
  Column Take(std::span<const uint32_t> rows) const;

 private:
  using Data =
      std::variant<std::monostate, std::vector<int8_t>, std::vector<int16_t>, std::vector<int32_t>,
                   std::vector<int64_t>, std::vector<float>, std::vector<double>>;
  DataType type_;
  Data data_;
  std::vector<uint8_t> validity_;
  size_t null_count_ = 0;
  std::vector<uint64_t> offsets_;
  std::vector<char> text_;
  std::vector<std::shared_ptr<Column>> children_;
};

}  // namespace catena::types
