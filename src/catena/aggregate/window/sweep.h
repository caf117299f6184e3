// SPDX-License-Identifier: Apache-2.0
// ColumnSweep: one operation over one column, all its windows, all groups, in one pass.
//
// Where windows begin and end is known (sweep_walk.h); here they are folded. An operation whose IRs
// are subtracted in a few instructions keeps the folds of all events up to each, and a window is
// the difference of two (PrefixSweep). Another one that can remove keeps one IR a window: events
// that enter are added, events that the tail passes are taken out again (SlidingSweep); of many
// events, whose folds would be more than the cache holds, the first does so, too. The others fold
// each hop once, for all windows of its class, and keep two stacks of hops a window (StackSweep):
//
//     hops of the class   |==|====|==|=|===|==|  head
//     window                 ^begin           ^end
//     front[i]            fold of hops i.. up to the flip
//     back                fold of the hops after it
//
// The tail is a hop boundary, so no hop is ever cut, and the head is in when its hop is.
//
//   input / output  SweepInput, SweepChunk and Kernel::NewSweep of operation.h
//   cost            PrefixSweep: an update per event, a subtraction per query and window, without a
//                   branch that events decide. SlidingSweep: an update and a removal per event and
//                   window, many at once where the operation can. StackSweep: per event one update
//                   a hop class; per hop two merges a window at most; per query and window two
//                   merges. Memory is the hops of one group that its longest window reaches
//   source          TwoStacks Lite: Tangwongsan, Hirzel, Schneider, "In-order sliding-window
//                   aggregation in worst-case constant time" (2021)

#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "catena/aggregate/window/prefix_sweep.h"

namespace catena::aggregate {

// For an operation that can remove: one IR a window, that of the events [begin, end).
template <typename Op, typename P>
class SlidingSweep final : public KernelSweep {
 public:
  SlidingSweep(const Op& op, const types::DataType& output, const SweepInput& input,
               std::span<const SweepWindow> windows)
      : op_(op), input_(input), reader_(input_.events) {
    for (const SweepWindow& window : windows) {
      windows_.push_back({window.index, 0, 0, {}, {op_, output, input.output_rows}});
    }
  }

  void Run(const SweepChunk& chunk) noexcept override {
    for (Window& window : windows_) RunWindow(window, chunk);
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
    uint32_t begin;
    uint32_t end;
    Ir ir;
    ResultScatter<Op> results;
  };
  void RunWindow(Window& window, const SweepChunk& chunk) {
    const std::span<const uint32_t> begins = chunk.begins[window.index];
    for (const SweepPiece& piece : chunk.pieces) {
      if (!piece.continues) {
        window.ir = Ir();
        window.begin = window.end = piece.first_event;
      }
      for (uint32_t i = piece.first; i < piece.last; ++i) {
        const uint32_t begin = begins[i];
        const uint32_t end = chunk.ends[i];
        if (begin < window.end) {
          Remove(window.begin, begin, window.ir);
        } else {
          // Nothing stays: a fresh IR also drops what a sum of far numbers has allocated.
          if (window.begin < window.end) window.ir = Ir();
          window.end = begin;
        }
        Add(window.end, end, window.ir);
        window.begin = begin;
        window.end = end;
        if (i + kFetchedAhead < chunk.output_rows.size()) {
          window.results.Fetch(chunk.output_rows[i + kFetchedAhead]);
        }
        window.results.Put(chunk.output_rows[i], window.ir);
      }
    }
  }

  void Add(uint32_t begin, uint32_t end, Ir& ir) {
    FoldRows(
        op_, input_.events, reader_, end - begin,
        [&](size_t i) { return input_.event_rows[begin + i]; }, ir);
  }

  void Remove(uint32_t begin, uint32_t end, Ir& ir) {
    const auto row_at = [&](size_t i) { return input_.event_rows[begin + i]; };
    if (kUpdatesMany<Op, P> && end - begin >= kManyRows) {
      Ir part;
      FoldRows(op_, input_.events, reader_, end - begin, row_at, part);
      op_.Remove(ir, part);
      return;
    }
    for (uint32_t i = 0; i < end - begin; ++i) {
      const uint32_t row = row_at(i);
      if (!reader_.IsNull(row)) op_.Remove(ir, static_cast<typename Op::Input>(reader_.At(row)));
    }
  }

