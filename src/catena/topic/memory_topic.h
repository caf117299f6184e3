// SPDX-License-Identifier: Apache-2.0
// Memory topic: a TopicReader and TopicWriter over the memory of this process, shared by name.
//
// For tests and for stages that run in one process. A topic lives until the process ends, also when
// nobody has it open, exactly as a stored one would.
//
//   errors   as topic.h
//   threads  as topic.h, within this process

#pragma once

#include <memory>
#include <string>

#include "catena/base/clock.h"
#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

Status CreateMemoryTopic(const std::string& name, TopicPartition partitions);
Result<std::unique_ptr<TopicReader>> OpenMemoryTopicReader(const std::string& name);
Result<std::unique_ptr<TopicWriter>> OpenMemoryTopicWriter(const std::string& name,
                                                           const Clock& clock);
// The next offset of the partition holds no record, as in Kafka where a transaction ended.
Status EndMemoryTransaction(const std::string& name, TopicPartition partition);

}  // namespace catena::topic
