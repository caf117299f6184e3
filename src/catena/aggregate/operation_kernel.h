// SPDX-License-Identifier: Apache-2.0
// ColumnKernel: makes a Kernel of an operation that is written for one value at a time.
//
// An operation is a struct with
//
//   Input, Output        Input: what Update takes (the column's values are converted to it)
//   IR                   IR{} is the identity of Merge; copied and destroyed as C++ does
//   Update(IR&, Input)   or Update(IR&, Input, EventPosition) when it depends on time
//   UpdateMany(IR&, span<const P>)   only when it is faster than as many Updates: inputs without
//                        nulls, at least one, as the column holds them (a size_t of AnyValue)
//   Prepared, kPrepared, Prepare(span<const P>, Prepared*) -> bool and
//   UpdatePrepared(IR&, const Prepared&, size_t)   only when most of the work on an input can be
//   done
//                        before its IR is looked at: at most kPrepared inputs, then each into the
//                        IR of its key. False: these inputs are for Update
//   Merge(IR&, const IR&)
//   IsEmpty(const IR&)
//   Finalize(const IR&)  optional<Output>; or AppendTo(const IR&, Column*) for lists and maps
//   Encode(const IR&, string*) or, when it keeps times, Encode(const IR&, Timestamp since, string*)
//   Decode(IrReader*, IR&) -> bool
//   CountOf(const IR&) and SetCount(IR&, int64_t) -> bool   when it has counted its inputs: Encode
//                        and Decode leave that out, and SetCount comes after Decode
//   Remove(IR&, Input) and Remove(IR&, const IR&)   only when both are exact
//   kSubtractsAtOnce = true   only when the latter takes a few instructions
//   kOrderShows = true   only when answers depend on how inputs were folded and merged
//
// and its arguments (k, percentiles) as members. The loops below inline all of it.
//
//   null     skipped here; an empty IR and a result that is NaN or infinite append null
//   source   the sanity of numbers: Chronon DirectColumnAggregator

#pragma once

#include <new>
#include <optional>
#include <utility>

#include "catena/aggregate/operation.h"
#include "catena/aggregate/row_fold.h"
#include "catena/aggregate/stored/stored_value.h"
#include "catena/aggregate/window/sweep.h"

namespace catena::aggregate {

template <typename Op, typename P>
class ColumnKernel final : public Kernel {
 public:
  using OpIr = typename Op::IR;

  ColumnKernel(Op op, types::DataType output) : op_(std::move(op)), output_(std::move(output)) {}

  IrLayout layout() const override { return {sizeof(OpIr), alignof(OpIr)}; }
  const types::DataType& output_type() const override { return output_; }
  bool removable() const override { return kRemovable<Op>; }
  bool exact() const override {
    if constexpr (requires { op_.inner->exact(); }) {
      return op_.inner->exact();
    } else {
      return !requires { Op::kOrderShows; };
    }
  }

  void Init(std::byte* slot) const noexcept override { new (slot) OpIr(); }
  void Destroy(std::byte* slot) const noexcept override { At(slot).~OpIr(); }
  void Copy(std::byte* into, const std::byte* from) const noexcept override { At(into) = At(from); }
  bool IsEmpty(const std::byte* slot) const noexcept override { return op_.IsEmpty(At(slot)); }

  void UpdateEach(const KernelInput& input, std::span<const uint32_t> rows,
                  std::span<std::byte* const> irs, size_t offset) const noexcept override {
    const ColumnReader<P> reader(input);
    if constexpr (kPrepares<Op>) {
      if (rows.size() >= kManyRows) {
        UpdatePrepared(reader, rows, irs, offset);
        return;
      }
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i + kFetchedAhead < rows.size()) {
        __builtin_prefetch(irs[i + kFetchedAhead] + offset, 1);
      }
      if (!reader.IsNull(rows[i])) {
        UpdateRow(op_, At(irs[i] + offset), reader.At(rows[i]), input, rows[i]);
      }
    }
  }
  void UpdateOne(const KernelInput& input, std::span<const uint32_t> rows,
                 std::byte* slot) const noexcept override {
    FoldRows(
        op_, input, ColumnReader<P>(input), rows.size(), [&](size_t i) { return rows[i]; },
        At(slot));
  }
  void UpdateRange(const KernelInput& input, uint32_t begin, uint32_t end,
                   std::byte* slot) const noexcept override {
    const ColumnReader<P> reader(input);
    if constexpr (kUpdatesMany<Op, P> && std::is_arithmetic_v<P>) {
      if (!reader.has_nulls()) {
        if (begin < end) op_.UpdateMany(At(slot), reader.Range(begin, end));
        return;
      }
    }
    FoldRows(
        op_, input, reader, end - begin, [&](size_t i) { return begin + static_cast<uint32_t>(i); },
        At(slot));
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
    if constexpr (kRemovable<Op>) {
      const ColumnReader<P> reader(input);
      for (const uint32_t row : rows) {
        if (!reader.IsNull(row)) {
          op_.Remove(At(slot), static_cast<typename Op::Input>(reader.At(row)));
        }
      }
    } else {
      CATENA_CHECK(kRemovable<Op>, "RemoveRows of an operation that cannot remove");
    }
  }
  void Remove(std::byte* from, const std::byte* part) const noexcept override {
    if constexpr (kRemovable<Op>) {
      op_.Remove(At(from), At(part));
    } else {
      CATENA_CHECK(kRemovable<Op>, "Remove of an operation that cannot remove");
    }
  }
  void RemoveValue(const types::Column& column, uint32_t row,
                   std::byte* slot) const noexcept override {
    if constexpr (kRemovable<Op>) {
      op_.Remove(At(slot),
                 static_cast<typename Op::Input>(ColumnReader<P>(KernelInput{&column}).At(row)));
    } else {
      CATENA_CHECK(kRemovable<Op>, "RemoveValue of an operation that cannot remove");
    }
  }

