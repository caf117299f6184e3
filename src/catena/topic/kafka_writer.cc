// SPDX-License-Identifier: Apache-2.0
// The writer of kafka_topic.h.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "catena/base/hash.h"
#include "catena/topic/file/frame.h"
#include "catena/topic/kafka_client.h"
#include "catena/topic/kafka_topic.h"

namespace catena::topic {
namespace {

constexpr size_t kBatchBytes = 1'000'000;  // librdkafka's default.
constexpr size_t kBatchBytesMin = 1'000;

// One batch in flight, sent a millisecond after its first record: with more in flight, or none of
// the wait, small batches queue behind each other and the latency of a busy writer melts. Nothing
// of a partition goes on behind a batch that failed, so what is there is a prefix.
KafkaProperties WriterProperties(size_t batch_bytes) {
  return {{"enable.idempotence", "true"},
          {"enable.gapless.guarantee", "true"},
          {"linger.ms", "1"},
          {"max.in.flight", "1"},
          {"message.timeout.ms", "30000"},
          {"message.max.bytes", std::to_string(kFrameBytesMax + 4096)},
          {"batch.size", std::to_string(batch_bytes)},
          {"queue.buffering.max.kbytes", "32768"}};
}

// Without them an Append would leave a record twice, or a gap; wait for answers that never come; or
// be refused for want of a transaction.
Status CheckProperties(const TopicAddress& address) {
  return RequireKafkaProperties(address,
                                {{"enable.idempotence", "true"},
                                 {"enable.gapless.guarantee", "true"},
                                 {"delivery.report.only.error", "false"},
                                 {"transactional.id", ""}},
                                "a writer's property that is not free, since what it appends is "
                                "there once, in order and without gaps");
}

// One record of an Append until the broker has answered.
struct Delivery {
  bool is_answered = false;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool is_absent = false;  // For sure.
  Offset offset = 0;

