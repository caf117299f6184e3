// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/kafka_topic.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catena/topic/file/file_descriptor.h"
#include "catena/topic/kafka_client.h"
#include "catena/topic/kafka_feed.h"

namespace catena::topic {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kFewRecords = 32;  // That a stream that keeps up finds at a time, about.
constexpr Millis kWaitMax = kDay;   // Longer ones would overflow the clock.

KafkaProperties ReaderProperties(const TopicAddress& address) {
  return {{"group.id", address.consumer.empty() ? "catena" : address.consumer},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"auto.offset.reset", "error"},
          {"enable.partition.eof", "true"},
          {"allow.auto.create.topics", "false"},
          // A full queue is looked at again after a second, so it is not to be a small one.
          {"queued.min.messages", "100000"},
          {"queued.max.messages.kbytes", "8192"},
          // A seek, and a partition that joins, wait for the fetch that is under way.
          {"fetch.wait.max.ms", "50"},
          {"fetch.error.backoff.ms", "100"}};
}

std::vector<KafkaPartition> PartitionsOf(const std::string& topic, TopicPartition count) {
  std::vector<KafkaPartition> all;
  for (TopicPartition p = 0; p < count; ++p) all.emplace_back(topic, p);
  return all;
}

std::string_view BytesOf(const void* data, size_t size) {
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

// What it looks up it asks a client for whose connection no fetch holds, unless it reads alone.
class KafkaReader : public TopicReader {
 public:
  KafkaReader(std::shared_ptr<KafkaClient> client, std::string name, TopicPartition partitions,
              std::shared_ptr<KafkaFeed> shared)
      : client_(std::move(client)),
        name_(std::move(name)),
        arrived_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        shared_(std::move(shared)),
        alone_(client_, name_, partitions),
        partitions_(static_cast<size_t>(partitions)) {
    CATENA_CHECK(arrived_.is_open(), "the kernel gives no more event descriptors");
  }

  TopicPartition partitions() const override {
    return static_cast<TopicPartition>(partitions_.size());
  }

  Status Seek(TopicPartition partition, Offset offset) override {
    CATENA_TRY(const Offset begin, BeginOffset(partition));
    CATENA_TRY(const Offset end, EndOffset(partition));
    if (offset < begin || offset > end) {
      return NotFound(fmt::format(
          "topic partition does not hold this offset; seek within [{}, {}]: {} partition {} "
          "offset {}",
          begin, end, client_->Place(), partition, offset));
    }
    return Start(partition, offset);
  }

  Status Poll(TopicPartition partition, size_t records_max, std::vector<Record>* into) override {
    const size_t before = into->size();
    CATENA_RETURN_IF_ERROR(PollArrived(partition, records_max, into));
    if (into->size() > before || records_max == 0) return Status();
    CATENA_TRY(const Offset end, EndOffset(partition));
    const auto give_up = Steady::now() + Millis{kKafkaAnswerMillis};
    while (true) {  // It is there: on its way.
      ForgetArrivals();
      CATENA_RETURN_IF_ERROR(Take(partition, records_max, into));
      if (At(partition).next >= end || into->size() > before) return Status();
      if (Steady::now() >= give_up) break;
      AwaitArrival(give_up);
    }
    return Unavailable(
        fmt::format("no Kafka broker answers; {} partition {} has records up to {}, read up to {}",
                    client_->Place(), partition, end, At(partition).next));
  }

  Status PollArrived(TopicPartition partition, size_t records_max,
                     std::vector<Record>* into) override {
    if (At(partition).follower == nullptr) {
      CATENA_TRY(const Offset begin, BeginOffset(partition));
      CATENA_RETURN_IF_ERROR(Start(partition, begin));
    }
    return Take(partition, records_max, into);
  }

  Offset Position(TopicPartition partition) const override {
    const Partition& at = partitions_[static_cast<size_t>(partition)];
    return at.peeked.empty() ? at.next : at.peeked.front().offset;
  }

  Result<Offset> EndOffset(TopicPartition partition) override {
    return LookUp(partition, RD_KAFKA_OFFSET_END);
  }

  Result<std::vector<Offset>> EndOffsets() override {
    return client_->OffsetsAt(PartitionsOf(name_, partitions()), RD_KAFKA_OFFSET_END);
  }

  Result<Offset> BeginOffset(TopicPartition partition) override {
    return LookUp(partition, RD_KAFKA_OFFSET_BEGINNING);
  }

  // Kafka keeps its negative times for the ends of a partition.
  Result<Offset> OffsetAt(TopicPartition partition, Timestamp time) override {
    if (ToMillis(time) < 0) return BeginOffset(partition);
    CATENA_TRY(const Offset offset, LookUp(partition, ToMillis(time)));
    return offset >= 0 ? Result<Offset>(offset) : EndOffset(partition);
  }

  Status Wait(Millis wait) override {
    const bool all = std::none_of(partitions_.begin(), partitions_.end(),
                                  [](const Partition& at) { return at.follower != nullptr; });
    for (TopicPartition p = 0; all && p < partitions(); ++p) {
      CATENA_TRY(const Offset begin, BeginOffset(p));
      CATENA_RETURN_IF_ERROR(Start(p, begin));
    }
    const Steady::time_point until = Steady::now() + std::min(wait, kWaitMax);
    while (true) {
      ForgetArrivals();
      for (TopicPartition p = 0; p < partitions(); ++p) {
        CATENA_TRY(const bool more, HasMore(p));
        if (more) return Forget(all);
      }
      if (Steady::now() >= until || AwaitArrival(until)) return Forget(all);
    }
  }

  void Leave(TopicPartition partition) override { Stop(partition); }

  Status Commit(const std::map<TopicPartition, Offset>& next_offsets) override {
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(1));
    for (const auto& [partition, offset] : next_offsets) {
      rd_kafka_topic_partition_list_add(list.get(), name_.c_str(), partition)->offset = offset;
    }
    const rd_kafka_resp_err_t code = rd_kafka_commit(client_->handle(), list.get(), /*async=*/1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status();
    return KafkaError(code, "cannot commit; " + client_->Place());
  }

 private:
  struct Partition {
    std::unique_ptr<KafkaFeed::Follower> follower;  // Once it is read.
    bool is_alone = false;                          // It follows a feed of its own.
    Offset next = 0;
    std::deque<Record> peeked;  // By Wait.
  };

  Partition& At(TopicPartition partition) {
    CATENA_CHECK(partition >= 0 && partition < partitions(), "no such topic partition");
    return partitions_[static_cast<size_t>(partition)];
  }

  void Stop(TopicPartition partition) {
    At(partition).follower.reset();
    At(partition).peeked.clear();
  }

  Status Start(TopicPartition partition, Offset offset) {
    Stop(partition);
    At(partition).next = offset;
    CATENA_TRY(const bool is_shared, FollowShared(partition));
    return is_shared ? Status() : FollowAlone(partition);
  }

  // False where the shared feed is elsewhere: further, or on its way through a backlog. Who reads
  // alone until then does so no longer.
  Result<bool> FollowShared(TopicPartition partition) {
    Partition& at = At(partition);
    if (shared_ == nullptr) return false;
    CATENA_TRY(auto follower, shared_->Follow(partition, at.next, arrived_.get()));
    if (follower == nullptr) return false;
    at.follower = std::move(follower);
    at.is_alone = false;
    return true;
  }

  Status FollowAlone(TopicPartition partition) {
    Partition& at = At(partition);
    CATENA_TRY(at.follower, alone_.Follow(partition, at.next, arrived_.get()));
    at.is_alone = true;
    return Status();
  }

  // A Wait for any partition reads none.
  Status Forget(bool all) {
    for (TopicPartition p = 0; all && p < partitions(); ++p) Stop(p);
    return Status();
  }

  // Before a look: what comes after it wakes.
  void ForgetArrivals() {
    eventfd_t ignored = 0;
    eventfd_read(arrived_.get(), &ignored);
  }

  // True when a signal came instead.
  bool AwaitArrival(Steady::time_point until) {
    const auto left = std::chrono::ceil<Millis>(until - Steady::now());
    pollfd watched{.fd = arrived_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&watched, 1, std::max(0, static_cast<int>(left.count()))) < 0;
  }

  Result<bool> HasMore(TopicPartition partition) {
    Partition& at = At(partition);
    if (at.follower == nullptr || !at.peeked.empty()) return !at.peeked.empty();
    std::vector<Record> first;
    CATENA_RETURN_IF_ERROR(Take(partition, 1, &first));
    std::move(first.begin(), first.end(), std::back_inserter(at.peeked));
    return !at.peeked.empty();
  }

  // What is there.
  Status Take(TopicPartition partition, size_t records_max, std::vector<Record>* into) {
    Partition& at = At(partition);
    size_t taken = 0;
    size_t bytes = 0;
    for (; taken < records_max && !at.peeked.empty(); ++taken, at.peeked.pop_front()) {
      into->push_back(std::move(at.peeked.front()));
    }
    if (taken == records_max) return Status();
    if (at.is_alone) CATENA_RETURN_IF_ERROR(FollowShared(partition));
    const auto accept = [&](const rd_kafka_message_t& message) -> Result<bool> {
      CATENA_TRY(const bool is_record, Accept(message, &at, into));
      if (is_record) ++taken;
      bytes += message.key_len + message.len;
      return taken < records_max && bytes < kPollBytesMax;
    };
    CATENA_TRY(const bool follows, at.follower->Take(accept));
    return follows ? Status() : FollowAlone(partition);
  }

  Result<bool> Accept(const rd_kafka_message_t& message, Partition* at, std::vector<Record>* into) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      at->next = std::max(at->next, message.offset);  // Behind what holds no record.
      return false;
    }
    if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
      return NotFound(
          fmt::format("topic partition no longer holds what comes next, the topic was "
                      "trimmed: {} partition {} offset {}",
                      client_->Place(), message.partition, at->next));
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaError(message.err, fmt::format("cannot read {} partition {}", client_->Place(),
                                                 message.partition));
    }
    if (message.offset < at->next) return false;  // Of the feed before it was followed.
    rd_kafka_timestamp_type_t type;
    if (into->empty()) into->reserve(kFewRecords);
    Record& record = into->emplace_back();
    record.partition = message.partition;
    record.offset = message.offset;
    record.append_time = FromMillis(rd_kafka_message_timestamp(&message, &type));
    record.key = BytesOf(message.key, message.key_len);
    record.value = BytesOf(message.payload, message.len);
    at->next = message.offset + 1;
    return true;
  }

  Result<Offset> LookUp(TopicPartition partition, int64_t time) {
    At(partition);
    CATENA_TRY(const auto offsets, client_->OffsetsAt({{name_, partition}}, time));
    return offsets[0];
  }

  std::shared_ptr<KafkaClient> client_;
  std::string name_;
  FileDescriptor arrived_;             // Readable once there may be more to take.
  std::shared_ptr<KafkaFeed> shared_;  // Null: none.
  KafkaFeed alone_;
  std::vector<Partition> partitions_;
};