  const Op& op_;
  const SweepInput input_;
  const ColumnReader<P> reader_;
  std::vector<Window> windows_;
};

// For an operation that cannot remove.
template <typename Op, typename P>
class StackSweep final : public KernelSweep {
 public:
  StackSweep(const Op& op, const types::DataType& output, const SweepInput& input,
             std::span<const SweepWindow> windows)
      : op_(op), input_(input), reader_(input_.events) {
    for (const SweepWindow& window : windows) {
      results_.emplace_back(op_, output, input.output_rows);
      const auto same = [&](const HopClass& hops) { return hops.index == window.hop_class; };
      auto hops = std::find_if(classes_.begin(), classes_.end(), same);
      if (hops == classes_.end()) {
        hops = classes_.emplace(hops);
        hops->index = window.hop_class;
      }
      hops->windows.emplace_back();
      hops->windows.back().index = window.index;
      hops->windows.back().results = results_.size() - 1;
    }
  }

  void Run(const SweepChunk& chunk) noexcept override {
    for (HopClass& hops : classes_) RunClass(hops, chunk);
  }
  std::vector<std::shared_ptr<types::Column>> Take() noexcept override {
    std::vector<std::shared_ptr<types::Column>> columns;
    for (ResultScatter<Op>& results : results_) columns.push_back(results.Take());
    return columns;
  }

 private:
  using Ir = typename Op::IR;

  struct Hop {
    uint32_t begin = 0;  // Its first event.
    Ir ir;
  };
  // Hops are counted from the first of the group.
  struct Window {
    size_t index = 0;
    size_t results = 0;
    Ir back;                // Fold of hops [flip, end).
    std::vector<Ir> front;  // front[i - front_base]: fold of hops [i, flip).
    size_t front_base = 0;
    size_t flip = 0;
    size_t begin = 0;
    size_t end = 0;
  };
  // Hops of one length, and the windows whose tails jump by it. Without an index: of the window
  // that has no tail, all in the head.
  struct HopClass {
    std::optional<size_t> index;
    std::vector<Window> windows;
    std::vector<Hop> hops;  // Finished ones; hops[i] is hop number first + i.
    size_t first = 0;
    Hop head;
    uint32_t next_event = 0;

    size_t end() const { return first + hops.size(); }
    const Hop& At(size_t number) const { return hops[number - first]; }
  };

  void Restart(HopClass& hops, uint32_t first_event) {
    hops.hops.clear();
    hops.first = 0;
    hops.head = {first_event, Ir()};
    hops.next_event = first_event;
    for (Window& window : hops.windows) {
      window.back = Ir();
      window.front.clear();
      window.front_base = window.flip = window.begin = window.end = 0;
    }
  }

  void RunClass(HopClass& hops, const SweepChunk& chunk) {
    std::span<const uint32_t> hop_begins;
    if (hops.index) hop_begins = chunk.hop_begins[*hops.index];
    for (const SweepPiece& piece : chunk.pieces) {
      if (!piece.continues) Restart(hops, piece.first_event);
      for (uint32_t i = piece.first; i < piece.last; ++i) {
        Advance(hops, chunk.ends[i], &hop_begins);
        for (Window& window : hops.windows) {
          const uint32_t row = chunk.output_rows[i];
          if (i + kFetchedAhead < chunk.output_rows.size()) {
            results_[window.results].Fetch(chunk.output_rows[i + kFetchedAhead]);
          }
          if (hops.index) {
            Answer(window, hops, chunk.begins[window.index][i], row);
          } else {
            results_[window.results].Put(row, hops.head.ir);
          }
        }
      }
      DropPassed(hops);
    }
  }

