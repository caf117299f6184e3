// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/memory_topic.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "catena/base/hash.h"
#include "catena/topic/file/frame.h"

namespace catena::topic {
namespace {

constexpr Millis kWaitMax = kDay;  // Longer ones would overflow the clock.

struct MemoryTopic {
  explicit MemoryTopic(TopicPartition count) : partitions(static_cast<size_t>(count)) {}

  std::mutex mutex;  // Guards the records.
  std::condition_variable grown;
  std::vector<std::deque<Record>> partitions;
  std::set<std::pair<TopicPartition, Offset>> without_record;  // Who stands there is none.
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<MemoryTopic>> topics;
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry;  // Outlives every thread that may still read.
  return *registry;
}

Result<std::shared_ptr<MemoryTopic>> Find(const std::string& name) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.topics.find(name);
  if (found != registry.topics.end()) return found->second;
  return NotFound(fmt::format(
      "no such topic; run `catena topic create {} --partitions N`, or create it in this process: "
      "memory:{}",
      name, name));
}

class MemoryTopicReader : public TopicReader {
 public:
  explicit MemoryTopicReader(std::shared_ptr<MemoryTopic> topic)
      : topic_(std::move(topic)),
        next_(topic_->partitions.size(), 0),
        is_read_(topic_->partitions.size(), false) {}

  TopicPartition partitions() const override { return static_cast<TopicPartition>(next_.size()); }

  Status Seek(TopicPartition partition, Offset offset) override {
    CATENA_TRY(const Offset end, EndOffset(partition));
    if (offset < 0 || offset > end) {
      return NotFound(fmt::format(
          "topic partition does not hold this offset; seek within [0, {}]: partition {} offset {}",
          end, partition, offset));
    }
    next_[Checked(partition)] = static_cast<size_t>(offset);
    is_read_[Checked(partition)] = true;
    return Status();
  }

  Status Poll(TopicPartition partition, size_t records_max, std::vector<Record>* into) override {
    size_t& next = next_[Checked(partition)];
    is_read_[Checked(partition)] = true;
    const std::lock_guard lock(topic_->mutex);
    const std::deque<Record>& records = topic_->partitions[Checked(partition)];
    size_t bytes = 0;
    for (size_t polled = 0; next < records.size() && polled < records_max && bytes < kPollBytesMax;
         ++next) {
      if (topic_->without_record.contains({partition, static_cast<Offset>(next)})) continue;
      into->push_back(records[next]);
      bytes += records[next].key.size() + records[next].value.size();
      ++polled;
    }
    return Status();
  }

  Offset Position(TopicPartition partition) const override {
    return static_cast<Offset>(next_[Checked(partition)]);
  }

  Result<Offset> EndOffset(TopicPartition partition) override {
    const std::lock_guard lock(topic_->mutex);
    return static_cast<Offset>(topic_->partitions[Checked(partition)].size());
  }

  Result<Offset> BeginOffset(TopicPartition partition) override {
    Checked(partition);
    return Offset{0};
  }

  Result<Offset> OffsetAt(TopicPartition partition, Timestamp time) override {
    const std::lock_guard lock(topic_->mutex);
    const std::deque<Record>& records = topic_->partitions[Checked(partition)];
    const auto first =
        std::partition_point(records.begin(), records.end(),
                             [&](const Record& record) { return record.append_time < time; });
    return static_cast<Offset>(first - records.begin());
  }

  Status Wait(Millis wait) override {
    const bool all = std::find(is_read_.begin(), is_read_.end(), true) == is_read_.end();
    std::unique_lock lock(topic_->mutex);
    topic_->grown.wait_for(lock, std::min(wait, kWaitMax), [&] {
      for (size_t i = 0; i < next_.size(); ++i) {
        if ((all || is_read_[i]) && topic_->partitions[i].size() > next_[i]) return true;
      }
      return false;
    });
    return Status();
  }

 private:
  size_t Checked(TopicPartition partition) const {
    CATENA_CHECK(partition >= 0 && partition < partitions(), "no such topic partition");
    return static_cast<size_t>(partition);
  }

  std::shared_ptr<MemoryTopic> topic_;
  std::vector<size_t> next_;
  std::vector<bool> is_read_;  // Ever polled or sought: only these wake a Wait.
};

class MemoryTopicWriter : public TopicWriter {
 public:
  MemoryTopicWriter(std::shared_ptr<MemoryTopic> topic, const Clock& clock)
      : topic_(std::move(topic)), clock_(clock) {}

  TopicPartition partitions() const override {
    return static_cast<TopicPartition>(topic_->partitions.size());
  }

  Result<std::vector<std::pair<TopicPartition, Offset>>> Append(
      const std::vector<OutRecord>& records) override {
    for (const OutRecord& record : records) {
      if (std::string why = WhyNoFrame(record.key, record.value); !why.empty()) {
        return InvalidData(std::move(why));
      }
    }
    const Timestamp now = clock_.Now();
    std::vector<std::pair<TopicPartition, Offset>> places;
    places.reserve(records.size());
    const std::lock_guard lock(topic_->mutex);
    for (const OutRecord& record : records) {
      const size_t partition = HashBytes(record.key) % topic_->partitions.size();
      std::deque<Record>& into = topic_->partitions[partition];
      Timestamp time = record.append_time == Timestamp::min() ? now : record.append_time;
      if (!into.empty()) time = std::max(time, into.back().append_time);
      places.emplace_back(static_cast<TopicPartition>(partition), static_cast<Offset>(into.size()));
      into.push_back(Record{.partition = places.back().first,
                            .offset = places.back().second,
                            .append_time = time,
                            .key = record.key,
                            .value = record.value});
    }
    topic_->grown.notify_all();
    return places;
  }

 private:
  std::shared_ptr<MemoryTopic> topic_;
  const Clock& clock_;
};

}  // namespace

Status CreateMemoryTopic(const std::string& name, TopicPartition partitions) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  std::shared_ptr<MemoryTopic>& topic = registry.topics[name];
  if (topic == nullptr) topic = std::make_shared<MemoryTopic>(partitions);
  const auto existing = static_cast<TopicPartition>(topic->partitions.size());
  if (existing == partitions) return Status();
  return InvalidConf(fmt::format(
      "topic exists with another number of partitions, which cannot change; use {} or another "
      "name: memory:{}, asked for {}",
      existing, name, partitions));
}

Status EndMemoryTransaction(const std::string& name, TopicPartition partition) {
  CATENA_TRY(const std::shared_ptr<MemoryTopic> topic, Find(name));
  const std::lock_guard lock(topic->mutex);
  std::deque<Record>& records = topic->partitions[static_cast<size_t>(partition)];
  const auto offset = static_cast<Offset>(records.size());
  const Timestamp time = records.empty() ? Timestamp::min() : records.back().append_time;
  records.push_back(Record{.partition = partition, .offset = offset, .append_time = time});
  topic->without_record.emplace(partition, offset);
  topic->grown.notify_all();
  return Status();
}

Result<std::unique_ptr<TopicReader>> OpenMemoryTopicReader(const std::string& name) {
  CATENA_TRY(std::shared_ptr<MemoryTopic> topic, Find(name));
  return std::unique_ptr<TopicReader>(new MemoryTopicReader(std::move(topic)));
}

Result<std::unique_ptr<TopicWriter>> OpenMemoryTopicWriter(const std::string& name,
                                                           const Clock& clock) {
  CATENA_TRY(std::shared_ptr<MemoryTopic> topic, Find(name));
  return std::unique_ptr<TopicWriter>(new MemoryTopicWriter(std::move(topic), clock));
}

}  // namespace catena::topic
