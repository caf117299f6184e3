// SPDX-License-Identifier: Apache-2.0
// KafkaFeed: what one consumer reads of a topic, and those who follow it: what a broker sends it
// sends once, and with it what the consumer reads of other topics, for each their own feed.
//
//     broker -> queue of a partition -> window -> followers, each at its own place
//               (librdkafka's)          what the slowest has not taken yet
//
//   output   messages in the order of the queue: records, ends that were reached, errors
//   limits   8 MiB a partition in the queue, as much in the window: who is further behind falls out
//   errors   KafkaError's of Follow and of whoever visits the messages
//   threads  every call may run concurrently with every other; those of one follower one at a time

#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/topic/kafka_client.h"
#include "catena/topic/topic.h"

namespace catena::topic {

class KafkaFeed : public TopicFeed {
 public:
  // Of the message that it takes: whether it wants the next one as well.
  using Visit = std::function<Result<bool>(const rd_kafka_message_t&)>;
  // A reader of one partition, for as long as it lives.
  class Follower {
   public:
    Follower(KafkaFeed* feed, TopicPartition partition, int arrived)
        : feed_(feed), partition_(partition), arrived_(arrived) {}
    ~Follower() { feed_->Leave(this); }
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    // What is there, until `visit` wants or can no more. False, for good, once it fell out.
    Result<bool> Take(const Visit& visit) { return feed_->Take(this, visit); }

   private:
    friend KafkaFeed;
    KafkaFeed* feed_;
    TopicPartition partition_;
    int arrived_;
    uint64_t next_ = 0;  // The number of the message that it takes next.
    bool follows_ = false;
  };

  KafkaFeed(std::shared_ptr<KafkaClient> client, const std::string& topic,
            TopicPartition partitions);

  // Of a partition that nobody follows yet, what comes from `offset` on; else all that is in the
  // window, where older records may stand before it. Null when `offset` lies outside of it, or an
  // error has been met. `arrived` is an event descriptor, written to when there may be more to
  // take.
  Result<std::unique_ptr<Follower>> Follow(TopicPartition partition, Offset offset, int arrived);

 private:
  struct MessageDeleter {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  };
  struct QueueDeleter {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };
  struct TopicDeleter {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };
  struct Partition {
    std::mutex mutex;  // Guards all but what `wake_mutex` does.
    std::unique_ptr<rd_kafka_queue_t, QueueDeleter> queue;  // While somebody follows.
    std::deque<std::unique_ptr<rd_kafka_message_t, MessageDeleter>> window;
    uint64_t first = 0;      // The number of the first message of the window.
    size_t bytes = 0;        // Of the window's.
    Offset end = 0;          // Behind the last message that came.
    bool is_broken = false;  // It has an error to tell.
    std::vector<Follower*> followers;
    std::mutex wake_mutex;     // Under it nothing of librdkafka is called.
    std::vector<int> arrived;  // Of the followers.
  };

  Partition& Of(const Follower& follower) const {
    return *partitions_[static_cast<size_t>(follower.partition_)];
  }
  static void Wake(rd_kafka_t* client, void* partition);
  Status Start(TopicPartition number, Offset offset, Partition* partition);
  void Stop(TopicPartition number, Partition* partition);
  void Leave(Follower* follower);
  Result<bool> Take(Follower* follower, const Visit& visit);
  static void Remove(Follower* follower, Partition* partition);
  static bool Pull(Partition* partition);
  static void Trim(Partition* partition);
  static void DropSlow(const Follower& taker, Partition* partition);

  std::shared_ptr<KafkaClient> client_;
  std::unique_ptr<rd_kafka_topic_t, TopicDeleter> topic_;
  std::vector<std::unique_ptr<Partition>> partitions_;
};

}  // namespace catena::topic
