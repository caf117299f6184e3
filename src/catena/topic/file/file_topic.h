// SPDX-License-Identifier: Apache-2.0
// File topic: a TopicReader and TopicWriter over a folder, for one machine and no server.
//
//     <root>/<topic>/topic.json                 {"partitions":4,"version":1}
//     <root>/<topic>/0 .. 3/<offset>.log        segments of each topic partition (log_place.h)
//
// STORED FORMAT: do not renumber. A topic appears whole, by one rename.
//
//   errors   as topic.h; kUnsupported for a topic.json of a later version
//   threads  as topic.h: any number of readers and writers in any number of processes
//   crash    kill -9 loses nothing that Append returned. Power loss may lose the last seconds of
//            every partition, never the middle, unless `sync` asks for an fdatasync per Append

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "catena/base/clock.h"
#include "catena/base/result.h"
#include "catena/topic/file/log_appender.h"
#include "catena/topic/topic.h"

namespace catena::topic {

using FileTopicOptions = LogAppender::Options;

Status CreateFileTopic(const std::string& root, const std::string& name, TopicPartition partitions);
Result<std::unique_ptr<TopicReader>> OpenFileTopicReader(const std::string& root,
                                                         const std::string& name);
Result<std::unique_ptr<TopicWriter>> OpenFileTopicWriter(const std::string& root,
                                                         const std::string& name,
                                                         const Clock& clock,
                                                         const FileTopicOptions& options = {});

}  // namespace catena::topic
