// SPDX-License-Identifier: Apache-2.0
// ColumnKernel: makes a Kernel of an operation that is written for one value at a time.
//
// An operation is a struct with
//
//   Input, Output        Input: what Update takes (the column's values are converted to it)
//   IR                   IR{} is the identity of Merge; copied and destroyed as C++ does
//   Update(IR&, Input)   or Update(IR&, Input, EventPosition) when it depends on time
//   Merge(IR&, const IR&)
//   IsEmpty(const IR&)
//   Finalize(const IR&)  optional<Output>; or AppendTo(const IR&, Column*) for lists and maps
//   Encode(const IR&, string*), Decode(ByteReader*, IR&) -> bool
//   Remove(IR&, Input) and Remove(IR&, const IR&)   only when both are exact
//
// and its arguments (k, percentiles) as members. The loops below inline all of it.
//
//   null     skipped here; an empty IR and a result that is NaN or infinite append null
//   source   the sanity of numbers: Chronon DirectColumnAggregator

#pragma once

#include <cmath>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "catena/aggregate/operation.h"
#include "catena/aggregate/window/sweep.h"

namespace catena::aggregate {

// The physical type of a column whose values do not matter, only whether they are there.
struct AnyValue {};

// One row of a column that the operation reads itself: a list, a map, or a value with its bucket.
struct Cell {
  const types::Column* column = nullptr;
  const types::Column* bucket = nullptr;
  uint32_t row = 0;
};

// Values of a column of physical type P: an integer, float, double, string_view, AnyValue or Cell.
template <typename P>
class ColumnReader {
 public:
  explicit ColumnReader(const KernelInput& input)
      : column_(*input.column),
        bucket_(input.bucket),
        validity_(column_.has_nulls() ? column_.validity() : nullptr) {
    if constexpr (std::is_arithmetic_v<P>) values_ = column_.template Values<P>().data();
  }
  bool IsNull(uint32_t row) const { return validity_ != nullptr && validity_[row] == 0; }
  P At(uint32_t row) const {
    if constexpr (std::is_arithmetic_v<P>) {
      return values_[row];
    } else if constexpr (std::is_same_v<P, std::string_view>) {
      return column_.Text(row);
    } else if constexpr (std::is_same_v<P, Cell>) {
      return Cell{&column_, bucket_, row};
    } else {
      return AnyValue{};
    }
  }

 private:
  const types::Column& column_;
  const types::Column* bucket_;
  const uint8_t* validity_;
  const P* values_ = nullptr;
};

template <typename Op, typename P>
class ColumnKernel final : public Kernel {
 public:
  using OpIr = typename Op::IR;
  static constexpr bool kRemovable = requires(const Op op, OpIr ir, const OpIr part) {
    op.Remove(ir, part);
  };

  ColumnKernel(Op op, types::DataType output) : op_(std::move(op)), output_(std::move(output)) {}

  IrLayout layout() const override { return {sizeof(OpIr), alignof(OpIr)}; }
  const types::DataType& output_type() const override { return output_; }
  bool removable() const override { return kRemovable; }

  void Init(std::byte* slot) const noexcept override { new (slot) OpIr(); }
  void Destroy(std::byte* slot) const noexcept override { At(slot).~OpIr(); }
  void Copy(std::byte* into, const std::byte* from) const noexcept override { At(into) = At(from); }
  bool IsEmpty(const std::byte* slot) const noexcept override { return op_.IsEmpty(At(slot)); }

