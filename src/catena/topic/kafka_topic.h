// SPDX-License-Identifier: Apache-2.0
// A topic of Kafka: readers own the partitions they read, writers are idempotent.
//
//     reader   follows a feed (kafka_feed.h), that of its topic or, where it is behind it, one of
//              its own; no consumer group assigns anything, no offset of Kafka's is read back
//     writer   records of one Append, in order a partition; acknowledged by all in-sync replicas
//
//   input    host:port[,host:port...] in TopicAddress::root; librdkafka's properties in its
//            parameters; `consumer` as group.id, under which Commit tells lag tools
//   units    append time is the record's timestamp: the producer's, or the broker's where the topic
//            says LogAppendTime. A producer's may go back or be none (kNoAppendTime, which is
//            Kafka's -1); this writer's own never do
//   limits   8 MiB of fetched records a partition and feed, as much that some of its readers have
//            taken; 32 MiB of unsent ones
//   errors   kNotFound from Poll when what comes next was trimmed; kUnavailable when no broker
//            answers for three seconds: what was read stands, ask again. kafka_client.h for the
//            rest. An Append that failed may have left a prefix, per partition
//   source   topic.h is the contract

#pragma once

#include <memory>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

Status CreateKafkaTopic(const TopicAddress& address, TopicPartition partitions);
Result<std::vector<std::shared_ptr<TopicFeed>>> OpenKafkaTopicFeeds(
    const std::vector<TopicAddress>& topics);
Result<std::unique_ptr<TopicEnds>> OpenKafkaTopicEnds(const std::vector<TopicAddress>& topics);
Result<std::unique_ptr<TopicReader>> OpenKafkaTopicReader(const TopicAddress& address,
                                                          std::shared_ptr<TopicFeed> feed);
Result<std::unique_ptr<TopicWriter>> OpenKafkaTopicWriter(const TopicAddress& address,
                                                          const Clock& clock);

}  // namespace catena::topic
