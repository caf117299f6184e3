// SPDX-License-Identifier: Apache-2.0
// PartitionShare by a consumer group of Kafka: a consumer whose partitions are always paused.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "catena/base/log.h"
#include "catena/topic/kafka_client.h"
#include "catena/topic/partition_share.h"

namespace catena::topic {
namespace {

constexpr int kServeMillis = 100;
constexpr const char* kStrategy = "cooperative-sticky";
// What was taken away is dropped within a round of its worker; then it goes whatever happens.
constexpr std::chrono::seconds kDropWait{2};

KafkaProperties MemberProperties(const std::string& group) {
  return {{"group.id", group},
          {"partition.assignment.strategy", kStrategy},
          {"session.timeout.ms", "6000"},
          {"heartbeat.interval.ms", "1000"},
          {"enable.auto.commit", "false"},
          {"auto.offset.reset", "latest"},
          {"allow.auto.create.topics", "false"}};
}

class KafkaShare : public PartitionShare {
 public:
  static Result<std::unique_ptr<PartitionShare>> Join(TopicAddress topic,
                                                      const std::string& group) {
    CATENA_RETURN_IF_ERROR(
        RequireKafkaProperties(topic, {{"partition.assignment.strategy", kStrategy}},
                               "partitions are shared so that those that stay go on"));
    // That of lag tools: in it those who share different work would take each other's partitions.
    topic.parameters.erase("group.id");
    std::unique_ptr<KafkaShare> share(new KafkaShare);
    CATENA_TRY(share->client_, KafkaClient::Open(RD_KAFKA_CONSUMER, topic, MemberProperties(group),
                                                 nullptr, OnRebalance, share.get()));
    const KafkaPartitionList topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), topic.name.c_str(), RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(share->client_->handle(), topics.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaError(code, "cannot join the group " + group + "; " + share->client_->Place());
    }
    share->thread_ = std::jthread([share = share.get()](const std::stop_token& stop) {
      while (!stop.stop_requested()) share->Contain([share] { share->Serve(); });
    });
    return std::unique_ptr<PartitionShare>(std::move(share));
  }

  ~KafkaShare() override {
    if (!client_) return;
    thread_ = std::jthread();
    {
      const std::lock_guard lock(mutex_);
      working_.clear();  // Who worked is gone.
    }
    rd_kafka_consumer_close(client_->handle());
  }

  std::set<TopicPartition> Assigned() const override {
    const std::lock_guard lock(mutex_);
    return assigned_;
  }
  uint64_t Changes() const override {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  bool Take(TopicPartition partition) override {
    const std::lock_guard lock(mutex_);
    if (!assigned_.contains(partition)) return false;
    working_.insert(partition);
    return true;
  }
  void Drop(TopicPartition partition) override {
    const std::lock_guard lock(mutex_);
    working_.erase(partition);
    dropped_.notify_all();
  }

 private:
  KafkaShare() = default;

  // Nothing may be thrown through librdkafka's frames. Where memory ran out it is Serve that finds
  // what was missed.
  template <typename Work>
  void Contain(const Work& work) noexcept {
    try {
      work();
    } catch (...) {
      is_behind_ = true;
    }
  }

  void Serve() {
    if (is_behind_.exchange(false)) CatchUp();
    const std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)> message(
        rd_kafka_consumer_poll(client_->handle(), kServeMillis), rd_kafka_message_destroy);
    if (message == nullptr || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    CATENA_LOG_WARN("share", "{}: {}", client_->Place(), rd_kafka_message_errstr(message.get()));
  }

  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t code,
                          rd_kafka_topic_partition_list_t* moved, void* opaque) {
    auto* share = static_cast<KafkaShare*>(opaque);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      share->Tell(rd_kafka_incremental_assign(handle, moved));
      rd_kafka_pause_partitions(handle, moved);
      share->Contain([&] { share->Move(*moved, /*is_mine=*/true); });
    } else {
      share->Contain([&] { share->Move(*moved, /*is_mine=*/false); });
      share->Contain([&] { share->AwaitDropped(*moved); });
      share->Tell(rd_kafka_incremental_unassign(handle, moved));
    }
  }

  void Tell(rd_kafka_error_t* error) {
    if (error == nullptr) return;
    Contain([error] { CATENA_LOG_WARN("share", "{}", rd_kafka_error_string(error)); });
    rd_kafka_error_destroy(error);
  }

  void CatchUp() {
    rd_kafka_topic_partition_list_t* partitions = nullptr;
    if (rd_kafka_assignment(client_->handle(), &partitions) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const KafkaPartitionList owned(partitions);
    const std::lock_guard lock(mutex_);
    assigned_.clear();
    ++changes_;
    for (int i = 0; i < owned->cnt; ++i) assigned_.insert(owned->elems[i].partition);
  }

  void Move(const rd_kafka_topic_partition_list_t& moved, bool is_mine) {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < moved.cnt; ++i) {
      const TopicPartition partition = moved.elems[i].partition;
      CATENA_LOG_INFO("share", "partition={} {}", partition, is_mine ? "assigned" : "taken_away");
      if (is_mine) {
        assigned_.insert(partition);
      } else {
        assigned_.erase(partition);
      }
    }
    ++changes_;
  }

  void AwaitDropped(const rd_kafka_topic_partition_list_t& moved) {
    std::unique_lock lock(mutex_);
    dropped_.wait_for(lock, kDropWait, [&] {
      return std::none_of(moved.elems, moved.elems + moved.cnt,
                          [this](const auto& each) { return working_.contains(each.partition); });
    });
  }

  std::unique_ptr<KafkaClient> client_;
  std::atomic<bool> is_behind_{false};  // Of the group: a change was not told.
  mutable std::mutex mutex_;            // Guards all below but the thread.
  std::condition_variable dropped_;
  std::set<TopicPartition> assigned_, working_;
  uint64_t changes_ = 0;
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<PartitionShare>> JoinPartitionShare(const TopicAddress& topic,
                                                           const std::string& group) {
  if (topic.scheme == "kafka") return KafkaShare::Join(topic, group);
  return Unsupported(
      "the work on a topic is shared through a consumer group of Kafka, and this topic is none; "
      "stream it in one process: " +
      TopicURL(topic));
}

}  // namespace catena::topic
