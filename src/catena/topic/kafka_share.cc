// SPDX-License-Identifier: Apache-2.0
// PartitionShare by a consumer group of Kafka: a consumer whose partitions are always paused.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "catena/base/log.h"
#include "catena/topic/kafka_client.h"
#include "catena/topic/partition_share.h"

namespace catena::topic {
namespace {

constexpr int kServeMillis = 100;
// What was taken away is dropped within a round of its worker; then it goes whatever happens.
constexpr std::chrono::seconds kDropWait{2};

KafkaProperties MemberProperties(const std::string& group) {
  return {{"group.id", group},
          {"partition.assignment.strategy", "cooperative-sticky"},
          {"session.timeout.ms", "6000"},
          {"heartbeat.interval.ms", "1000"},
          {"enable.auto.commit", "false"},
          {"auto.offset.reset", "latest"},
          {"allow.auto.create.topics", "false"}};
}

class KafkaShare : public PartitionShare {
 public:
  static Result<std::unique_ptr<PartitionShare>> Join(const TopicAddress& topic,
                                                      const std::string& group) {
    std::unique_ptr<KafkaShare> share(new KafkaShare);
    CATENA_TRY(share->client_, KafkaClient::Open(RD_KAFKA_CONSUMER, topic, MemberProperties(group),
                                                 nullptr, OnRebalance, share.get()));
    rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic.name.c_str(), RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(share->client_->handle(), topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaError(code, "cannot join the group " + group + "; " + share->client_->Place());
    }
    share->thread_ = std::jthread([share = share.get()](const std::stop_token& stop) {
      while (!stop.stop_requested()) share->Serve();
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

  void Serve() {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client_->handle(), kServeMillis);
    if (message == nullptr) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      CATENA_LOG_WARN("share", "{}: {}", client_->Place(), rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
  }

  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t code,
                          rd_kafka_topic_partition_list_t* moved, void* opaque) {
    auto* share = static_cast<KafkaShare*>(opaque);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      Told(rd_kafka_incremental_assign(handle, moved));
      rd_kafka_pause_partitions(handle, moved);
      share->Move(*moved, /*is_mine=*/true);
    } else {
      share->Move(*moved, /*is_mine=*/false);
      share->AwaitDropped(*moved);
      Told(rd_kafka_incremental_unassign(handle, moved));
    }
  }

  static void Told(rd_kafka_error_t* error) {
    if (error == nullptr) return;
    CATENA_LOG_WARN("share", "{}", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
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
  mutable std::mutex mutex_;  // Guards all below but the thread.
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
