// SPDX-License-Identifier: Apache-2.0
// TopicLag: how far a GroupBy's state is behind its topic, whatever its job is doing.
//
// Compares the offsets in the store with the topic itself, so that it is right while the job runs,
// after it died, and while it is stopped by a signal.
//
//     topic partition   [........ folded ........)[x ...... waiting ......)
//                                      next_offset ^ its append time   end ^
//
//   output   lag: now - append time of the oldest record not yet folded, of the worst partition;
//            zero when nothing waits. A partition without a checkpoint waits from its beginning
//   errors   as the topic and the store say; kNotFound when the topic is gone
//   threads  an object belongs to one thread at a time

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "catena/base/result.h"
#include "catena/base/time.h"
#include "catena/kv/kv_store.h"
#include "catena/topic/topic.h"

namespace catena::monitor {

struct TopicLag {
  Millis lag{0};
  int64_t records_waiting = 0;
  Timestamp watermark = Timestamp::min();  // Lowest of the partitions; min() without any.
  std::map<std::string, int64_t> counts;   // Of the checkpoints, summed, as reports name them.
};

class TopicLagMeter {
 public:
  // `topic` is an address with its scheme, as reports carry it; `kafka` librdkafka's properties.
  static Result<TopicLagMeter> Open(const std::string& topic,
                                    const std::map<std::string, std::string>& kafka);
  Result<TopicLag> Measure(kv::KVStore* store, const std::string& group_by, Timestamp now);

 private:
  explicit TopicLagMeter(std::unique_ptr<topic::TopicReader> reader) : reader_(std::move(reader)) {}
  std::unique_ptr<topic::TopicReader> reader_;
};

}  // namespace catena::monitor
