// SPDX-License-Identifier: Apache-2.0
// KafkaClient: one librdkafka handle and what its readers and writers share: properties, errors,
// the partitions of a topic.
//
//   input    properties of `kafka:` and of a topic URL, verbatim librdkafka's; defaults of this
//            folder below them
//   errors   kInvalidConf: a property that librdkafka does not know, a value it refuses, one that
//            catena sets itself, an authentication that fails; kNotFound: no such topic;
//            kUnavailable: no broker answers in time. Values of secret properties stand in no text
//   threads  the handle may be used by any thread; librdkafka's own threads end with the client
//   source   librdkafka 2.0, whose only home is this folder

#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

// How long a broker may take to answer before it counts as down.
inline constexpr int kKafkaAnswerMillis = 3000;

using KafkaPartition = std::pair<std::string, TopicPartition>;  // Of a topic.
using KafkaProperties = std::map<std::string, std::string>;
struct KafkaListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using KafkaPartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaListDeleter>;

using KafkaDelivery = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);
using KafkaRebalance = void (*)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*,
                                void* opaque);

// Whether a value of this property must not be shown: passwords, keys, tokens.
bool IsSecretKafkaProperty(std::string_view name);

// kInvalidConf, with `why`, when the address gives one of these another value; "" is none at all.
Status RequireKafkaProperties(const TopicAddress& address, const KafkaProperties& needed,
                              const std::string& why);

// What a failure asks of the caller; `what` says what was tried, and where.
Error KafkaError(rd_kafka_resp_err_t code, const std::string& what);

class KafkaClient {
 public:
  // `defaults` hold where the address says nothing; `on_delivery` is a producer's, `on_rebalance`
  // that of a group's member.
  static Result<std::unique_ptr<KafkaClient>> Open(rd_kafka_type_t type,
                                                   const TopicAddress& address,
                                                   const KafkaProperties& defaults,
                                                   KafkaDelivery on_delivery = nullptr,
                                                   KafkaRebalance on_rebalance = nullptr,
                                                   void* opaque = nullptr);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_t* handle() const { return handle_; }
  // Of the address; asked for again while the broker does not know the topic. kNotFound names the
  // command that makes it.
  Result<TopicPartition> Partitions();
  // Of any topic of these brokers, as it is now.
  Result<TopicPartition> PartitionsNow(const std::string& topic) const;
  // Of each partition the offset at `time`, as librdkafka takes it, RD_KAFKA_OFFSET_END and
  // RD_KAFKA_OFFSET_BEGINNING among them: one request a broker, again while leaders change.
  Result<std::vector<Offset>> OffsetsAt(const std::vector<KafkaPartition>& partitions,
                                        int64_t time) const;
  // Waits until every partition has a leader.
  Status Create(TopicPartition partitions);
  // "topic payments at host:9092", for messages.
  std::string Place() const;

 private:
  KafkaClient(const TopicAddress& address, rd_kafka_t* handle)
      : address_(address), handle_(handle) {}
  rd_kafka_resp_err_t LookUpOnce(const std::vector<KafkaPartition>& partitions, int64_t time,
                                 std::vector<Offset>* offsets) const;
  std::string PlaceOf(const std::string& topic) const;
  Status RequestCreation(TopicPartition partitions);

  TopicAddress address_;
  rd_kafka_t* handle_;
};

}  // namespace catena::topic