  void Finalize(std::span<const std::byte* const> irs, size_t offset,
                types::Column* into) const noexcept override {
    for (const std::byte* ir : irs) AppendResult(op_, At(ir + offset), into);
  }
  void AppendRaw(const std::byte* slot, types::Column* into) const noexcept override {
    AppendRawResult(op_, At(slot), into);
  }
  std::unique_ptr<KernelSweep> NewSweep(
      const SweepInput& input, std::span<const SweepWindow> windows) const noexcept override {
    return MakeSweep<Op, P>(op_, output_, input, windows);
  }

  int64_t Encode(const std::byte* slot, Timestamp since, std::string* out) const noexcept override {
    if constexpr (requires { op_.Encode(At(slot), since, out); }) {
      op_.Encode(At(slot), since, out);
    } else {
      op_.Encode(At(slot), out);
    }
    if constexpr (kCounts) return op_.CountOf(At(slot));
    return 0;
  }
  bool counts() const noexcept override { return kCounts; }
  Status Decode(IrReader* reader, std::byte* slot) const noexcept override {
    if (DecodeAll(reader, At(slot)) && reader->ok() && !op_.IsEmpty(At(slot))) return Status();
    At(slot) = OpIr();
    return Corruption("stored IR does not decode: restore it from a backup or recompute it");
  }

 private:
  static constexpr bool kCounts = requires(const Op& op, const OpIr& ir) { op.CountOf(ir); };

  // Until version 3 the count came first.
  bool DecodeAll(IrReader* reader, OpIr& ir) const noexcept {
    if constexpr (!kCounts) {
      return op_.Decode(reader, ir);
    } else {
      const bool first = reader->version() < 3;
      int64_t count = first ? reader->Count() : 0;
      if (!op_.Decode(reader, ir)) return false;
      if (!first) count = reader->Count();
      return count > 0 && count <= kInputsMax && op_.SetCount(ir, count);
    }
  }
  // The memory of an IR is asked for well ahead of its turn, and some of it while a block is being
  // prepared: the processor has only so many misses under way, and would have none.
  void UpdatePrepared(const ColumnReader<P>& reader, std::span<const uint32_t> rows,
                      std::span<std::byte* const> irs, size_t offset) const noexcept {
    constexpr size_t kAhead = 16;
    constexpr size_t kRowsPerFetch = 2;
    typename Op::Prepared prepared;
    P inputs[Op::kPrepared];
    size_t fetched = 0;
    const auto fetch = [&] { __builtin_prefetch(irs[fetched++] + offset, 1); };
    while (fetched < std::min(kAhead, rows.size())) fetch();
    for (size_t begin = 0; begin < rows.size(); begin += Op::kPrepared) {
      const size_t end = std::min(begin + Op::kPrepared, rows.size());
      for (size_t row = begin; row < end; ++row) {
        inputs[row - begin] = reader.At(rows[row]);
        if (row % kRowsPerFetch == 0 && fetched < rows.size()) fetch();
      }
      const bool ready = op_.Prepare(std::span<const P>(inputs, end - begin), &prepared);
      const size_t until = std::min(end + kAhead, rows.size());
      size_t row = begin;
      if (ready && !reader.has_nulls()) {
        for (; row < end && fetched < until; ++row) {
          fetch();
          op_.UpdatePrepared(At(irs[row] + offset), prepared, row - begin);
        }
      }
      for (; row < end; ++row) {
        if (fetched < until) fetch();
        if (reader.IsNull(rows[row])) continue;
        if (ready) {
          op_.UpdatePrepared(At(irs[row] + offset), prepared, row - begin);
        } else {
          op_.Update(At(irs[row] + offset), static_cast<typename Op::Input>(inputs[row - begin]));
        }
      }
    }
  }
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

// The same for every value that an IR can keep whole: lists, maps and structs are Cells.
template <typename Visit>
KernelPtr ForWhole(const types::DataType& type, Visit visit) {
  if (type.children.empty()) return ForScalar(type, visit);
  return IsStorable(type) ? visit.template operator()<Cell>() : KernelPtr();
}

}  // namespace catena::aggregate
