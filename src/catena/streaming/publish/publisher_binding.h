// SPDX-License-Identifier: Apache-2.0
// BindPublisher: who publishes the rows of a task's parent Join, ready to begin.
//
//   input    the task; what its options say of the Join; the sinks that read the same partitions
//   output   begins where its own checkpoint says; one that never ran where the others of the task
//            are, and without others at the first record
//   errors   those of the Publisher; kInvalidConf: no publish_key is said and none can be known;
//            kNotFound: the left topic no longer holds what comes next, unless allow_gap

#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>

#include "catena/streaming/chain_stats.h"
#include "catena/streaming/job.h"
#include "catena/streaming/publish/heart.h"
#include "catena/streaming/publish/publisher.h"

namespace catena::streaming {

struct BoundPublisher {
  std::unique_ptr<Publisher> publisher;
  std::unique_ptr<ChainStats> stats;
  topic::TopicAddress topic;  // The left one.
  int32_t partitions = 0;
};

struct PublishedTask {
  const plan::StreamTask* task = nullptr;
  types::Schema rows;  // Of its parent Join.
  topic::TopicAddress left;
  int workers = 1;
  std::vector<const RowSink*> siblings;
  Heartbeats heartbeats = Heartbeats::kNone;
  bool shared = false;
  std::set<std::string> read;  // URLs of the topics that the process reads.
};

Result<BoundPublisher> BindPublisher(const PublishedTask& published, const PublishOptions& to,
                                     const StreamJobOptions& options, kv::CachedStore* store,
                                     const Clock* clock);

// kNotFound unless `allow_gap`, then the sink goes on at `begin`: the topic no longer holds what
// comes next in the partition. True when something was skipped.
Result<bool> SkipGap(const topic::TopicAddress& topic, topic::TopicPartition partition,
                     topic::Offset begin, bool allow_gap, RowSink* sink);

}  // namespace catena::streaming
