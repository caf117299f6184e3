// SPDX-License-Identifier: Apache-2.0
// Cover: which tiles, of which layers, make up a window.
//
// A tile is the fold of one key's events in [start, start + step of its layer). A window of a query
// is whole tiles from its tail to the query's five-minute floor, and raw rows from there:
//
//     tail          midnight            midnight   hour    floor5  query
//      |-5m-|--1h--..--|-------1d--..------|---1h..--|-5m-..--|raw--|
//
//   input   instants; `from` is a multiple of five minutes: nothing before it is asked of tiles,
//           because an upload or a prefix answers for it (its batchEnd; kBeginning: nobody does)
//   output  disjoint ranges of whole tiles that together are exactly
//           [max(tail, from), floor5(query)); the fewest tiles that do; sorted by layer, longest
//           first, then by time; none when that is empty
//   errors  none; a `from` off the five-minute grid is a bug and stops the process

#pragma once

#include <array>
#include <compare>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/base/time.h"

namespace catena::aggregate {

enum class Layer : uint8_t { kDay = 0, kHour = 1, kFiveMinutes = 2 };

inline constexpr std::array kLayers{Layer::kDay, Layer::kHour, Layer::kFiveMinutes};

constexpr Millis LayerStep(Layer layer) {
  constexpr std::array kSteps{kDay, kHour, kFiveMinutes};
  return kSteps[static_cast<size_t>(layer)];
}

// "1d", "1h", "5m": as dataset names and messages spell it.
constexpr std::string_view LayerName(Layer layer) {
  constexpr std::array<std::string_view, 3> kNames{"1d", "1h", "5m"};
  return kNames[static_cast<size_t>(layer)];
}

// The start of the tile of that layer that `time` falls into.
constexpr Timestamp TileStart(Timestamp time, Layer layer) {
  return FloorTo(time, LayerStep(layer));
}

// Where raw rows take over from tiles.
constexpr Timestamp RawHead(Timestamp query) { return FloorTo(query, kFiveMinutes); }

// Before every event, and a midnight.
inline constexpr Timestamp kBeginning = FloorTo(FromMillis(-(int64_t{1} << 60)), kDay);

// The whole tiles of one layer in [begin, end); both are multiples of the layer's step.
struct TileRange {
  Layer layer = Layer::kFiveMinutes;
  Timestamp begin;
  Timestamp end;
  auto operator<=>(const TileRange&) const = default;
};

// Tiles that are exactly [from, to); both on the five-minute grid.
std::vector<TileRange> Cover(Timestamp from, Timestamp to);

// Tiles of one window of a query; `from` as above.
std::vector<TileRange> CoverWindow(Timestamp query, WindowLength window, Timestamp from);

// Sorts and merges ranges that touch or overlap, layer by layer: what one scan must bring.
std::vector<TileRange> UnionOf(std::vector<TileRange> ranges);

// For how long a tile of each layer (indexed by Layer) may still be asked for, counted from its
// start to the query: absent when no window uses the layer; Millis::max() for the days of an
// unwindowed output. The caller adds its as-of retention.
std::array<std::optional<Millis>, 3> LayerReach(std::span<const WindowLength> windows);

}  // namespace catena::aggregate
