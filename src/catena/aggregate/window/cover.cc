// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/cover.h"

#include <algorithm>

#include "catena/aggregate/window/resolution.h"

namespace catena::aggregate {
namespace {

void AddRange(Timestamp from, Timestamp to, size_t layer_index, std::vector<TileRange>* ranges) {
  if (from >= to) return;
  const Layer layer = kLayers[layer_index];
  const Millis step = LayerStep(layer);
  const Timestamp begin = FloorTo(from + step - Millis{1}, step);
  const Timestamp end = FloorTo(to, step);
  if (begin < end) {
    ranges->push_back(TileRange{layer, begin, end});
    AddRange(from, begin, layer_index + 1, ranges);
    AddRange(end, to, layer_index + 1, ranges);
  } else {
    AddRange(from, to, layer_index + 1, ranges);
  }
}

void Raise(std::optional<Millis>* reach, Millis to) {
  *reach = std::max(reach->value_or(Millis{0}), to);
}

}  // namespace

std::vector<TileRange> Cover(Timestamp from, Timestamp to) {
  CATENA_CHECK(RawHead(from) == from && RawHead(to) == to,
               "Cover wants instants on the five-minute grid");
  std::vector<TileRange> ranges;
  AddRange(from, to, 0, &ranges);
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

std::vector<TileRange> CoverWindow(Timestamp query, WindowLength window, Timestamp from) {
  const Timestamp tail = window ? WindowTail(query, *window) : kBeginning;
  return Cover(std::max(tail, from), RawHead(query));
}

std::vector<TileRange> UnionOf(std::vector<TileRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<TileRange> united;
  for (const TileRange& range : ranges) {
    if (!united.empty() && united.back().layer == range.layer && range.begin <= united.back().end) {
      united.back().end = std::max(united.back().end, range.end);
    } else {
      united.push_back(range);
    }
  }
  return united;
}

std::array<std::optional<Millis>, 3> LayerReach(std::span<const WindowLength> windows) {
  std::array<std::optional<Millis>, 3> reach;
  auto& [day, hour, five_minutes] = reach;
  for (const WindowLength& window : windows) {
    const Millis hop = window ? TailHop(*window) : kDay;
    // The tail may be a hop older than the window is long.
    const Millis longest = window ? *window + hop : Millis::max();
    // Shorter layers reach back from the query to the last boundary of the next longer layer, and
    // as far as the tail when the tail stands on their own grid.
    Raise(&five_minutes, hop == kFiveMinutes ? longest : kHour);
    if (longest < kHour) continue;
    Raise(&hour, hop <= kHour ? longest : kDay);
    if (longest >= kDay) Raise(&day, longest);
  }
  return reach;
}

}  // namespace catena::aggregate