  // Folds events before `end`; `hop_begins` are those to come.
  void Advance(HopClass& hops, uint32_t end, std::span<const uint32_t>* hop_begins) {
    while (!hop_begins->empty() && hop_begins->front() < end) {
      const uint32_t begin = hop_begins->front();
      Fold(hops, begin);
      if (begin > hops.head.begin) hops.hops.push_back(std::move(hops.head));
      hops.head = {begin, Ir()};
      *hop_begins = hop_begins->subspan(1);
    }
    Fold(hops, end);
  }

  void Fold(HopClass& hops, uint32_t end) {
    const uint32_t begin = hops.next_event;
    if (begin >= end) return;
    FoldRows(
        op_, input_.events, reader_, end - begin,
        [&](size_t i) { return input_.event_rows[begin + i]; }, hops.head.ir);
    hops.next_event = end;
  }

  // The events from `tail` on, which is where a hop begins.
  void Answer(Window& window, const HopClass& hops, uint32_t tail, uint32_t row) {
    ResultScatter<Op>& results = results_[window.results];
    const size_t end = hops.end();
    size_t begin = window.begin;
    while (begin < end && hops.At(begin).begin < tail) ++begin;
    if (begin == end) {
      window.back = Ir();
      window.begin = window.end = window.flip = end;
      if (hops.head.begin >= tail) results.Put(row, hops.head.ir);
      return;
    }
    Flip(window, hops, begin, end);
    const Ir* parts[3];
    size_t count = 0;
    if (begin < window.flip) parts[count++] = &window.front[begin - window.front_base];
    if (!op_.IsEmpty(window.back)) parts[count++] = &window.back;
    if (!op_.IsEmpty(hops.head.ir)) parts[count++] = &hops.head.ir;
    if (count == 1) return results.Put(row, *parts[0]);
    answer_ = count == 0 ? Ir() : *parts[0];
    for (size_t i = 1; i < count; ++i) op_.Merge(answer_, *parts[i]);
    results.Put(row, answer_);
  }

  // Afterwards front holds [begin, flip) and back holds [flip, end), or front is used up, begin
  // is the flip and back holds all.
  void Flip(Window& window, const HopClass& hops, size_t begin, size_t end) {
    if (begin > window.flip) {
      // The tail is inside the back stack: it becomes the front, from the tail on.
      window.front.clear();
      window.front_base = begin;
      window.flip = end;
      window.front.resize(end - begin);
      Ir fold;
      for (size_t i = end; i-- > begin;) {
        op_.Merge(fold, hops.At(i).ir);
        window.front[i - begin] = fold;
      }
      window.back = Ir();
    } else {
      for (size_t i = window.end; i < end; ++i) op_.Merge(window.back, hops.At(i).ir);
    }
    window.begin = begin;
    window.end = end;
  }

  // Forgets hops that every window has behind it, when they are most of what is kept.
  void DropPassed(HopClass& hops) {
    size_t passed = hops.end();
    for (const Window& window : hops.windows) passed = std::min(passed, window.begin);
    constexpr size_t kFewest = 1024;
    if (passed - hops.first < std::max(kFewest, hops.hops.size() / 2)) return;
    hops.hops.erase(hops.hops.begin(),
                    hops.hops.begin() + static_cast<ptrdiff_t>(passed - hops.first));
    hops.first = passed;
  }

  const Op& op_;
  const SweepInput input_;
  const ColumnReader<P> reader_;
  std::vector<HopClass> classes_;
  std::vector<ResultScatter<Op>> results_;
  Ir answer_;
};

template <typename Op, typename P>
std::unique_ptr<KernelSweep> MakeSweep(const Op& op, const types::DataType& output,
                                       const SweepInput& input,
                                       std::span<const SweepWindow> windows) {
  if constexpr (kRemovable<Op> && kSubtractsAtOnce<Op>) {
    if (input.event_rows.size() <= kPrefixEventsMost) {
      return std::make_unique<PrefixSweep<Op, P>>(op, output, input, windows);
    }
  }
  if constexpr (kRemovable<Op>) {
    return std::make_unique<SlidingSweep<Op, P>>(op, output, input, windows);
  } else {
    return std::make_unique<StackSweep<Op, P>>(op, output, input, windows);
  }
}

}  // namespace catena::aggregate
