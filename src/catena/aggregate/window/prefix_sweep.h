// SPDX-License-Identifier: Apache-2.0
// PrefixSweep: a column's windows as differences of folds, for an operation whose IRs are
// subtracted in a few instructions.
//
//     events    e0 e1 e2 e3 e4 e5 ...      of one group
//     folds     0  0  01 012 0123 ...      folds[i]: of the events before i
//     window    [1, 4)                     folds[4] less folds[1]
//
// How many events a window gains and loses from one query to the next decides no branch, so that
// none of them is guessed wrong, and queries do not wait for each other.
//
//   input    SweepInput of at most kPrefixEventsMost events; what is not null is folded
//   output   what SlidingSweep (sweep.h) answers, bit for bit
//   cost     an update and a copy of an IR per event, a subtraction per query and window
//   memory   the folds of one group
//   threads  like any KernelSweep

#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "catena/aggregate/operation.h"
#include "catena/aggregate/row_fold.h"
#include "catena/aggregate/window/result_scatter.h"

namespace catena::aggregate {

// Whether one IR less another takes a few instructions, wherever both are.
template <typename Op>
inline constexpr bool kSubtractsAtOnce = requires {
  requires Op::kSubtractsAtOnce;
};

// Events of which the folds stay in the cache.
inline constexpr size_t kPrefixEventsMost = 65536;

template <typename Op, typename P>
class PrefixSweep final : public KernelSweep {
 public:
  PrefixSweep(const Op& op, const types::DataType& output, const SweepInput& input,
              std::span<const SweepWindow> windows)
      : op_(op), input_(input), reader_(input_.events) {
    for (const SweepWindow& window : windows) {
      windows_.push_back({window.index, {op_, output, input.output_rows}});
    }
  }

  void Run(const SweepChunk& chunk) noexcept override {
    for (const SweepPiece& piece : chunk.pieces) {
      if (piece.first == piece.last) continue;
      if (!piece.continues) Restart(chunk, piece);
      FoldTo(chunk.ends[piece.last - 1]);
      for (Window& window : windows_) RunWindow(window, chunk, piece);
    }
  }
  std::vector<std::shared_ptr<types::Column>> Take() noexcept override {
    std::vector<std::shared_ptr<types::Column>> columns;
    for (Window& window : windows_) columns.push_back(window.results.Take());
    return columns;
  }

 private:
  using Ir = typename Op::IR;
  struct Window {
    size_t index;
    ResultScatter<Op> results;
  };

  // From the first event that a window of the group holds: tails only move on.
  void Restart(const SweepChunk& chunk, const SweepPiece& piece) {
    begin_ = chunk.ends[piece.first];
    for (const Window& window : windows_) {
      begin_ = std::min(begin_, chunk.begins[window.index][piece.first]);
    }
    folds_.assign(1, Ir());
  }
  void FoldTo(uint32_t end) {
    for (auto event = begin_ + static_cast<uint32_t>(folds_.size()) - 1; event < end; ++event) {
      const uint32_t row = input_.event_rows[event];
      folds_.push_back(folds_.back());
      if (reader_.IsNull(row)) continue;
      UpdateRow(op_, folds_.back(), reader_.At(row), input_.events, row);
    }
  }
  void RunWindow(Window& window, const SweepChunk& chunk, const SweepPiece& piece) {
    const std::span<const uint32_t> begins = chunk.begins[window.index];
    for (uint32_t i = piece.first; i < piece.last; ++i) {
      if (i + kFetchedAhead < chunk.output_rows.size()) {
        window.results.Fetch(chunk.output_rows[i + kFetchedAhead]);
      }
      if (begins[i] == chunk.ends[i]) continue;  // A row is null until it is put.
      Ir fold = folds_[chunk.ends[i] - begin_];
      op_.Remove(fold, folds_[begins[i] - begin_]);
      window.results.Put(chunk.output_rows[i], fold);
    }
  }

  const Op& op_;
  const SweepInput input_;
  const ColumnReader<P> reader_;
  std::vector<Window> windows_;
  uint32_t begin_ = 0;
  std::vector<Ir> folds_;  // folds_[i]: of events [begin_, begin_ + i) of the group.
};

}  // namespace catena::aggregate
