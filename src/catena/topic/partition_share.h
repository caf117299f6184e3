// SPDX-License-Identifier: Apache-2.0
// PartitionShare: which partitions of a topic are this process's, among all that share its work.
//
//     assigned   {0, 1, 2} ... another joins ... {0, 2} ... it dies ... {0, 1, 2}
//     working     0  1  2          1 is dropped   0  2                   0  1  2
//
// It says who works on what and nothing else: no records come through it, and where a partition
// goes on is the business of those who work.
//
//   errors   Join: kUnsupported where topics have no such thing; later ones are the group's, which
//            goes on trying: a member that is cut off keeps what it had until it hears otherwise,
//            so two may work on one partition for a while
//   threads  every call may run concurrently with every other
//   source   Kafka's consumer groups, cooperative-sticky: what does not move is not stopped

#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "catena/topic/topic.h"

namespace catena::topic {

class PartitionShare {
 public:
  virtual ~PartitionShare() = default;

  virtual std::set<TopicPartition> Assigned() const = 0;
  // Another number whenever Assigned() is another set.
  virtual uint64_t Changes() const = 0;
  // That the caller begins to work on a partition, unless it is no longer assigned: then false; and
  // that it has stopped. One that is taken away goes to others when it was dropped, or a while
  // later.
  virtual bool Take(TopicPartition partition) = 0;
  virtual void Drop(TopicPartition partition) = 0;
};

// As a member of the group of this name, of a Kafka topic; librdkafka's properties of the address
// hold, `session.timeout.ms` and `group.instance.id` among them, but for `group.id`; kInvalidConf
// for another `partition.assignment.strategy`. Leaves when it is destroyed.
Result<std::unique_ptr<PartitionShare>> JoinPartitionShare(const TopicAddress& topic,
                                                           const std::string& group);

}  // namespace catena::topic
