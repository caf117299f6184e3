// SPDX-License-Identifier: Apache-2.0
// Reset: the streamed state of a GroupBy forgotten, and where its stream begins anew.
//
//     topic  [ begin ........ from ............. read up to ... end )
//     state    tiles, raw rows, prefixes, late rows, offsets  ->  nothing
//     stream                  goes on here: what is folded anew is what the state then holds
//
//   input    a store that nobody else writes to; the topic of the GroupBy
//   output   as a stream that began at these offsets: reads of what lies before are answered by
//            uploads, or refused. Uploads and dead letters stay
//   errors   kInvalidConf: an offset that the topic does not hold; those of topic and store
//   crash    a mark stands in the store from the first deletion to the last write; no stream begins
//            over it, and resetting again goes on
//
// Nothing can be subtracted from a tile, so to go back is to begin anew.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/kv/kv_store.h"
#include "catena/streaming/stream_options.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

// Where the stream is to begin; nothing set: where one begins that never ran.
struct ResetTo {
  std::optional<Timestamp> appended_at;                   // The first record at or after it.
  std::map<topic::TopicPartition, topic::Offset> offset;  // By partition; others: their first.
  std::optional<topic::Offset> every_offset;              // Of all partitions.
};

struct ResetPlan {
  struct Partition {
    topic::TopicPartition partition = 0;
    std::optional<topic::Offset> read_up_to;  // Now; absent: never read.
    std::optional<topic::Offset> from;        // Absent: where one begins that never ran.
  };
  std::string group_by;
  std::string topic;
  std::vector<std::string> datasets;  // That will be dropped.
  uint64_t approximate_bytes = 0;
  std::vector<Partition> partitions;
  int64_t coverage_start = INT64_MIN;  // Of the state to come (fetch/online_state.h, Retention).
};

// Changes nothing.
Result<ResetPlan> PlanReset(const std::string& group_by, const topic::TopicAddress& topic,
                            const ResetTo& to, const StreamOptions& options, const Clock& clock,
                            kv::KVStore* store);
Status RunReset(const ResetPlan& plan, kv::KVStore* store);

// kInvalidConf when a reset of the GroupBy was begun and not finished.
Status RefuseHalfReset(kv::KVStore* store, const std::string& group_by);

// Whether some process streams into a store that has no lock: it reports every second. Takes three
// seconds where something streamed lately.
Result<bool> IsStreamedInto(kv::KVStore* store, const Clock& clock);

// Of a topic whose records before `begin` are not read: they may have event times up to the append
// time of the record there, and as far beyond as events may run ahead.
Result<int64_t> CoveredFrom(topic::TopicReader* reader, topic::TopicPartition partition,
                            topic::Offset begin, Millis max_future_skew, const Clock& clock);

}  // namespace catena::streaming
