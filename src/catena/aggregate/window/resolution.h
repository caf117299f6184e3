// SPDX-License-Identifier: Apache-2.0
// Resolution: how far the tail of a sawtooth window jumps.
//
// The head of a sawtooth window slides with the query; its tail moves one hop at a time. So most of
// a window is whole hops, aggregated once and shared by every query, and only the head is raw:
//
//              tail                                     query time
//     events  --|=======|=======|=======|===|===|=|=|x-x-|->
//               '--- tail hops ---------'- shorter -'raw-'
//
// Longer windows afford longer hops:
//
//     window        tail hop
//     >= 12 days    1 day
//     >= 12 hours   1 hour
//     shorter       5 minutes
//
// Rounding the tail down makes a window of an hour or more at most one twelfth longer than asked.
//
//   input / output  instants and lengths in milliseconds; any window longer than zero, minutes too
//   source          boundaries of Chronon's FiveMinuteResolution (Resolution.scala) since 1970

#pragma once

#include <array>
#include <chrono>

#include "catena/base/time.h"

namespace catena::aggregate {

struct HopRule {
  Millis window_min;  // Applies to windows of at least this length.
  Millis hop;
};

// Longest first; each hop is a whole multiple of the next, so hops nest.
inline constexpr std::array kFiveMinuteResolution{
    HopRule{.window_min = std::chrono::days{12}, .hop = kDay},
    HopRule{.window_min = std::chrono::hours{12}, .hop = kHour},
    HopRule{.window_min = Millis{0}, .hop = kFiveMinutes},
};

constexpr Millis TailHop(Millis window) {
  for (const HopRule& rule : kFiveMinuteResolution) {
    if (window >= rule.window_min) return rule.hop;
  }
  return kFiveMinuteResolution.back().hop;
}

// GroupBys with exact windows do not round: their tail moves as the query does.
inline constexpr Millis kExactHop{1};

// First instant inside the window of a query at `query`: an event at `t` counts when
// WindowTail(query, window) <= t < query.
constexpr Timestamp WindowTail(Timestamp query, Millis window) {
  return FloorTo(query - window, TailHop(window));
}

static_assert(TailHop(std::chrono::days{12}) == kDay);  // Inclusive bound.
static_assert(TailHop(std::chrono::days{12} - Millis{1}) == kHour);
static_assert(TailHop(std::chrono::hours{12}) == kHour);
static_assert(TailHop(std::chrono::hours{1}) == kFiveMinutes);
static_assert(WindowTail(FromMillis(-1), std::chrono::minutes{5}) == FromMillis(-600'000));

}  // namespace catena::aggregate
