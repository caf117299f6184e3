// SPDX-License-Identifier: Apache-2.0
// Trail: how far a partition of a left topic was published, as the enriched topic itself tells.
//
//     enriched partition 0   ... beat: next 40 | row 41   row 44 |
//     enriched partition 1   ... beat: next 40 | row 40          |      next 40; rows 40, 41, 44
//                                               ^ behind the last beat that tells of the partition
//
//   input    a topic to which heartbeats with next offsets are sent (enriched_record.h)
//   output   the highest next offset that is told, none when none is; the rows behind, and those
//            before that no beat behind them tells of
//   cost     reads back from the ends until each partition has such a beat, twice as far each time:
//            usually what a second appends
//   threads  one thread

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "catena/topic/topic.h"

namespace catena::streaming {

struct Trail {
  std::optional<topic::Offset> next_offset;
  std::vector<topic::Offset> rows;  // By offset of the left record; below next_offset there may be
                                    // some more.
};

Result<Trail> FollowTrail(const topic::TopicAddress& enriched, topic::TopicPartition left);

}  // namespace catena::streaming
