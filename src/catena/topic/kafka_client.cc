// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/kafka_client.h"

#include <fmt/format.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <thread>

#include "catena/base/log.h"

namespace catena::topic {
namespace {

constexpr size_t kErrorBytes = 512;
constexpr std::chrono::milliseconds kLeaderLook{50};
constexpr std::chrono::milliseconds kLookAgain{20};

// Where reading goes on stands in the store alone, and a position that is gone is an error.
constexpr std::array kOwnProperties = {"enable.auto.commit", "enable.auto.offset.store",
                                       "auto.offset.reset", "enable.partition.eof"};
// Of names of properties whose values are neither shown nor taken from a URL.
constexpr std::array kSecretParts = {"password", "secret", "token", ".pem", "oauthbearer.config"};

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

// Nothing may be thrown through librdkafka's frames: what memory has no room for is not told.
void WriteKafkaLog(const rd_kafka_t*, int level, const char* facility, const char* text) try {
  // One set of properties serves readers and writers; that each ignores some is as meant.
  if (std::string_view(facility) == "CONFWARN") return;
  const LogLevel as = level <= LOG_WARNING ? LogLevel::kWarn
                      : level <= LOG_INFO  ? LogLevel::kInfo
                                           : LogLevel::kDebug;
  CATENA_LOG(as, "kafka", "{}: {}", facility, text);
} catch (const std::exception&) {
}

Status SetProperty(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[kErrorBytes];
  switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof(why))) {
    case RD_KAFKA_CONF_OK:
      return Status();
    case RD_KAFKA_CONF_UNKNOWN:
      return InvalidConf(
          "librdkafka has no such property; take it out of `kafka:` or the topic's "
          "URL: " +
          name);
    default:
      // The reason repeats the value.
      return InvalidConf("librdkafka refuses the value of a property" +
                         (IsSecretKafkaProperty(name) ? "; it is secret and not shown: " + name
                                                      : ": " + std::string(why)));
  }
}

Result<Conf> ConfOf(const TopicAddress& address, const KafkaProperties& defaults) {
  Conf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), WriteKafkaLog);
  KafkaProperties properties = {{"bootstrap.servers", address.root},
                                {"client.id", "catena"},
                                // A broker that is back is found within a second.
                                {"reconnect.backoff.max.ms", "1000"},
                                {"log.connection.close", "false"}};
  for (const auto& [name, value] : defaults) properties[name] = value;
  for (const auto& [name, value] : address.parameters) {
    if (std::find(kOwnProperties.begin(), kOwnProperties.end(), name) != kOwnProperties.end()) {
      return InvalidConf(
          "catena sets this property itself, since its offsets are in the store; "
          "take it out of `kafka:` or the topic's URL: " +
          name);
    }
    properties[name] = value;
  }
  for (const auto& [name, value] : properties) {
    CATENA_RETURN_IF_ERROR(SetProperty(conf.get(), name, value));
  }
  return conf;
}

}  // namespace

