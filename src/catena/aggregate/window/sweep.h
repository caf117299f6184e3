// SPDX-License-Identifier: Apache-2.0
// ColumnSweep: one operation over one column, all its windows, all groups, in one pass.
//
// Events are folded once per hop class into the hop they fall into; a finished hop is kept and
// shared by every window of the class, the unfinished one is the head. A window is the hops from
// its tail on, and the head:
//
//     hops of the class   |==|====|==|=|===|==|  head
//     window                 ^begin           ^end
//     removable              sum: plus each hop that ends, minus each that the tail passes
//     else, two stacks       front[i]: fold of hops i.. up to the flip; back: fold of hops after it
//
// The tail is a hop boundary, so no hop is ever cut, and the head is in when its hop is.
//
//   input / output  SweepInput and Kernel::Sweep of operation.h
//   cost            per event one update a hop class; per hop at most two merges a window; per
//                   query and window two merges; memory is one group's hops
//   source          TwoStacks Lite: Tangwongsan, Hirzel, Schneider, "In-order sliding-window
//                   aggregation in worst-case constant time" (2021)

#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "catena/aggregate/operation.h"
#include "catena/aggregate/window/resolution.h"

namespace catena::aggregate {

template <typename Op, typename P>
inline void UpdateAt(const Op& op, typename Op::IR& ir, P value, EventPosition position) {
  if constexpr (requires { op.Update(ir, typename Op::Input(value), position); }) {
    op.Update(ir, static_cast<typename Op::Input>(value), position);
  } else {
    op.Update(ir, static_cast<typename Op::Input>(value));
  }
}

template <typename Op, typename P>
inline void SweepUpdate(const Op& op, typename Op::IR& ir, P value, const KernelInput& input,
                        uint32_t row) {
  if constexpr (requires { op.Update(ir, typename Op::Input(value), EventPosition{}); }) {
    op.Update(ir, static_cast<typename Op::Input>(value),
              EventPosition{input.event_times[row], input.source_orders[row]});
  } else {
    op.Update(ir, static_cast<typename Op::Input>(value));
  }
}

// The value of `ir`, or nothing when the result is null.
template <typename Op>
inline auto ResultOf(const Op& op, const typename Op::IR& ir) {
  auto result = op.Finalize(ir);
  if constexpr (std::is_floating_point_v<typename Op::Output>) {
    if (result && !std::isfinite(*result)) result.reset();
  }
  return result;
}

template <typename Op>
inline void AppendResult(const Op& op, const typename Op::IR& ir, types::Column* into) {
  if constexpr (requires { op.AppendTo(ir, into); }) {
    if (op.IsEmpty(ir)) {
      into->AppendNull();
    } else {
      op.AppendTo(ir, into);
    }
  } else if (const auto result = ResultOf(op, ir); !result) {
    into->AppendNull();
  } else if constexpr (std::is_same_v<typename Op::Output, std::string_view>) {
    into->AppendText(*result);
  } else {
    into->Append<typename Op::Output>(*result);
  }
}

// The same inside of a map, where numbers need not be finite.
template <typename Op>
inline void AppendRawResult(const Op& op, const typename Op::IR& ir, types::Column* into) {
  if constexpr (requires { op.AppendRawTo(ir, into); }) {
    if (op.IsEmpty(ir)) return into->AppendNull();
    op.AppendRawTo(ir, into);
  } else if constexpr (std::is_floating_point_v<typename Op::Output>) {
    if (op.IsEmpty(ir)) return into->AppendNull();
    into->Append<typename Op::Output>(*op.Finalize(ir));
  } else {
    AppendResult(op, ir, into);
  }
}

// A column of `rows` results that are written in any order of rows.
template <typename Op>
class ResultScatter {
 public:
  ResultScatter(const Op& op, const types::DataType& type, size_t rows)
      : op_(op), column_(std::make_shared<types::Column>(type)) {
    if constexpr (kFixedWidth) {
      column_->ResizeNulls(rows);
      values_ = column_->template MutableValues<typename Op::Output>().data();
    } else {
      place_.assign(rows, kNowhere);
    }
  }
  void Put(uint32_t row, const typename Op::IR& ir) {
    if constexpr (kFixedWidth) {
      if (const auto result = ResultOf(op_, ir)) {
        values_[row] = *result;
        column_->SetValid(row);
      }
    } else if (!op_.IsEmpty(ir)) {
      place_[row] = static_cast<uint32_t>(column_->size());
      AppendResult(op_, ir, column_.get());
    }
  }
  std::shared_ptr<types::Column> Take() {
    if constexpr (!kFixedWidth) {
      const auto null_row = static_cast<uint32_t>(column_->size());
      column_->AppendNull();
      for (uint32_t& place : place_) place = place == kNowhere ? null_row : place;
      return std::make_shared<types::Column>(column_->Take(place_));
    }
    return std::move(column_);
  }

