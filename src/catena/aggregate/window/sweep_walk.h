// SPDX-License-Identifier: Apache-2.0
// SweepWalk: where the windows of every query begin and end, found once for all aggregations.
//
//     events of a group   |==|====|==|=|===|==|..|     hop_begins of a class: where hops begin
//     query i                  ^begins[w][i]     ^ends[i]
//
// Queries come in chunks, so that the positions stay in the cache while one aggregation after the
// other reads them. A group that does not fit into a chunk goes on in the next.
//
//   input   groups as window/sawtooth.h lays them out; one window per entry of `windows`, with the
//           hop that its tail jumps by
//   output  chunk(): positions in SawtoothInput::event_rows; queries of groups without events are
//           left out
//   cost    a comparison per event and window, and one division per query and window at most

#pragma once

#include <limits>
#include <span>
#include <vector>

#include "catena/aggregate/operation.h"
#include "catena/aggregate/window/sawtooth.h"

namespace catena::aggregate {

class SweepWalk {
 public:
  struct Window {
    bool windowed = false;
    int64_t length = 0;  // Milliseconds, and so is the hop; both mean something when windowed.
    int64_t hop = 1;
  };
  // `hops`: the hops whose boundaries somebody wants to know.
  SweepWalk(const SawtoothInput& input, std::span<const Window> windows,
            std::span<const int64_t> hops);

  // Fills chunk() with the next queries; false when there are none left.
  bool Next();
  const SweepChunk& chunk() const { return chunk_; }

 private:
  struct Tail {
    Window window;
    int64_t next = 0;  // The tail jumps when the query reaches it.
    uint32_t begin = 0;
    std::vector<uint32_t> begins;  // As rows_.
  };
  struct HopClass {
    int64_t hop = 0;
    int64_t end = 0;  // Of the newest hop.
    std::vector<uint32_t> begins;
  };
  // True when group_ has queries and events.
  bool FindGroup();
  void BeginGroup();
  // Of queries [first, count_) of the chunk.
  void FindEnds(size_t first);
  void FindBegins(size_t first, Tail* tail) const;
  int64_t TimeAt(uint32_t event) const { return input_.event_times[input_.event_rows[event]]; }

  const SawtoothInput& input_;
  std::vector<Tail> tails_;
  std::vector<HopClass> classes_;
  size_t group_ = 0;
  bool inside_ = false;  // Of group_: query_ and end_ are its.
  uint32_t query_ = 0;
  uint32_t end_ = 0;
  // By query of the chunk; the first count_ are filled.
  size_t count_ = 0;
  std::vector<int64_t> times_;
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> ends_;
  std::vector<SweepPiece> pieces_;
  SweepChunk chunk_;
};

}  // namespace catena::aggregate
