// SPDX-License-Identifier: Apache-2.0
// The one table of topic implementations: a new one is a line in kImplementations.

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "catena/topic/file/file_topic.h"
#include "catena/topic/file/frame.h"
#include "catena/topic/kafka_topic.h"
#include "catena/topic/memory_topic.h"
#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

struct Implementation {
  std::string_view scheme;
  Status (*create)(const TopicAddress&, TopicPartition);
  Result<std::unique_ptr<TopicReader>> (*open_reader)(const TopicAddress&,
                                                      std::shared_ptr<TopicFeed>);
  Result<std::unique_ptr<TopicWriter>> (*open_writer)(const TopicAddress&, const Clock&);
  Result<std::vector<std::shared_ptr<TopicFeed>>> (*open_feeds)(const std::vector<TopicAddress>&);
  Result<std::unique_ptr<TopicEnds>> (*open_ends)(const std::vector<TopicAddress>&);
};

Result<std::vector<std::shared_ptr<TopicFeed>>> NoFeeds(const std::vector<TopicAddress>& topics) {
  return std::vector<std::shared_ptr<TopicFeed>>(topics.size());
}

// Where a look-up costs nothing.
class EndsOfReaders : public TopicEnds {
 public:
  static Result<std::unique_ptr<TopicEnds>> Open(const std::vector<TopicAddress>& topics) {
    auto ends = std::make_unique<EndsOfReaders>();
    for (const TopicAddress& topic : topics) {
      CATENA_TRY(auto reader, OpenTopicReader(topic));
      ends->readers_.push_back(std::move(reader));
    }
    return std::unique_ptr<TopicEnds>(std::move(ends));
  }
  Result<std::vector<std::vector<Offset>>> Look() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::vector<Offset>> all;
    for (const auto& reader : readers_) {
      CATENA_TRY(auto ends, reader->EndOffsets());
      all.push_back(std::move(ends));
    }
    return all;
  }

 private:
  std::mutex mutex_;  // Guards readers_.
  std::vector<std::unique_ptr<TopicReader>> readers_;
};

constexpr std::array kImplementations = {
    Implementation{"file",
                   [](const TopicAddress& at, TopicPartition n) {
                     return CreateFileTopic(at.root, at.name, n);
                   },
                   [](const TopicAddress& at, std::shared_ptr<TopicFeed>) {
                     return OpenFileTopicReader(at.root, at.name);
                   },
                   [](const TopicAddress& at, const Clock& clock) {
                     return OpenFileTopicWriter(at.root, at.name, clock);
                   },
                   NoFeeds, EndsOfReaders::Open},
    Implementation{
        "memory",
        [](const TopicAddress& at, TopicPartition n) { return CreateMemoryTopic(at.name, n); },
        [](const TopicAddress& at, std::shared_ptr<TopicFeed>) {
          return OpenMemoryTopicReader(at.name);
        },
        [](const TopicAddress& at, const Clock& clock) {
          return OpenMemoryTopicWriter(at.name, clock);
        },
        NoFeeds, EndsOfReaders::Open},
    Implementation{"kafka", CreateKafkaTopic, OpenKafkaTopicReader, OpenKafkaTopicWriter,
                   OpenKafkaTopicFeeds, OpenKafkaTopicEnds},
};

Result<const Implementation*> Find(const TopicAddress& address) {
  std::string known;
  for (const Implementation& implementation : kImplementations) {
    if (implementation.scheme == address.scheme) return &implementation;
    known += (known.empty() ? "" : ", ") + std::string(implementation.scheme);
  }
  return Unsupported("this build has no topics of that kind; it has " + known + ": " +
                     address.scheme + ":" + address.name);
}

}  // namespace

Result<std::vector<Offset>> TopicReader::EndOffsets() {
  std::vector<Offset> ends;
  for (TopicPartition p = 0; p < partitions(); ++p) {
    CATENA_TRY(const Offset end, EndOffset(p));
    ends.push_back(end);
  }
  return ends;
}

Status TopicReader::Commit(const std::map<TopicPartition, Offset>& /*next_offsets*/) {
  return Status();
}

Result<TopicWriter::Fitting> TopicWriter::AppendFitting(const std::vector<OutRecord>& records) {
  Fitting fitting;
  for (size_t i = 0; i < records.size(); ++i) {
    std::string why = WhyNoFrame(records[i].key, records[i].value);
    if (!why.empty()) fitting.refused.emplace(i, std::move(why));
  }
  std::vector<OutRecord> rest;
  for (size_t i = 0; !fitting.refused.empty() && i < records.size(); ++i) {
    if (!fitting.refused.contains(i)) rest.push_back(records[i]);
  }
  CATENA_TRY(fitting.places, Append(fitting.refused.empty() ? records : rest));
  return fitting;
}

Status CreateTopic(const TopicAddress& address, TopicPartition partitions) {
  // Source order keeps the topic partition in 16 bits.
  if (partitions < 1 || partitions > 65535) {
    return InvalidConf("a topic has 1 to 65535 partitions: topic " + address.name + ", asked for " +
                       std::to_string(partitions));
  }
  CATENA_TRY(const Implementation* implementation, Find(address));
  return implementation->create(address, partitions);
}

Result<std::vector<std::shared_ptr<TopicFeed>>> OpenTopicFeeds(
    const std::vector<TopicAddress>& topics) {
  CATENA_TRY(const Implementation* implementation, Find(topics.front()));
  return implementation->open_feeds(topics);
}

Result<std::unique_ptr<TopicEnds>> OpenTopicEnds(const std::vector<TopicAddress>& topics) {
  CATENA_TRY(const Implementation* implementation, Find(topics.front()));
  return implementation->open_ends(topics);
}

Result<std::unique_ptr<TopicReader>> OpenTopicReader(const TopicAddress& address,
                                                     std::shared_ptr<TopicFeed> feed) {
  CATENA_TRY(const Implementation* implementation, Find(address));
  return implementation->open_reader(address, std::move(feed));
}

Result<std::unique_ptr<TopicWriter>> OpenTopicWriter(const TopicAddress& address,
                                                     const Clock& clock) {
  CATENA_TRY(const Implementation* implementation, Find(address));
  return implementation->open_writer(address, clock);
}

}  // namespace catena::topic