class KafkaEnds : public TopicEnds {
 public:
  KafkaEnds(std::unique_ptr<KafkaClient> client, const std::vector<TopicAddress>& topics,
            const std::vector<TopicPartition>& counts)
      : client_(std::move(client)) {
    for (size_t i = 0; i < topics.size(); ++i) {
      const std::vector<KafkaPartition> each = PartitionsOf(topics[i].name, counts[i]);
      partitions_.insert(partitions_.end(), each.begin(), each.end());
      counts_.push_back(each.size());
      names_.push_back(topics[i].name);
    }
  }

  Result<std::vector<std::vector<Offset>>> Look() override {
    CATENA_TRY(const auto offsets, client_->OffsetsAt(partitions_, RD_KAFKA_OFFSET_END));
    CATENA_RETURN_IF_ERROR(LookForMorePartitions());
    std::vector<std::vector<Offset>> ends;
    auto begin = offsets.begin();
    for (const ptrdiff_t count : counts_) {
      ends.emplace_back(begin, begin + count);
      begin += count;
    }
    return ends;
  }

 private:
  // A topic that grows says so to nobody: what came to its new partitions would never be read, and
  // answers would not know. What is wrong with the broker the look-up tells.
  Status LookForMorePartitions() {
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      if (now < look_for_more_at_) return Status();
      look_for_more_at_ = now + kLookForMore;
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto now = client_->PartitionsNow(names_[i]);
      if (!now.ok() || *now <= counts_[i]) continue;
      return Unavailable(fmt::format(
          "the topic has got more partitions, which are to be opened as well: {} has {}, read {}",
          names_[i], *now, counts_[i]));
    }
    return Status();
  }

  static constexpr std::chrono::seconds kLookForMore{10};

  std::unique_ptr<KafkaClient> client_;
  std::vector<std::string> names_;
  std::vector<KafkaPartition> partitions_;
  std::vector<ptrdiff_t> counts_;  // Of them, by topic.
  std::mutex mutex_;
  std::chrono::steady_clock::time_point look_for_more_at_ =
      std::chrono::steady_clock::now() + kLookForMore;
};