  void UpdateEach(const KernelInput& input, std::span<const uint32_t> rows,
                  std::span<std::byte* const> irs, size_t offset) const noexcept override {
    const ColumnReader<P> reader(input);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!reader.IsNull(rows[i])) {
        SweepUpdate(op_, At(irs[i] + offset), reader.At(rows[i]), input, rows[i]);
      }
    }
  }
  void UpdateOne(const KernelInput& input, std::span<const uint32_t> rows,
                 std::byte* slot) const noexcept override {
    const ColumnReader<P> reader(input);
    OpIr& ir = At(slot);
    for (const uint32_t row : rows) {
      if (!reader.IsNull(row)) SweepUpdate(op_, ir, reader.At(row), input, row);
    }
  }
  void Merge(std::byte* into, const std::byte* from) const noexcept override {
    op_.Merge(At(into), At(from));
  }
  void UpdateValue(const types::Column& column, uint32_t row, EventPosition position,
                   std::byte* slot) const noexcept override {
    UpdateAt(op_, At(slot), ColumnReader<P>(KernelInput{&column}).At(row), position);
  }

  void RemoveRows(const KernelInput& input, std::span<const uint32_t> rows,
                  std::byte* slot) const noexcept override {
    if constexpr (kRemovable) {
      const ColumnReader<P> reader(input);
      for (const uint32_t row : rows) {
        if (!reader.IsNull(row)) {
          op_.Remove(At(slot), static_cast<typename Op::Input>(reader.At(row)));
        }
      }
    } else {
      CATENA_CHECK(kRemovable, "RemoveRows of an operation that cannot remove");
    }
  }
  void Remove(std::byte* from, const std::byte* part) const noexcept override {
    if constexpr (kRemovable) {
      op_.Remove(At(from), At(part));
    } else {
      CATENA_CHECK(kRemovable, "Remove of an operation that cannot remove");
    }
  }
  void RemoveValue(const types::Column& column, uint32_t row,
                   std::byte* slot) const noexcept override {
    if constexpr (kRemovable) {
      op_.Remove(At(slot),
                 static_cast<typename Op::Input>(ColumnReader<P>(KernelInput{&column}).At(row)));
    } else {
      CATENA_CHECK(kRemovable, "RemoveValue of an operation that cannot remove");
    }
  }

  void Finalize(std::span<const std::byte* const> irs, size_t offset,
                types::Column* into) const noexcept override {
    for (const std::byte* ir : irs) AppendResult(op_, At(ir + offset), into);
  }
  void AppendRaw(const std::byte* slot, types::Column* into) const noexcept override {
    AppendRawResult(op_, At(slot), into);
  }
  std::vector<std::shared_ptr<types::Column>> Sweep(
      const SweepInput& input, std::span<const SweepWindow> windows) const noexcept override {
    return ColumnSweep<Op, ColumnReader<P>>(op_, output_, input, windows).Run();
  }

  void Encode(const std::byte* slot, std::string* out) const noexcept override {
    op_.Encode(At(slot), out);
  }
  Status Decode(ByteReader* reader, std::byte* slot) const noexcept override {
    if (op_.Decode(reader, At(slot)) && reader->ok() && !op_.IsEmpty(At(slot))) return Status();
    At(slot) = OpIr();
    return Corruption("stored IR does not decode: restore it from a backup or recompute it");
  }

 private:
  static OpIr& At(std::byte* slot) { return *std::launder(reinterpret_cast<OpIr*>(slot)); }
  static const OpIr& At(const std::byte* slot) {
    return *std::launder(reinterpret_cast<const OpIr*>(slot));
  }

  Op op_;
  types::DataType output_;
};

template <typename P, typename Op>
KernelPtr MakeKernel(Op op, types::DataType output) {
  static_assert(alignof(typename Op::IR) <= kIrAlignment);
  return std::make_shared<const ColumnKernel<Op, P>>(std::move(op), std::move(output));
}

// visit.operator()<P>() for the physical type P of a number column; null for any other.
template <typename Visit>
KernelPtr ForNumber(const types::DataType& type, Visit visit) {
  switch (type.kind) {
    case types::Kind::kByte:
      return visit.template operator()<int8_t>();
    case types::Kind::kShort:
      return visit.template operator()<int16_t>();
    case types::Kind::kInt:
      return visit.template operator()<int32_t>();
    case types::Kind::kLong:
      return visit.template operator()<int64_t>();
    case types::Kind::kFloat:
      return visit.template operator()<float>();
    case types::Kind::kDouble:
      return visit.template operator()<double>();
    default:
      return nullptr;
  }
}

// The same for every scalar.
template <typename Visit>
KernelPtr ForScalar(const types::DataType& type, Visit visit) {
  switch (type.kind) {
    case types::Kind::kBool:
      return visit.template operator()<int8_t>();
    case types::Kind::kDate:
      return visit.template operator()<int32_t>();
    case types::Kind::kTimestamp:
      return visit.template operator()<int64_t>();
    case types::Kind::kString:
    case types::Kind::kBinary:
      return visit.template operator()<std::string_view>();
    default:
      return ForNumber(type, visit);
  }
}

}  // namespace catena::aggregate