  bool failed() const { return error != RD_KAFKA_RESP_ERR_NO_ERROR; }
  bool is_too_large() const { return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; }
};

void NoteDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto* delivery = static_cast<Delivery*>(message->_private);
  const bool is_absent = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
  *delivery = {true, message->err, is_absent, message->offset};
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
      if (std::string why = WhyNoFrame(record.key, record.value); !why.empty()) {
        return InvalidData(std::move(why));
      }
    }
    std::vector<size_t> all(records.size());
    std::iota(all.begin(), all.end(), 0);
    std::vector<Delivery> deliveries(records.size());
    CATENA_RETURN_IF_ERROR(Send(records, all, &deliveries));
    CATENA_RETURN_IF_ERROR(FailureOf(deliveries));
    return PlacesOf(records, all, deliveries);
  }

  // A batch that is too large fails as a whole, and with it what stands behind it: each of them is
  // sent again alone, in their order.
  Result<Fitting> AppendFitting(const std::vector<OutRecord>& records) override {
    Fitting fitting;
    std::vector<size_t> left;
    for (size_t i = 0; i < records.size(); ++i) {
      std::string why = WhyNoFrame(records[i].key, records[i].value);
      why.empty() ? left.push_back(i) : void(fitting.refused.emplace(i, std::move(why)));
    }
    std::vector<Delivery> deliveries(records.size());
    CATENA_RETURN_IF_ERROR(Send(records, left, &deliveries));
    if (!MayFitAlone(deliveries)) CATENA_RETURN_IF_ERROR(FailureOf(deliveries));
    const bool sent_again = !FailureOf(deliveries).ok();
    std::vector<size_t> there;
    for (const size_t i : left) {
      if (deliveries[i].failed()) {
        deliveries[i] = Delivery();
        CATENA_RETURN_IF_ERROR(Send(records, {&i, 1}, &deliveries));
      }
      if (deliveries[i].is_too_large()) {
        fitting.refused.emplace(i, TooLarge(records[i]));
        continue;
      }
      CATENA_RETURN_IF_ERROR(FailureOf({&deliveries[i], 1}));
      there.push_back(i);
    }
    // It is not a record that is too large for the topic but what is sent at once.
    if (sent_again && there.size() == left.size()) {
      batch_bytes_ = std::max(batch_bytes_ / 2, kBatchBytesMin);
      client_.reset();
    }
    fitting.places = PlacesOf(records, there, deliveries);
    return fitting;
  }

  Status Open() {
    if (client_) return Status();
    CATENA_TRY(client_, KafkaClient::Open(RD_KAFKA_PRODUCER, address_,
                                          WriterProperties(batch_bytes_), NoteDelivery));
    return Status();
  }

 private:
  TopicPartition PartitionOf(const OutRecord& record) const {
    return static_cast<TopicPartition>(HashBytes(record.key) % newest_.size());
  }

  std::vector<std::pair<TopicPartition, Offset>> PlacesOf(
      const std::vector<OutRecord>& records, std::span<const size_t> which,
      const std::vector<Delivery>& deliveries) const {
    std::vector<std::pair<TopicPartition, Offset>> places;
    for (const size_t i : which) {
      places.emplace_back(PartitionOf(records[i]), deliveries[i].offset);
    }
    return places;
  }

  // Into `deliveries`, by number of the record, once all of them are answered. After a failure what
  // the producer counted on as written is in doubt: the next one counts anew.
  Status Send(const std::vector<OutRecord>& records, std::span<const size_t> which,
              std::vector<Delivery>* deliveries) {
    CATENA_RETURN_IF_ERROR(Open());
    const Timestamp now = clock_.Now();
    for (const size_t i : which) Produce(records[i], now, &(*deliveries)[i]);
    bool failed = false;
    for (const size_t i : which) {
      const Delivery& delivery = (*deliveries)[i];
      while (!delivery.is_answered) rd_kafka_poll(client_->handle(), /*timeout_ms=*/100);
      failed = failed || delivery.failed();
    }
    if (failed) client_.reset();
    return Status();
  }

  static bool MayFitAlone(std::span<const Delivery> deliveries) {
    return std::any_of(deliveries.begin(), deliveries.end(),
                       [](const Delivery& each) { return each.is_too_large(); }) &&
           std::all_of(deliveries.begin(), deliveries.end(), [](const Delivery& each) {
             return !each.failed() || each.is_too_large() || each.is_absent;
           });
  }

  // What leaves the most in doubt: others may have failed for its sake.
  Status FailureOf(std::span<const Delivery> deliveries) const {
    const auto doubt = [](const Delivery& each) {
      if (!each.failed()) return 0;
      if (each.is_too_large()) return 2;
      return each.is_absent ? 1 : 3;
    };
    const auto at =
        std::max_element(deliveries.begin(), deliveries.end(),
                         [&](const Delivery& a, const Delivery& b) { return doubt(a) < doubt(b); });
    if (at == deliveries.end() || !at->failed()) return Status();
    return KafkaError(at->error, "cannot append to " + PlaceText());
  }

  std::string PlaceText() const { return "topic " + address_.name + " at " + address_.root; }

  std::string TooLarge(const OutRecord& record) const {
    return fmt::format("{} takes no record as large, raise its max.message.bytes: {} bytes",
                       PlaceText(), record.key.size() + record.value.size());
  }

  void Produce(const OutRecord& record, Timestamp now, Delivery* delivery) {
    const TopicPartition partition = PartitionOf(record);
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
        *delivery = {true, code, /*is_absent=*/true, 0};
        return;
      }
      rd_kafka_poll(client_->handle(), /*timeout_ms=*/10);
    }
  }

  TopicAddress address_;
  const Clock& clock_;
  size_t batch_bytes_ = kBatchBytes;
  std::unique_ptr<KafkaClient> client_;
  std::vector<Timestamp> newest_;  // By partition: the last append time given.
};

}  // namespace

Result<std::unique_ptr<TopicWriter>> OpenKafkaTopicWriter(const TopicAddress& address,
                                                          const Clock& clock) {
  CATENA_RETURN_IF_ERROR(CheckProperties(address));
  TopicPartition partitions = 0;
  {
    // A consumer asks, because a producer's question may create the topic.
    CATENA_TRY(const auto client, KafkaClient::Open(RD_KAFKA_CONSUMER, address,
                                                    {{"allow.auto.create.topics", "false"}}));
    CATENA_TRY(partitions, client->Partitions());
  }
  auto writer = std::make_unique<KafkaWriter>(address, partitions, clock);
  CATENA_RETURN_IF_ERROR(writer->Open());
  return std::unique_ptr<TopicWriter>(std::move(writer));
}

}  // namespace catena::topic
