// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sweep_walk.h"

namespace catena::aggregate {
namespace {

constexpr uint32_t kQueriesAtOnce = 2048;
constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min();

}  // namespace

SweepWalk::SweepWalk(const SawtoothInput& input, std::span<const Window> windows,
                     std::span<const int64_t> hops)
    : input_(input) {
  for (const Window& window : windows) tails_.emplace_back().window = window;
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
    tail.at = kLongAgo;
  }
  for (HopClass& hops : classes_) hops.end = kLongAgo;
}

void SweepWalk::Advance(int64_t query) {
  const uint32_t group_end = input_.event_begin[group_ + 1];
  for (; end_ < group_end; ++end_) {
    const int64_t time = TimeAt(end_);
    if (time >= query) break;
    for (HopClass& hops : classes_) {
      if (time < hops.end) continue;
      hops.begins.push_back(end_);
      hops.end = FloorMillis(time, hops.hop) + hops.hop;
    }
  }
  for (Tail& tail : tails_) {
    if (tail.window.windowed && query - tail.window.length >= tail.next) {
      tail.at = FloorMillis(query - tail.window.length, tail.window.hop);
      tail.next = tail.at + tail.window.hop;
      while (tail.begin < end_ && TimeAt(tail.begin) < tail.at) ++tail.begin;
    }
    tail.begins.push_back(tail.begin);
  }
}

bool SweepWalk::Next() {
  pieces_.clear();
  rows_.clear();
  ends_.clear();
  for (Tail& tail : tails_) tail.begins.clear();
  for (HopClass& hops : classes_) hops.begins.clear();
  while (rows_.size() < kQueriesAtOnce && FindGroup()) {
    const auto first = static_cast<uint32_t>(rows_.size());
    const uint32_t queries_end = input_.query_begin[group_ + 1];
    const bool continues = query_ != input_.query_begin[group_];
    for (; query_ < queries_end && rows_.size() < kQueriesAtOnce; ++query_) {
      const uint32_t row = input_.query_rows[query_];
      Advance(input_.query_times[row]);
      rows_.push_back(row);
      ends_.push_back(end_);
    }
    pieces_.push_back(
        {first, static_cast<uint32_t>(rows_.size()), input_.event_begin[group_], continues});
    if (query_ == queries_end) {
      inside_ = false;
      ++group_;
    }
  }
  chunk_.pieces = pieces_;
  chunk_.output_rows = rows_;
  chunk_.ends = ends_;
  chunk_.begins.clear();
  for (const Tail& tail : tails_) chunk_.begins.emplace_back(tail.begins);
  chunk_.hop_begins.clear();
  for (const HopClass& hops : classes_) chunk_.hop_begins.emplace_back(hops.begins);
  return !rows_.empty();
}

}  // namespace catena::aggregate