bool IsSecretKafkaProperty(std::string_view name) {
  return std::any_of(kSecretParts.begin(), kSecretParts.end(), [name](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

Status RequireKafkaProperties(const TopicAddress& address, const KafkaProperties& needed,
                              const std::string& why) {
  for (const auto& [name, value] : needed) {
    const auto given = address.parameters.find(name);
    if (given == address.parameters.end() || given->second == value) continue;
    return InvalidConf(why + "; take it out of `kafka:` or the topic's URL: " + name);
  }
  return Status();
}

Error KafkaError(rd_kafka_resp_err_t code, const std::string& what) {
  const std::string text = what + ": " + rd_kafka_err2str(code);
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return NotFound(text);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return InvalidData(text);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return InvalidConf(text);
    default:
      return Unavailable(text);
  }
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::Open(rd_kafka_type_t type,
                                                       const TopicAddress& address,
                                                       const KafkaProperties& defaults,
                                                       KafkaDelivery on_delivery,
                                                       KafkaRebalance on_rebalance, void* opaque) {
  CATENA_TRY(Conf conf, ConfOf(address, defaults));
  if (on_delivery != nullptr) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  if (on_rebalance != nullptr) rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
  rd_kafka_conf_set_opaque(conf.get(), opaque);
  char why[kErrorBytes];
  rd_kafka_t* handle = rd_kafka_new(type, conf.get(), why, sizeof(why));
  if (handle == nullptr) {
    return InvalidConf("librdkafka refuses the properties of topic " + address.name + ": " + why);
  }
  static_cast<void>(conf.release());  // The handle's now.
  return std::unique_ptr<KafkaClient>(new KafkaClient(address, handle));
}

KafkaClient::~KafkaClient() { rd_kafka_destroy(handle_); }

std::string KafkaClient::Place() const { return PlaceOf(address_.name); }

std::string KafkaClient::PlaceOf(const std::string& topic) const {
  return "topic " + topic + " at " + address_.root;
}

Result<TopicPartition> KafkaClient::Partitions() {
  const auto give_up = std::chrono::steady_clock::now() + Millis{kKafkaAnswerMillis};
  while (true) {
    const Result<TopicPartition> partitions = PartitionsNow(address_.name);
    // A broker that has just come back knows no topics for a moment.
    const bool may_change = !partitions.ok() && partitions.error().code == ErrorCode::kNotFound;
    if (!may_change || std::chrono::steady_clock::now() >= give_up) return partitions;
    std::this_thread::sleep_for(kLookAgain);
  }
}

Result<TopicPartition> KafkaClient::PartitionsNow(const std::string& name) const {
  const std::string place = PlaceOf(name);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(handle_, name.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t failed =
      rd_kafka_metadata(handle_, 0, topic, &metadata, kKafkaAnswerMillis);
  rd_kafka_topic_destroy(topic);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return KafkaError(failed, "no Kafka broker answers; " + place);
  }
  const rd_kafka_resp_err_t code =
      metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  const TopicPartition partitions =
      code == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
  bool has_leaders = partitions > 0;
  for (TopicPartition p = 0; p < partitions; ++p) {
    has_leaders = has_leaders && metadata->topics[0].partitions[p].leader >= 0;
  }
  rd_kafka_metadata_destroy(metadata);
  const Error error = KafkaError(code, place);
  if (error.code == ErrorCode::kNotFound) {
    return NotFound(
        fmt::format("no such topic; run `catena topic create {} --partitions N`: {}", name, place));
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  if (!has_leaders) return Unavailable("a partition has no leader; " + place);
  return partitions;
}

Result<std::vector<Offset>> KafkaClient::OffsetsAt(const std::vector<KafkaPartition>& partitions,
                                                   int64_t time) const {
  const auto give_up = std::chrono::steady_clock::now() + Millis{kKafkaAnswerMillis};
  while (true) {
    std::vector<Offset> offsets;
    const rd_kafka_resp_err_t code = LookUpOnce(partitions, time, &offsets);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return offsets;
    const Error error = KafkaError(code, "cannot look up offsets; " + Place());
    // A broker that has just come back knows no topics for a moment.
    const bool may_change =
        error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kNotFound;
    if (!may_change || std::chrono::steady_clock::now() >= give_up) return error;
    std::this_thread::sleep_for(kLookAgain);
  }
}

rd_kafka_resp_err_t KafkaClient::LookUpOnce(const std::vector<KafkaPartition>& partitions,
                                            int64_t time, std::vector<Offset>* offsets) const {
  const KafkaPartitionList list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const auto& [topic, partition] : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = time;
  }
  const rd_kafka_resp_err_t code =
      rd_kafka_offsets_for_times(handle_, list.get(), kKafkaAnswerMillis);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
    // What the answer left out stands as it was asked.
    if (time < 0 && list->elems[i].offset < 0) return RD_KAFKA_RESP_ERR__PARTIAL;
    offsets->push_back(list->elems[i].offset);
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

Status KafkaClient::RequestCreation(TopicPartition partitions) {
  char why[kErrorBytes];
  // Replicas as the broker's default.replication.factor says.
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(address_.name.c_str(), partitions, -1, why, sizeof(why));
  if (topic == nullptr) return InvalidConf("cannot create " + Place() + ": " + why);
  rd_kafka_queue_t* answers = rd_kafka_queue_new(handle_);
  rd_kafka_CreateTopics(handle_, &topic, 1, nullptr, answers);
  rd_kafka_event_t* event = rd_kafka_queue_poll(answers, kKafkaAnswerMillis);
  Status status = Unavailable("no Kafka broker answers; cannot create " + Place());
  if (event != nullptr && rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    status = KafkaError(rd_kafka_event_error(event), "cannot create " + Place());
  } else if (event != nullptr) {
    size_t count = 0;
    const rd_kafka_topic_result_t* result =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)[0];
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(result);
    const char* said = rd_kafka_topic_result_error_string(result);
    const bool is_made = code == RD_KAFKA_RESP_ERR_NO_ERROR ||
                         code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;  // Lost a race.
    status = is_made
                 ? Status()
                 : KafkaError(code, "cannot create " + Place() +
                                        (said == nullptr ? "" : " (" + std::string(said) + ")"));
  }
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(answers);
  rd_kafka_NewTopic_destroy(topic);
  return status;
}

Status KafkaClient::Create(TopicPartition partitions) {
  Result<TopicPartition> existing = PartitionsNow(address_.name);
  if (!existing.ok() && existing.error().code != ErrorCode::kNotFound) return existing.error();
  if (!existing.ok()) {
    CATENA_RETURN_IF_ERROR(RequestCreation(partitions));
    const auto give_up = std::chrono::steady_clock::now() + Millis{kKafkaAnswerMillis};
    // Every broker learns of it in its own time.
    do {
      existing = PartitionsNow(address_.name);
      if (existing.ok()) break;
      std::this_thread::sleep_for(kLeaderLook);
    } while (std::chrono::steady_clock::now() < give_up);
    if (!existing.ok()) return existing.error();
  }
  if (*existing == partitions) return Status();
  return InvalidConf(fmt::format(
      "topic exists with another number of partitions, which catena does not change; use {} or "
      "another name: {}, asked for {}",
      *existing, Place(), partitions));
}

}  // namespace catena::topic
