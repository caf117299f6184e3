// SPDX-License-Identifier: Apache-2.0
// What is Kafka's own: properties, absent brokers, trimmed topics, transactions, other producers,
// topics that take small records only.

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catena/base/server_under_test.h"
#include "catena/topic/kafka_client.h"
#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

TopicAddress AddressOf(const std::string& brokers, const KafkaProperties& properties = {}) {
  return {.scheme = "kafka", .root = brokers, .name = "t", .parameters = properties};
}

Error ErrorOf(const KafkaProperties& properties) {
  return OpenTopicReader(AddressOf("127.0.0.1:1", properties)).error();
}

TEST(KafkaPropertiesTest, WhatLibrdkafkaDoesNotKnowIsNamed) {
  const Error error = ErrorOf({{"linger.msec", "1"}});
  EXPECT_EQ(error.code, ErrorCode::kInvalidConf);
  EXPECT_TRUE(error.message.ends_with(": linger.msec")) << error.message;
}

TEST(KafkaPropertiesTest, RefusedValuesAreShownUnlessSecret) {
  const Error shown = ErrorOf({{"security.protocol", "carrier_pigeon"}});
  EXPECT_EQ(shown.code, ErrorCode::kInvalidConf);
  EXPECT_NE(shown.message.find("carrier_pigeon"), std::string::npos) << shown.message;
  const Error hidden = ErrorOf({{"security.protocol", "ssl"}, {"ssl.key.pem", "hunter2"}});
  EXPECT_EQ(hidden.code, ErrorCode::kInvalidConf);
  EXPECT_EQ(hidden.message.find("hunter2"), std::string::npos) << hidden.message;
}

TEST(KafkaPropertiesTest, SaslAndTlsReachLibrdkafka) {
  // What it says of them without a broker: a mechanism needs its user.
  const Error error = ErrorOf({{"security.protocol", "sasl_ssl"}, {"sasl.mechanism", "PLAIN"}});
  EXPECT_EQ(error.code, ErrorCode::kInvalidConf);
  EXPECT_NE(error.message.find("sasl.username"), std::string::npos) << error.message;
}

TEST(KafkaPropertiesTest, OffsetsAreNotKafkas) {
  for (const char* name : {"enable.auto.commit", "auto.offset.reset"}) {
    const Error error = ErrorOf({{name, "true"}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidConf);
    EXPECT_NE(error.message.find(name), std::string::npos) << error.message;
  }
}

TEST(KafkaPropertiesTest, WhatAnAppendPromisesIsNotToBeTakenFromAWriter) {
  for (const auto& [name, value] : KafkaProperties{{"enable.idempotence", "false"},
                                                   {"enable.gapless.guarantee", "false"},
                                                   {"delivery.report.only.error", "true"},
                                                   {"transactional.id", "mine"}}) {
    const Error error =
        OpenTopicWriter(AddressOf("127.0.0.1:1", {{name, value}}), SystemClock()).error();
    EXPECT_EQ(error.code, ErrorCode::kInvalidConf);
    EXPECT_NE(error.message.find("not free"), std::string::npos) << error.message;
    EXPECT_TRUE(error.message.ends_with(": " + name)) << error.message;
  }
  // Who only reads may share its properties with other programs that write.
  EXPECT_EQ(ErrorOf({{"enable.idempotence", "false"}}).code, ErrorCode::kUnavailable);
}

TEST(KafkaPropertiesTest, ABrokerThatIsNotThereIsUnavailableAndNamed) {
  const Error error = ErrorOf({});
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_NE(error.message.find("127.0.0.1:1"), std::string::npos) << error.message;
}

struct Deleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_DeleteRecords_t* request) const {
    rd_kafka_DeleteRecords_destroy(request);
  }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};

class KafkaTopicTest : public testing::Test {
 protected:
  void SetUp() override {
    address_ = AddressOf(KafkaUnderTest());
    address_.name = std::string("own") + std::to_string(getpid()) + "_" +
                    testing::UnitTest::GetInstance()->current_test_info()->name();
    ASSERT_TRUE(CreateTopic(address_, 1).ok());
  }