Result<std::unique_ptr<KafkaClient>> OpenConsumer(const TopicAddress& address) {
  return KafkaClient::Open(RD_KAFKA_CONSUMER, address, ReaderProperties(address));
}

Result<std::vector<TopicPartition>> CountPartitions(const std::vector<TopicAddress>& topics) {
  std::vector<TopicPartition> counts;
  for (const TopicAddress& topic : topics) {
    CATENA_TRY(const auto client, OpenConsumer(topic));
    CATENA_TRY(const TopicPartition count, client->Partitions());
    counts.push_back(count);
  }
  return counts;
}

}  // namespace

Status CreateKafkaTopic(const TopicAddress& address, TopicPartition partitions) {
  CATENA_TRY(const auto client, OpenConsumer(address));
  return client->Create(partitions);
}

// A fetch asks for what one consumer reads of a broker, whatever topics that is of.
Result<std::vector<std::shared_ptr<TopicFeed>>> OpenKafkaTopicFeeds(
    const std::vector<TopicAddress>& topics) {
  CATENA_TRY(const std::vector<TopicPartition> counts, CountPartitions(topics));
  CATENA_TRY(const std::shared_ptr<KafkaClient> client, OpenConsumer(topics.front()));
  std::vector<std::shared_ptr<TopicFeed>> feeds;
  for (size_t i = 0; i < topics.size(); ++i) {
    feeds.push_back(std::make_shared<KafkaFeed>(client, topics[i].name, counts[i]));
  }
  return feeds;
}

Result<std::unique_ptr<TopicEnds>> OpenKafkaTopicEnds(const std::vector<TopicAddress>& topics) {
  CATENA_TRY(const std::vector<TopicPartition> counts, CountPartitions(topics));
  CATENA_TRY(std::unique_ptr<KafkaClient> client, OpenConsumer(topics.front()));
  return std::unique_ptr<TopicEnds>(std::make_unique<KafkaEnds>(std::move(client), topics, counts));
}

Result<std::unique_ptr<TopicReader>> OpenKafkaTopicReader(const TopicAddress& address,
                                                          std::shared_ptr<TopicFeed> feed) {
  CATENA_TRY(std::shared_ptr<KafkaClient> client, OpenConsumer(address));
  CATENA_TRY(const TopicPartition partitions, client->Partitions());
  return std::unique_ptr<TopicReader>(
      std::make_unique<KafkaReader>(std::move(client), address.name, partitions,
                                    std::dynamic_pointer_cast<KafkaFeed>(std::move(feed))));
}

}  // namespace catena::topic
