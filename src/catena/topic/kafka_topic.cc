// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/kafka_topic.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "catena/base/hash.h"
#include "catena/topic/file/file_descriptor.h"
#include "catena/topic/file/frame.h"
#include "catena/topic/kafka_client.h"

namespace catena::topic {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Millis kWaitMax = kDay;  // Longer ones would overflow the clock.
constexpr Millis kLeaderLook{20};
constexpr size_t kMessagesPerCall = 1000;

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

// One batch in flight, sent a millisecond after its first record: with more in flight, or none of
// the wait, small batches queue behind each other and the latency of a busy writer melts.
KafkaProperties WriterProperties() {
  return {{"enable.idempotence", "true"},
          {"linger.ms", "1"},
          {"max.in.flight", "1"},
          {"message.timeout.ms", "30000"},
          {"message.max.bytes", std::to_string(kFrameBytesMax + 4096)},
          {"queue.buffering.max.kbytes", "32768"}};
}

struct QueueDeleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDeleter>;

struct TopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using Topic = std::unique_ptr<rd_kafka_topic_t, TopicDeleter>;

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

std::string_view BytesOf(const void* data, size_t size) {
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

class KafkaReader : public TopicReader {
 public:
  KafkaReader(std::unique_ptr<KafkaClient> client, std::string name, TopicPartition partitions)
      : client_(std::move(client)),
        name_(std::move(name)),
        topic_(rd_kafka_topic_new(client_->handle(), name_.c_str(), nullptr)),
        arrived_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        partitions_(static_cast<size_t>(partitions)) {
    CATENA_CHECK(arrived_.is_open(), "the kernel gives no more event descriptors");
  }
  ~KafkaReader() override {
    for (TopicPartition p = 0; p < partitions(); ++p) Stop(p);
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
    while (At(partition).next < end && into->size() == before) {  // It is there: on its way.
      const auto left = std::chrono::ceil<Millis>(give_up - Steady::now());
      if (left <= Millis{0}) {
        return Unavailable(
            fmt::format("no Kafka broker answers; {} partition {} has records up to {}, read up "
                        "to {}",
                        client_->Place(), partition, end, At(partition).next));
      }
      CATENA_RETURN_IF_ERROR(AwaitOne(partition, left, into));
    }
    const size_t taken = into->size() - before;
    return taken == 0 ? Status() : Take(partition, records_max - taken, into);
  }

  Status PollArrived(TopicPartition partition, size_t records_max,
                     std::vector<Record>* into) override {
    if (!At(partition).queue) {
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
    CATENA_TRY(const auto ends, LookUp({partition}, RD_KAFKA_OFFSET_END));
    return ends[0];
  }

  Result<std::vector<Offset>> EndOffsets() override {
    std::vector<TopicPartition> all(partitions_.size());
    for (size_t p = 0; p < all.size(); ++p) all[p] = static_cast<TopicPartition>(p);
    return LookUp(all, RD_KAFKA_OFFSET_END);
  }

  Result<Offset> BeginOffset(TopicPartition partition) override {
    CATENA_TRY(const auto begins, LookUp({partition}, RD_KAFKA_OFFSET_BEGINNING));
    return begins[0];
  }

  // Kafka keeps its negative times for the ends of a partition.
  Result<Offset> OffsetAt(TopicPartition partition, Timestamp time) override {
    if (ToMillis(time) < 0) return BeginOffset(partition);
    CATENA_TRY(const auto offsets, LookUp({partition}, ToMillis(time)));
    return offsets[0] >= 0 ? Result<Offset>(offsets[0]) : EndOffset(partition);
  }

  Status Wait(Millis wait) override {
    const bool all = std::none_of(partitions_.begin(), partitions_.end(),
                                  [](const auto& partition) { return partition.queue != nullptr; });
    for (TopicPartition p = 0; all && p < partitions(); ++p) {
      CATENA_TRY(const Offset begin, BeginOffset(p));
      CATENA_RETURN_IF_ERROR(Start(p, begin));
    }
    const Steady::time_point until = Steady::now() + std::min(wait, kWaitMax);
    while (true) {
      eventfd_t ignored = 0;
      eventfd_read(arrived_.get(), &ignored);  // Before the look: what comes after it wakes.
      for (TopicPartition p = 0; p < partitions(); ++p) {
        CATENA_TRY(const bool more, HasMore(p));
        if (more) return Forget(all);
      }
      const auto left = std::chrono::ceil<Millis>(until - Steady::now());
      if (left <= Millis{0}) return Forget(all);
      pollfd watched{.fd = arrived_.get(), .events = POLLIN, .revents = 0};
      const bool is_signal = ::poll(&watched, 1, static_cast<int>(left.count())) < 0;
      if (is_signal) return Forget(all);
    }
  }

  void Leave(TopicPartition partition) override { Stop(partition); }

  Status Commit(const std::map<TopicPartition, Offset>& next_offsets) override {
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    for (const auto& [partition, offset] : next_offsets) {
      rd_kafka_topic_partition_list_add(list.get(), name_.c_str(), partition)->offset = offset;
    }
    const rd_kafka_resp_err_t code = rd_kafka_commit(client_->handle(), list.get(), /*async=*/1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status();
    return KafkaError(code, "cannot commit; " + client_->Place());
  }

 private:
  struct Partition {
    Queue queue;  // Once it is read.
    Offset next = 0;
    std::deque<Record> peeked;  // By Wait.
  };

  Partition& At(TopicPartition partition) {
    CATENA_CHECK(partition >= 0 && partition < partitions(), "no such topic partition");
    return partitions_[static_cast<size_t>(partition)];
  }

  void Stop(TopicPartition partition) {
    if (At(partition).queue) rd_kafka_consume_stop(topic_.get(), partition);
    At(partition).queue.reset();
    At(partition).peeked.clear();
  }

  // A queue of its own from here on, so that nothing fetched before is in it.
  Status Start(TopicPartition partition, Offset offset) {
    Stop(partition);
    Queue queue(rd_kafka_queue_new(client_->handle()));
    const eventfd_t one = 1;
    rd_kafka_queue_io_event_enable(queue.get(), arrived_.get(), &one, sizeof(one));
    if (rd_kafka_consume_start_queue(topic_.get(), partition, offset, queue.get()) != 0) {
      return KafkaError(rd_kafka_last_error(),
                        fmt::format("cannot read {} partition {} from offset {}", client_->Place(),
                                    partition, offset));
    }
    At(partition).queue = std::move(queue);
    At(partition).next = offset;
    return Status();
  }

  // A Wait for any partition reads none.
  Status Forget(bool all) {
    for (TopicPartition p = 0; all && p < partitions(); ++p) Stop(p);
    return Status();
  }

  Result<bool> HasMore(TopicPartition partition) {
    Partition& at = At(partition);
    while (at.queue && at.peeked.empty() && rd_kafka_queue_length(at.queue.get()) > 0) {
      std::vector<Record> first;
      CATENA_RETURN_IF_ERROR(Take(partition, 1, &first));
      std::move(first.begin(), first.end(), std::back_inserter(at.peeked));
    }
    return !at.peeked.empty();
  }

  // What is in the queue.
  Status Take(TopicPartition partition, size_t records_max, std::vector<Record>* into) {
    Partition& at = At(partition);
    size_t taken = 0;
    size_t bytes = 0;
    for (; taken < records_max && !at.peeked.empty(); ++taken, at.peeked.pop_front()) {
      into->push_back(std::move(at.peeked.front()));
    }
    std::array<rd_kafka_message_t*, kMessagesPerCall> messages;
    while (taken < records_max && bytes < kPollBytesMax) {
      const size_t wanted = std::min(messages.size(), records_max - taken);
      const ssize_t count =
          rd_kafka_consume_batch_queue(at.queue.get(), /*timeout_ms=*/0, messages.data(), wanted);
      Status status;
      for (ssize_t i = 0; i < count; ++i) {
        const rd_kafka_message_t& message = *messages[static_cast<size_t>(i)];
        bytes += message.key_len + message.len;
        if (status.ok()) status = Accept(message, &at, into);
        rd_kafka_message_destroy(messages[static_cast<size_t>(i)]);
      }
      if (!status.ok() || count < static_cast<ssize_t>(wanted)) return status;
      taken += wanted;
    }
    return Status();
  }

  // The first that comes within `wait`.
  Status AwaitOne(TopicPartition partition, Millis wait, std::vector<Record>* into) {
    Partition& at = At(partition);
    rd_kafka_message_t* message =
        rd_kafka_consume_queue(at.queue.get(), static_cast<int>(wait.count()));
    if (message == nullptr) return Status();
    const Status status = Accept(*message, &at, into);
    rd_kafka_message_destroy(message);
    return status;
  }

  Status Accept(const rd_kafka_message_t& message, Partition* at, std::vector<Record>* into) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      at->next = std::max(at->next, message.offset);  // Behind what holds no record.
      return Status();
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
    rd_kafka_timestamp_type_t type;
    Record& record = into->emplace_back();
    record.partition = message.partition;
    record.offset = message.offset;
    record.append_time = FromMillis(rd_kafka_message_timestamp(&message, &type));
    record.key = BytesOf(message.key, message.key_len);
    record.value = BytesOf(message.payload, message.len);
    at->next = message.offset + 1;
    return Status();
  }

  // One request a broker, whatever the number of partitions; again while leaders change.
  Result<std::vector<Offset>> LookUp(const std::vector<TopicPartition>& partitions, int64_t time) {
    const auto give_up = Steady::now() + Millis{kKafkaAnswerMillis};
    while (true) {
      std::vector<Offset> offsets;
      const rd_kafka_resp_err_t code = LookUpOnce(partitions, time, &offsets);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return offsets;
      const Error error = KafkaError(code, "cannot look up offsets; " + client_->Place());
      const bool may_change = error.code == ErrorCode::kUnavailable;
      if (!may_change || Steady::now() >= give_up) return error;
      std::this_thread::sleep_for(kLeaderLook);
    }
  }

  rd_kafka_resp_err_t LookUpOnce(const std::vector<TopicPartition>& partitions, int64_t time,
                                 std::vector<Offset>* offsets) {
    const PartitionList list(
        rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const TopicPartition partition : partitions) {
      At(partition);
      rd_kafka_topic_partition_list_add(list.get(), name_.c_str(), partition)->offset = time;
    }
    const rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(client_->handle(), list.get(), kKafkaAnswerMillis);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    for (int i = 0; i < list->cnt; ++i) {
      if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
      offsets->push_back(list->elems[i].offset);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  std::unique_ptr<KafkaClient> client_;
  std::string name_;
  Topic topic_;
  FileDescriptor arrived_;  // Readable once a queue is no longer empty.
  std::vector<Partition> partitions_;
};

// One record of an Append until the broker has answered.
struct Delivery {
  bool is_answered = false;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  Offset offset = 0;
};

void NoteDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto* delivery = static_cast<Delivery*>(message->_private);
  *delivery = {true, message->err, message->offset};
}

class KafkaWriter : public TopicWriter {
 public:
  KafkaWriter(const TopicAddress& address, TopicPartition partitions, const Clock& clock)
      : address_(address), clock_(clock), newest_(static_cast<size_t>(partitions)) {
    std::fill(newest_.begin(), newest_.end(), Timestamp::min());
  }

  TopicPartition partitions() const override { return static_cast<TopicPartition>(newest_.size()); }

  Result<std::vector<std::pair<TopicPartition, Offset>>> Append(
      const std::vector<OutRecord>& records) override {
    for (const OutRecord& record : records) {
      const size_t bytes = FrameBytes(record.key, record.value);
      if (bytes > kFrameBytesMax) {
        return InvalidData(fmt::format("record is too large for a topic; at most {} bytes: {}",
                                       kFrameBytesMax, bytes));
      }
    }
    CATENA_RETURN_IF_ERROR(Open());
    std::vector<Delivery> deliveries(records.size());
    std::vector<std::pair<TopicPartition, Offset>> places(records.size());
    const Timestamp now = clock_.Now();
    for (size_t i = 0; i < records.size(); ++i) {
      places[i].first = static_cast<TopicPartition>(HashBytes(records[i].key) % newest_.size());
      Produce(records[i], places[i].first, now, &deliveries[i]);
    }
    for (const Delivery& delivery : deliveries) {
      while (!delivery.is_answered) rd_kafka_poll(client_->handle(), /*timeout_ms=*/100);
    }
    for (size_t i = 0; i < records.size(); ++i) {
      if (deliveries[i].error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const Error error = KafkaError(deliveries[i].error, "cannot append to " + client_->Place());
        client_.reset();  // What it counted on as written is in doubt: the next one counts anew.
        return error;
      }
      places[i].second = deliveries[i].offset;
    }
    return places;
  }

  Status Open() {
    if (client_) return Status();
    CATENA_TRY(client_,
               KafkaClient::Open(RD_KAFKA_PRODUCER, address_, WriterProperties(), NoteDelivery));
    return Status();
  }

 private:
  void Produce(const OutRecord& record, TopicPartition partition, Timestamp now,
               Delivery* delivery) {
    Timestamp& newest = newest_[static_cast<size_t>(partition)];
    const Timestamp time = record.append_time == Timestamp::min() ? now : record.append_time;
    newest = std::max(newest, time);
    // librdkafka takes 0 for "now".
    const int64_t millis = ToMillis(newest) == 0 ? 1 : ToMillis(newest);
    while (true) {
      const rd_kafka_resp_err_t code = rd_kafka_producev(
          client_->handle(), RD_KAFKA_V_TOPIC(address_.name.c_str()),
          RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
          RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
          RD_KAFKA_V_TIMESTAMP(millis), RD_KAFKA_V_OPAQUE(delivery), RD_KAFKA_V_END);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        *delivery = {true, code, 0};
        return;
      }
      rd_kafka_poll(client_->handle(), /*timeout_ms=*/10);
    }
  }

  TopicAddress address_;
  const Clock& clock_;
  std::unique_ptr<KafkaClient> client_;
  std::vector<Timestamp> newest_;  // By partition: the last append time given.
};

Result<std::unique_ptr<KafkaClient>> OpenConsumer(const TopicAddress& address) {
  return KafkaClient::Open(RD_KAFKA_CONSUMER, address, ReaderProperties(address));
}

}  // namespace

Status CreateKafkaTopic(const TopicAddress& address, TopicPartition partitions) {
  CATENA_TRY(const auto client, OpenConsumer(address));
  return client->Create(partitions);
}

Result<std::unique_ptr<TopicReader>> OpenKafkaTopicReader(const TopicAddress& address) {
  CATENA_TRY(auto client, OpenConsumer(address));
  CATENA_TRY(const TopicPartition partitions, client->Partitions());
  return std::unique_ptr<TopicReader>(
      std::make_unique<KafkaReader>(std::move(client), address.name, partitions));
}

Result<std::unique_ptr<TopicWriter>> OpenKafkaTopicWriter(const TopicAddress& address,
                                                          const Clock& clock) {
  TopicPartition partitions = 0;
  {
    // A consumer asks, because a producer's question may create the topic.
    CATENA_TRY(const auto client, OpenConsumer(address));
    CATENA_TRY(partitions, client->Partitions());
  }
  auto writer = std::make_unique<KafkaWriter>(address, partitions, clock);
  CATENA_RETURN_IF_ERROR(writer->Open());
  return std::unique_ptr<TopicWriter>(std::move(writer));
}

}  // namespace catena::topic