  std::unique_ptr<KafkaClient> Producer(const KafkaProperties& properties = {}) {
    return KafkaClient::Open(RD_KAFKA_PRODUCER, address_, properties).value();
  }
  void Produce(KafkaClient* producer, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(rd_kafka_producev(producer->handle(), RD_KAFKA_V_TOPIC(address_.name.c_str()),
                                  RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_END),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ASSERT_EQ(rd_kafka_flush(producer->handle(), 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // What retention does in its own time.
  void Trim(Offset before) {
    const auto client = Producer();
    const std::unique_ptr<rd_kafka_topic_partition_list_t, Deleter> offsets(
        rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(offsets.get(), address_.name.c_str(), 0)->offset = before;
    const std::unique_ptr<rd_kafka_DeleteRecords_t, Deleter> request(
        rd_kafka_DeleteRecords_new(offsets.get()));
    const std::unique_ptr<rd_kafka_queue_t, Deleter> answers(rd_kafka_queue_new(client->handle()));
    rd_kafka_DeleteRecords_t* requests[] = {request.get()};
    rd_kafka_DeleteRecords(client->handle(), requests, 1, nullptr, answers.get());
    const std::unique_ptr<rd_kafka_event_t, Deleter> event(
        rd_kafka_queue_poll(answers.get(), 20'000));
    ASSERT_NE(event, nullptr);
    ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  void Grow(size_t partitions) {
    const auto client = Producer();
    char why[512];
    rd_kafka_NewPartitions_t* request =
        rd_kafka_NewPartitions_new(address_.name.c_str(), partitions, why, sizeof why);
    ASSERT_NE(request, nullptr) << why;
    const std::unique_ptr<rd_kafka_queue_t, Deleter> answers(rd_kafka_queue_new(client->handle()));
    rd_kafka_CreatePartitions(client->handle(), &request, 1, nullptr, answers.get());
    const std::unique_ptr<rd_kafka_event_t, Deleter> event(
        rd_kafka_queue_poll(answers.get(), 20'000));
    rd_kafka_NewPartitions_destroy(request);
    ASSERT_NE(event, nullptr);
    ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  TopicAddress address_;
};

TEST_F(KafkaTopicTest, WhoWatchesTheEndsOfATopicLearnsThatItHasGrown) {
  const auto ends = OpenTopicEnds({address_}).value();
  ASSERT_EQ(ends->Look()->at(0).size(), 1U);
  Grow(3);
  Status looked;
  for (int i = 0; i < 300 && looked.ok(); ++i) {
    looked = ends->Look().status();
    usleep(100'000);
  }
  ASSERT_FALSE(looked.ok());
  EXPECT_EQ(looked.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(looked.error().message.find("has 3, read 1"), std::string::npos)
      << looked.error().message;
  EXPECT_EQ(OpenTopicEnds({address_}).value()->Look()->at(0).size(), 3U);
}

TEST_F(KafkaTopicTest, WhatWasTrimmedIsNotFoundNeverSkipped) {
  Produce(Producer().get(), 10);
  const auto early = OpenTopicReader(address_).value();
  std::vector<Record> records;
  ASSERT_TRUE(early->Seek(0, 2).ok());
  Trim(6);
  const auto late = OpenTopicReader(address_).value();
  EXPECT_EQ(late->BeginOffset(0).value(), 6);
  EXPECT_EQ(late->EndOffset(0).value(), 10);
  EXPECT_EQ(late->Seek(0, 5).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(late->Poll(0, 100, &records).ok());
  EXPECT_EQ(records.at(0).offset, 6);
  // The trim may come before or after the first fetch; between them nothing is passed over.
  records.clear();
  Status status;
  while (status.ok() && (records.empty() || records.back().offset < 9)) {
    status = early->Poll(0, 1, &records);
  }
  if (!status.ok()) {
    EXPECT_EQ(status.error().code, ErrorCode::kNotFound) << status.error().message;
  }
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].offset, static_cast<Offset>(2 + i));
  }
}

TEST_F(KafkaTopicTest, RecordsWithoutKeyOrValueAreEmpty) {
  Produce(Producer().get(), 1);
  std::vector<Record> records;
  ASSERT_TRUE(OpenTopicReader(address_).value()->Poll(0, 10, &records).ok());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].key, "");
  EXPECT_EQ(records[0].value, "");
}

TEST_F(KafkaTopicTest, ARecordWithoutTimestampHasNoAppendTime) {
  const auto producer = Producer();
  ASSERT_EQ(rd_kafka_producev(producer->handle(), RD_KAFKA_V_TOPIC(address_.name.c_str()),
                              RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_TIMESTAMP(-1), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_EQ(rd_kafka_flush(producer->handle(), 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  std::vector<Record> records;
  ASSERT_TRUE(OpenTopicReader(address_).value()->Poll(0, 10, &records).ok());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].append_time, kNoAppendTime);
}

// In a topic whose records have at most so many bytes.
class SmallRecordsTest : public KafkaTopicTest {
 protected:
  static constexpr TopicPartition kPartitions = 3;

  void Create(const char* bytes_max) {
    address_.name += bytes_max;
    const auto client = Producer();
    char why[512];
    rd_kafka_NewTopic_t* topic =
        rd_kafka_NewTopic_new(address_.name.c_str(), kPartitions, -1, why, sizeof(why));
    rd_kafka_NewTopic_set_config(topic, "max.message.bytes", bytes_max);
    const std::unique_ptr<rd_kafka_queue_t, Deleter> answers(rd_kafka_queue_new(client->handle()));
    rd_kafka_CreateTopics(client->handle(), &topic, 1, nullptr, answers.get());
    const std::unique_ptr<rd_kafka_event_t, Deleter> event(
        rd_kafka_queue_poll(answers.get(), 20'000));
    rd_kafka_NewTopic_destroy(topic);
    ASSERT_NE(event, nullptr);
    ASSERT_TRUE(CreateTopic(address_, kPartitions).ok());  // Waits for leaders.
  }
  static std::vector<OutRecord> Records(int count, const std::vector<int>& large) {
    std::vector<OutRecord> records;
    for (int i = 0; i < count; ++i) {
      const bool is_large = std::find(large.begin(), large.end(), i) != large.end();
      std::string value = std::to_string(i);
      value.resize(is_large ? 60'000 : 1'000, ' ');
      records.push_back({"key " + std::to_string(i % 20), std::move(value), Timestamp::min()});
    }
    return records;
  }
  // By partition, in order.
  std::vector<std::vector<int>> Appended() const {
    std::vector<std::vector<int>> all;
    const auto reader = OpenTopicReader(address_).value();
    for (TopicPartition p = 0; p < kPartitions; ++p) {
      std::vector<Record> records;
      while (reader->Position(p) < reader->EndOffset(p).value()) {
        const Status polled = reader->Poll(p, 10'000, &records);
        if (polled.ok()) continue;
        EXPECT_EQ(polled.error().code, ErrorCode::kUnavailable) << polled.error().message;
      }
      all.emplace_back();
      for (const Record& record : records) all.back().push_back(std::stoi(record.value));
    }
    return all;
  }
};

TEST_F(SmallRecordsTest, ALargerOneIsLeftOutAndTheOthersAreThereInOrder) {
  Create("20000");
  const std::vector<OutRecord> records = Records(200, {20, 41, 42, 199});
  const auto writer = OpenTopicWriter(address_, SystemClock()).value();
  EXPECT_EQ(writer->Append({records[20]}).error().code, ErrorCode::kInvalidData);
  const auto appended = writer->AppendFitting(records);
  ASSERT_TRUE(appended.ok()) << appended.error().message;
  ASSERT_EQ(appended->refused.size(), 4u);
  EXPECT_NE(appended->refused.at(199).find("max.message.bytes"), std::string::npos);
  EXPECT_EQ(appended->places.size(), 196u);
  size_t there = 0;
  for (const std::vector<int>& partition : Appended()) {
    EXPECT_TRUE(std::is_sorted(partition.begin(), partition.end()));
    EXPECT_EQ(std::set<int>(partition.begin(), partition.end()).size(), partition.size());
    there += partition.size();
  }
  EXPECT_EQ(there, 196u);
  std::vector<Offset> next(kPartitions);
  for (const auto& [partition, offset] : appended->places) {
    EXPECT_EQ(offset, next[static_cast<size_t>(partition)]++);
  }
}

TEST_F(SmallRecordsTest, ManySmallOnesAreNotTooMuchAtOnce) {
  Create("3000");
  const auto writer = OpenTopicWriter(address_, SystemClock()).value();
  for (int round = 1; round <= 3; ++round) {
    const auto appended = writer->AppendFitting(Records(100, {}));
    ASSERT_TRUE(appended.ok()) << appended.error().message;
    EXPECT_TRUE(appended->refused.empty());
    size_t there = 0;
    for (const std::vector<int>& partition : Appended()) there += partition.size();
    EXPECT_EQ(there, 100u * static_cast<size_t>(round));
  }
}

TEST_F(KafkaTopicTest, TheEndOfATransactionIsNoRecord) {
  const auto producer = Producer({{"transactional.id", address_.name}});
  const auto done = [](rd_kafka_error_t* error) {
    const std::unique_ptr<rd_kafka_error_t, Deleter> owned(error);
    ASSERT_EQ(error, nullptr) << rd_kafka_error_string(error);
  };
  done(rd_kafka_init_transactions(producer->handle(), 20'000));
  done(rd_kafka_begin_transaction(producer->handle()));
  Produce(producer.get(), 3);
  done(rd_kafka_commit_transaction(producer->handle(), 20'000));
  const auto reader = OpenTopicReader(address_).value();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (reader->EndOffset(0).value() < 4 && std::chrono::steady_clock::now() < give_up) {
  }  // The broker writes the end of a transaction in its own time.
  ASSERT_EQ(reader->EndOffset(0).value(), 4);
  std::vector<Record> records;
  ASSERT_TRUE(reader->Poll(0, 100, &records).ok());
  EXPECT_EQ(records.size(), 3u);
  ASSERT_TRUE(reader->Poll(0, 100, &records).ok());  // At the end, though the last was number 2.
  EXPECT_EQ(records.size(), 3u);
  EXPECT_EQ(reader->Position(0), 4);
}

TEST_F(KafkaTopicTest, CommitIsWhatLagToolsSee) {
  Produce(Producer().get(), 5);
  address_.consumer = address_.name;
  const auto reader = OpenTopicReader(address_).value();
  ASSERT_TRUE(reader->Commit({{0, 4}}).ok());
  const auto tool =
      KafkaClient::Open(RD_KAFKA_CONSUMER, address_, {{"group.id", address_.consumer}}).value();
  const std::unique_ptr<rd_kafka_topic_partition_list_t, Deleter> list(
      rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), address_.name.c_str(), 0);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  do {
    ASSERT_EQ(rd_kafka_committed(tool->handle(), list.get(), 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  } while (list->elems[0].offset != 4 && std::chrono::steady_clock::now() < give_up);
  EXPECT_EQ(list->elems[0].offset, 4);
}

}  // namespace
}  // namespace catena::topic