 private:
  static constexpr bool kFixedWidth = requires {
    requires std::is_arithmetic_v<typename Op::Output>;
  };
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

  const Op& op_;
  std::shared_ptr<types::Column> column_;
  typename std::conditional_t<kFixedWidth, typename Op::Output*, void*> values_ = nullptr;
  std::vector<uint32_t> place_;
};

template <typename Op, typename Reader>
class ColumnSweep {
 public:
  ColumnSweep(const Op& op, const types::DataType& output, const SweepInput& input,
              std::span<const SweepWindow> windows)
      : op_(op), input_(input), reader_(input.events) {
    for (const SweepWindow& window : windows) {
      windows_.push_back(Window{window, ClassOf(window), {}, {}, {}, 0, 0, 0, 0});
      results_.emplace_back(op_, output, input.output_rows);
    }
  }

  std::vector<std::shared_ptr<types::Column>> Run() {
    for (size_t group = 0; group + 1 < input_.query_begin.size(); ++group) {
      if (input_.query_begin[group] == input_.query_begin[group + 1]) continue;
      if (input_.event_begin[group] == input_.event_begin[group + 1]) continue;
      RunGroup(group);
    }
    std::vector<std::shared_ptr<types::Column>> columns;
    for (auto& result : results_) columns.push_back(result.Take());
    return columns;
  }

 private:
  using Ir = typename Op::IR;
  static constexpr bool kRemovable = requires(const Op op, Ir ir, const Ir part) {
    op.Remove(ir, part);
  };

  struct Hop {
    int64_t start = 0;
    Ir ir;
  };
  // Hops of one length; hop 0 is the class of what has no tail, all in the head.
  struct HopClass {
    int64_t hop = 0;
    std::vector<Hop> hops;  // Finished, by start.
    Ir head;
    int64_t head_start = 0;
    int64_t head_end = 0;
    bool head_open = false;
    uint32_t next_event = 0;
  };
  struct Window {
    SweepWindow spec;
    size_t hop_class;
    Ir folded;              // Removable: hops [begin, end). Else the back stack: hops [flip, end).
    std::vector<Ir> front;  // front[i - front_base]: fold of hops [i, flip).
    Ir answer;
    size_t front_base;
    size_t flip;
    size_t begin;
    size_t end;
  };

  size_t ClassOf(const SweepWindow& window) {
    const int64_t hop = window.windowed ? TailHop(Millis{window.length}).count() : 0;
    for (size_t i = 0; i < classes_.size(); ++i) {
      if (classes_[i].hop == hop) return i;
    }
    classes_.emplace_back();
    classes_.back().hop = hop;
    return classes_.size() - 1;
  }

