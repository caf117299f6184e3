// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sweep_walk.h"

namespace catena::aggregate {
namespace {

constexpr size_t kQueriesAtOnce = 2048;
constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min();

}  // namespace

SweepWalk::SweepWalk(const SawtoothInput& input, std::span<const Window> windows,
                     std::span<const int64_t> hops)
    : input_(input), times_(kQueriesAtOnce), rows_(kQueriesAtOnce), ends_(kQueriesAtOnce) {
  for (const Window& window : windows) {
    Tail& tail = tails_.emplace_back();
    tail.window = window;
    tail.begins.resize(kQueriesAtOnce);
  }
  for (const int64_t hop : hops) classes_.emplace_back().hop = hop;
}

bool SweepWalk::FindGroup() {
  while (!inside_ && group_ + 1 < input_.query_begin.size()) {
    if (input_.query_begin[group_] < input_.query_begin[group_ + 1] &&
        input_.event_begin[group_] < input_.event_begin[group_ + 1]) {
      BeginGroup();
    } else {
      ++group_;
    }
  }
  return inside_;
}

void SweepWalk::BeginGroup() {
  inside_ = true;
  query_ = input_.query_begin[group_];
  end_ = input_.event_begin[group_];
  for (Tail& tail : tails_) {
    tail.begin = end_;
    tail.next = kLongAgo;
  }
  for (HopClass& hops : classes_) hops.end = kLongAgo;
}

void SweepWalk::FindEnds(size_t first) {
  const uint32_t group_end = input_.event_begin[group_ + 1];
  uint32_t end = end_;
  for (size_t i = first; i < count_; ++i) {
    for (; end < group_end; ++end) {
      const int64_t time = TimeAt(end);
      if (time >= times_[i]) break;
      for (HopClass& hops : classes_) {
        if (time < hops.end) continue;
        hops.begins.push_back(end);
        hops.end = FloorMillis(time, hops.hop) + hops.hop;
      }
    }
    ends_[i] = end;
  }
  end_ = end;
}

void SweepWalk::FindBegins(size_t first, Tail* tail) const {
  const Window window = tail->window;
  uint32_t begin = tail->begin;
  int64_t next = tail->next;
  for (size_t i = first; i < count_; ++i) {
    const int64_t reached = times_[i] - window.length;
    if (window.windowed && reached >= next) {
      const int64_t at = window.hop == 1 ? reached : FloorMillis(reached, window.hop);
      next = at + window.hop;
      while (begin < ends_[i] && TimeAt(begin) < at) ++begin;
    }
    tail->begins[i] = begin;
  }
  tail->begin = begin;
  tail->next = next;
}

bool SweepWalk::Next() {
  pieces_.clear();
  count_ = 0;
  for (HopClass& hops : classes_) hops.begins.clear();
  while (count_ < kQueriesAtOnce && FindGroup()) {
    const size_t first = count_;
    const uint32_t queries_end = input_.query_begin[group_ + 1];
    const bool continues = query_ != input_.query_begin[group_];
    for (; query_ < queries_end && count_ < kQueriesAtOnce; ++query_, ++count_) {
      rows_[count_] = input_.query_rows[query_];
      times_[count_] = input_.query_times[rows_[count_]];
    }
    FindEnds(first);
    for (Tail& tail : tails_) FindBegins(first, &tail);
    pieces_.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(count_),
                       input_.event_begin[group_], continues});
    if (query_ == queries_end) {
      inside_ = false;
      ++group_;
    }
  }
  chunk_.pieces = pieces_;
  chunk_.output_rows = std::span(rows_).first(count_);
  chunk_.ends = std::span(ends_).first(count_);
  chunk_.begins.clear();
  for (const Tail& tail : tails_) chunk_.begins.push_back(std::span(tail.begins).first(count_));
  chunk_.hop_begins.clear();
  for (const HopClass& hops : classes_) chunk_.hop_begins.emplace_back(hops.begins);
  return count_ > 0;
}

}  // namespace catena::aggregate
