// SPDX-License-Identifier: Apache-2.0
#include "bench/stream/kafka.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string_view>

#include "catena/base/check.h"
#include "catena/base/random.h"

namespace catena::bench {
namespace {

constexpr int64_t kTakesEffectMillis = 1000;
constexpr std::chrono::microseconds kProducerRest{500};
constexpr std::chrono::seconds kPatience{60};
constexpr int kFlushMillis = 60'000;

struct ClientDeleter {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, ClientDeleter>;

void Require(bool holds, const std::string& what) { CATENA_CHECK(holds, "stream_load: " + what); }

void RequireDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  Require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(message->err));
}

using Properties = std::vector<std::pair<const char*, std::string>>;

Client Open(rd_kafka_type_t type, const Properties& properties) {
  char why[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : properties) {
    Require(rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof(why)) == RD_KAFKA_CONF_OK,
            why);
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, RequireDelivered);
  Client client(rd_kafka_new(type, conf, why, sizeof(why)));
  Require(client != nullptr, why);
  return client;
}

class Producer {
 public:
  Producer(const Load& load, const std::string& topic, int partitions)
      : client_(Open(RD_KAFKA_PRODUCER, {{"bootstrap.servers", load.brokers},
                                         {"enable.idempotence", "true"},
                                         {"linger.ms", "2"},
                                         {"max.in.flight", "1"},
                                         {"queue.buffering.max.messages", "1000000"}})),
        topic_(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr)),
        partitions_(partitions) {}
  ~Producer() {
    Require(rd_kafka_flush(client_.get(), kFlushMillis) == RD_KAFKA_RESP_ERR_NO_ERROR,
            "the broker does not take what was sent");
    rd_kafka_topic_destroy(topic_);
  }

  // By the key, so that what belongs together keeps its order.
  void Send(int64_t key, std::string_view key_text, std::string_view value) {
    const auto partition = static_cast<int32_t>(key % partitions_);
    while (rd_kafka_produce(topic_, partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                            value.size(), key_text.data(), key_text.size(), nullptr) != 0) {
      Require(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL,
              rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(client_.get(), 1);
    }
  }
  void Poll() { rd_kafka_poll(client_.get(), 0); }

 private:
  Client client_;
  rd_kafka_topic_t* topic_;
  int partitions_;
};

template <typename... Parts>
std::string_view Print(std::array<char, 160>* into, const char* format, Parts... parts) {
  const int size = std::snprintf(into->data(), into->size(), format, parts...);
  return {into->data(), static_cast<size_t>(size)};
}

void SendRisk(Producer* producer, int64_t merchant, double score, int64_t millis) {
  std::array<char, 160> key;
  std::array<char, 160> value;
  producer->Send(merchant, Print(&key, "%lld", static_cast<long long>(merchant)),
                 Print(&value, R"({"merchant_id":%lld,"score":%.2f,"ts":%lld})",
                       static_cast<long long>(merchant), score, static_cast<long long>(millis)));
}

void SendPayment(Producer* producer, int64_t user, int64_t merchant, double amount,
                 int64_t millis) {
  std::array<char, 160> key;
  std::array<char, 160> value;
  producer->Send(user, Print(&key, "%lld", static_cast<long long>(user)),
                 Print(&value, R"({"user_id":%lld,"merchant_id":%lld,"amount":%.2f,"ts":%lld})",
                       static_cast<long long>(user), static_cast<long long>(merchant), amount,
                       static_cast<long long>(millis)));
}

double Hundredths(Random* random, int64_t below) {
  return static_cast<double>(random->Below(static_cast<uint64_t>(below))) / 100;
}

}  // namespace

void ProduceFirstRisks(const Load& load, int64_t now_millis) {
  Producer producer(load, load.risks, load.risk_partitions);
  Random random(load.seed);
  for (int64_t merchant = 0; merchant < load.merchants; ++merchant) {
    SendRisk(&producer, merchant, Hundredths(&random, 101), now_millis);
  }
}

Json ProduceOnSchedule(const Load& load, const Schedule& schedule) {
  Producer payments(load, load.payments, load.payment_partitions);
  Producer risks(load, load.risks, load.risk_partitions);
  Random random(load.seed + 1);
  Steady::duration latest{};
  int64_t risk_count = 0;
  for (int64_t next = 0; next < schedule.count;) {
    const auto now = Steady::now();
    latest = std::max(latest, now - schedule.DueAt(next));
    for (; next < schedule.count && schedule.DueAt(next) <= now; ++next) {
      const auto merchant =
          static_cast<int64_t>(random.Below(static_cast<uint64_t>(load.merchants)));
      auto user = static_cast<int64_t>(random.Below(static_cast<uint64_t>(load.users)));
      if (load.hot_every > 0 && next % load.hot_every == 1) user = 0;
      if (schedule.IsProbe(next)) user = kProbeUsersFrom + next / schedule.stride;
      SendPayment(&payments, user, merchant, Hundredths(&random, 10'000), schedule.MillisOf(next));
      if (next % load.payments_per_risk == 0) {
        ++risk_count;
        SendRisk(&risks, (merchant * 7 + 1) % load.merchants, Hundredths(&random, 101),
                 schedule.MillisOf(next) + kTakesEffectMillis);
      }
    }
    payments.Poll();
    risks.Poll();
    if (next < schedule.count) {
      std::this_thread::sleep_until(std::max(schedule.DueAt(next), Steady::now() + kProducerRest));
    }
  }
  return {{"payments", schedule.count},
          {"risks", risk_count},
          {"latest_ms", std::chrono::duration<double, std::milli>(latest).count()}};
}

Json ConsumeAll(const Load& load, const Schedule& schedule) {
  const Client client =
      Open(RD_KAFKA_CONSUMER, {{"bootstrap.servers", load.brokers}, {"group.id", "floor"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client.get(), load.payments.c_str(), nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
  for (int32_t p = 0; p < load.payment_partitions; ++p) {
    Require(rd_kafka_consume_start_queue(topic, p, RD_KAFKA_OFFSET_BEGINNING, queue) == 0,
            rd_kafka_err2str(rd_kafka_last_error()));
  }
  Latencies latencies(schedule);
  const auto give_up = schedule.DueAt(schedule.count) + kPatience;
  for (int64_t consumed = 0; consumed < schedule.count;) {
    Require(Steady::now() < give_up, "not every payment can be consumed");
    rd_kafka_message_t* message = rd_kafka_consume_queue(queue, /*timeout_ms=*/100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++consumed;
      const std::string user(static_cast<const char*>(message->key), message->key_len);
      const int64_t probe = std::stoll(user) - kProbeUsersFrom;
      if (probe >= 0) latencies.Note(probe, Steady::now());
    }
    rd_kafka_message_destroy(message);
  }
  for (int32_t p = 0; p < load.payment_partitions; ++p) rd_kafka_consume_stop(topic, p);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_destroy(topic);
  return latencies.Told();
}

}  // namespace catena::bench