  void RunGroup(size_t group) {
    for (HopClass& hops : classes_) {
      hops.hops.clear();
      hops.head = Ir();
      hops.head_open = false;
      hops.head_end = std::numeric_limits<int64_t>::min();
      hops.next_event = input_.event_begin[group];
    }
    for (Window& window : windows_) {
      window.folded = Ir();
      window.front.clear();
      window.front_base = window.flip = window.begin = window.end = 0;
    }
    const uint32_t events_end = input_.event_begin[group + 1];
    for (uint32_t i = input_.query_begin[group]; i < input_.query_begin[group + 1]; ++i) {
      const uint32_t row = input_.query_rows[i];
      const int64_t query = input_.query_times[row];
      for (HopClass& hops : classes_) Advance(hops, query, events_end);
      for (size_t w = 0; w < windows_.size(); ++w) {
        results_[w].Put(row, Answer(windows_[w], classes_[windows_[w].hop_class], query));
      }
    }
  }

  // Folds events before `query`.
  void Advance(HopClass& hops, int64_t query, uint32_t events_end) {
    for (; hops.next_event < events_end; ++hops.next_event) {
      const uint32_t row = input_.event_rows[hops.next_event];
      const int64_t time = input_.events.event_times[row];
      if (time >= query) return;
      if (reader_.IsNull(row)) continue;
      if (hops.hop != 0 && time >= hops.head_end) {
        if (hops.head_open) {
          hops.hops.push_back(Hop{hops.head_start, std::move(hops.head)});
          hops.head = Ir();
        }
        hops.head_start = FloorMillis(time, hops.hop);
        hops.head_end = hops.head_start + hops.hop;
      }
      hops.head_open = true;
      SweepUpdate(op_, hops.head, reader_.At(row), input_.events, row);
    }
  }

  const Ir& Answer(Window& window, const HopClass& hops, int64_t query) {
    if (!window.spec.windowed) return hops.head;
    const int64_t tail = FloorMillis(query - window.spec.length, hops.hop);
    size_t begin = window.begin;
    while (begin < hops.hops.size() && hops.hops[begin].start < tail) ++begin;
    const size_t end = hops.hops.size();
    const bool head_inside = hops.head_open && hops.head_start >= tail;
    if (begin == end) {
      window.folded = Ir();
      window.begin = window.end = window.flip = end;
      if (head_inside) return hops.head;
      window.answer = Ir();
      return window.answer;
    }
    if constexpr (kRemovable) {
      Slide(window, hops, begin, end);
      window.answer = window.folded;
    } else {
      Flip(window, hops, begin, end);
      if (begin < window.flip) {
        window.answer = window.front[begin - window.front_base];
        op_.Merge(window.answer, window.folded);
      } else {
        window.answer = window.folded;
      }
    }
    if (head_inside) op_.Merge(window.answer, hops.head);
    return window.answer;
  }

  void Slide(Window& window, const HopClass& hops, size_t begin, size_t end) {
    if (begin >= window.end) {
      window.folded = Ir();
      window.end = begin;
    } else {
      for (size_t i = window.begin; i < begin; ++i) op_.Remove(window.folded, hops.hops[i].ir);
    }
    for (size_t i = window.end; i < end; ++i) op_.Merge(window.folded, hops.hops[i].ir);
    window.begin = begin;
    window.end = end;
  }

  // Afterwards front holds [begin, flip) and folded holds [flip, end), or front is used up, begin
  // is the flip and folded holds all.
  void Flip(Window& window, const HopClass& hops, size_t begin, size_t end) {
    if (begin > window.flip) {
      // The tail is inside the back stack: it becomes the front, from the tail on.
      window.front.clear();
      window.front_base = begin;
      window.flip = end;
      window.front.resize(end - begin);
      Ir fold;
      for (size_t i = end; i-- > begin;) {
        op_.Merge(fold, hops.hops[i].ir);
        window.front[i - begin] = fold;
      }
      window.folded = Ir();
    } else {
      for (size_t i = window.end; i < end; ++i) op_.Merge(window.folded, hops.hops[i].ir);
    }
    window.begin = begin;
    window.end = end;
  }

  const Op& op_;
  const SweepInput& input_;
  Reader reader_;
  std::vector<HopClass> classes_;
  std::vector<Window> windows_;
  std::vector<ResultScatter<Op>> results_;
};

}  // namespace catena::aggregate
