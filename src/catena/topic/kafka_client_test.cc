// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/kafka_client.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <memory>
#include <thread>

namespace catena::topic {
namespace {

constexpr int16_t kListOffsets = 2;

// A broker that has just come back does not know its topics for a moment.
class KafkaClientTest : public testing::Test {
 protected:
  void SetUp() override {
    TopicAddress address{"kafka", "localhost:1", "t"};
    address.parameters["test.mock.num.brokers"] = "1";
    client_ = KafkaClient::Open(RD_KAFKA_CONSUMER, address, {}).value();
    cluster_ = rd_kafka_handle_mock_cluster(client_->handle());
    ASSERT_NE(cluster_, nullptr);
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster_, "t", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  std::unique_ptr<KafkaClient> client_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

TEST_F(KafkaClientTest, OffsetsAreAskedForAgainOfABrokerThatDoesNotKnowTheTopicYet) {
  for (const auto code : {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                          RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART}) {
    SCOPED_TRACE(rd_kafka_err2name(code));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_mock_push_request_errors(cluster_, kListOffsets, 1, code);
    }
    const auto offsets = client_->OffsetsAt({{"t", 0}}, RD_KAFKA_OFFSET_END);
    EXPECT_TRUE(offsets.ok()) << offsets.error().message;
  }
}

TEST_F(KafkaClientTest, PartitionsAreAskedForAgainOfABrokerThatDoesNotKnowTheTopicYet) {
  rd_kafka_mock_topic_set_error(cluster_, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  std::jthread soon([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    rd_kafka_mock_topic_set_error(cluster_, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
  });
  const auto partitions = client_->Partitions();
  ASSERT_TRUE(partitions.ok()) << partitions.error().message;
  EXPECT_EQ(*partitions, 1);
}

}  // namespace
}  // namespace catena::topic
