// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/kafka_feed.h"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace catena::topic {
namespace {

constexpr size_t kMessagesPerCall = 256;
constexpr size_t kWindowBytesMax = size_t{8} << 20;

size_t BytesOf(const rd_kafka_message_t& message) { return message.key_len + message.len; }

}  // namespace

KafkaFeed::KafkaFeed(std::shared_ptr<KafkaClient> client, const std::string& topic,
                     TopicPartition partitions)
    : client_(std::move(client)),
      topic_(rd_kafka_topic_new(client_->handle(), topic.c_str(), nullptr)) {
  for (TopicPartition p = 0; p < partitions; ++p) {
    partitions_.push_back(std::make_unique<Partition>());
  }
}

// By librdkafka, which holds the lock of the queue meanwhile: once the first message is in it.
void KafkaFeed::Wake(rd_kafka_t*, void* partition) {
  auto* of = static_cast<Partition*>(partition);
  const std::lock_guard lock(of->wake_mutex);
  for (const int arrived : of->arrived) eventfd_write(arrived, 1);
}

// A queue of its own, so that nothing fetched before is in it.
Status KafkaFeed::Start(TopicPartition number, Offset offset, Partition* partition) {
  partition->queue.reset(rd_kafka_queue_new(client_->handle()));
  rd_kafka_queue_cb_event_enable(partition->queue.get(), Wake, partition);
  partition->end = offset;
  partition->is_broken = false;
  if (rd_kafka_consume_start_queue(topic_.get(), number, offset, partition->queue.get()) == 0) {
    return Status();
  }
  const rd_kafka_resp_err_t code = rd_kafka_last_error();
  partition->queue.reset();
  return KafkaError(code, fmt::format("cannot read {} partition {} from offset {}",
                                      client_->Place(), number, offset));
}

void KafkaFeed::Stop(TopicPartition number, Partition* partition) {
  rd_kafka_consume_stop(topic_.get(), number);
  rd_kafka_queue_cb_event_enable(partition->queue.get(), nullptr, nullptr);
  partition->queue.reset();
  partition->window.clear();
  partition->bytes = 0;
}

Result<std::unique_ptr<KafkaFeed::Follower>> KafkaFeed::Follow(TopicPartition number, Offset offset,
                                                               int arrived) {
  auto follower = std::make_unique<Follower>(this, number, arrived);
  Partition& partition = Of(*follower);
  const std::lock_guard lock(partition.mutex);
  if (!partition.queue) CATENA_RETURN_IF_ERROR(Start(number, offset, &partition));
  const Offset begin = partition.window.empty() ? partition.end : partition.window.front()->offset;
  const bool is_there = offset >= begin && offset <= partition.end;
  if (partition.is_broken || !is_there) return std::unique_ptr<Follower>();
  follower->next_ = partition.first;
  follower->follows_ = true;
  partition.followers.push_back(follower.get());
  const std::lock_guard wake_lock(partition.wake_mutex);
  partition.arrived.push_back(arrived);
  eventfd_write(arrived, 1);  // What came before it followed wakes nobody any more.
  return follower;
}

void KafkaFeed::Remove(Follower* follower, Partition* partition) {
  follower->follows_ = false;
  std::erase(partition->followers, follower);
  const std::lock_guard wake_lock(partition->wake_mutex);
  std::erase(partition->arrived, follower->arrived_);
}

void KafkaFeed::Leave(Follower* follower) {
  Partition& partition = Of(*follower);
  const std::lock_guard lock(partition.mutex);
  if (!follower->follows_) return;
  Remove(follower, &partition);
  partition.followers.empty() ? Stop(follower->partition_, &partition) : Trim(&partition);
}

// From the queue into the window; false when nothing has come.
bool KafkaFeed::Pull(Partition* partition) {
  if (rd_kafka_queue_length(partition->queue.get()) == 0) return false;
  std::array<rd_kafka_message_t*, kMessagesPerCall> messages;
  const ssize_t count = rd_kafka_consume_batch_queue(partition->queue.get(), /*timeout_ms=*/0,
                                                     messages.data(), messages.size());
  for (ssize_t i = 0; i < count; ++i) {
    auto& message = partition->window.emplace_back(messages[static_cast<size_t>(i)]);
    partition->bytes += BytesOf(*message);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      partition->end = message->offset + 1;
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      partition->end = std::max(partition->end, message->offset);
    } else {
      partition->is_broken = true;
    }
  }
  return count > 0;
}

void KafkaFeed::Trim(Partition* partition) {
  uint64_t slowest = partition->first + partition->window.size();
  for (const Follower* follower : partition->followers) {
    slowest = std::min(slowest, follower->next_);
  }
  for (; partition->first < slowest; ++partition->first) {
    partition->bytes -= BytesOf(*partition->window.front());
    partition->window.pop_front();
  }
}

// Where the window is too large, those who are further behind than `taker`.
void KafkaFeed::DropSlow(const Follower& taker, Partition* partition) {
  while (partition->bytes > kWindowBytesMax && taker.next_ > partition->first) {
    const std::vector<Follower*> followers = partition->followers;
    for (Follower* follower : followers) {
      if (follower->next_ > partition->first) continue;
      Remove(follower, partition);
      eventfd_write(follower->arrived_, 1);
    }
    Trim(partition);
  }
}

Result<bool> KafkaFeed::Take(Follower* follower, const Visit& visit) {
  Partition& partition = Of(*follower);
  const std::lock_guard lock(partition.mutex);
  if (!follower->follows_) return false;
  Result<bool> wants_more = true;
  while (wants_more.ok() && *wants_more) {
    if (follower->next_ == partition.first + partition.window.size() && !Pull(&partition)) break;
    wants_more = visit(*partition.window[follower->next_ - partition.first]);
    ++follower->next_;
  }
  Trim(&partition);
  DropSlow(*follower, &partition);
  if (!wants_more.ok()) return wants_more.error();
  return true;
}

}  // namespace catena::topic
