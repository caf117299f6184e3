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

#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

// How long a broker may take to answer before it counts as down.
inline constexpr int kKafkaAnswerMillis = 3000;

using KafkaProperties = std::map<std::string, std::string>;
using KafkaDelivery = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);
using KafkaRebalance = void (*)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*,
                                void* opaque);

// Whether a value of this property must not be shown: passwords, keys, tokens.
bool IsSecretKafkaProperty(std::string_view name);

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
  // Of the address; kNotFound names the command that makes the topic.
  Result<TopicPartition> Partitions();
  // Waits until every partition has a leader.
  Status Create(TopicPartition partitions);
  // "topic payments at host:9092", for messages.
  std::string Place() const;

 private:
  KafkaClient(const TopicAddress& address, rd_kafka_t* handle)
      : address_(address), handle_(handle) {}
  Status RequestCreation(TopicPartition partitions);

  TopicAddress address_;
  rd_kafka_t* handle_;
};

}  // namespace catena::topic
