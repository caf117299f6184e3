// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/kafka_client.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

namespace catena::topic {
namespace {

constexpr int16_t kListOffsets = 2;

// A broker that has just come back does not know its topics for a moment.
TEST(KafkaClientTest, OffsetsAreAskedForAgainOfABrokerThatDoesNotKnowTheTopicYet) {
  TopicAddress address{"kafka", "localhost:1", "t"};
  address.parameters["test.mock.num.brokers"] = "1";
  const auto client = KafkaClient::Open(RD_KAFKA_CONSUMER, address, {}).value();
  rd_kafka_mock_cluster_t* cluster = rd_kafka_handle_mock_cluster(client->handle());
  ASSERT_NE(cluster, nullptr);
  ASSERT_EQ(rd_kafka_mock_topic_create(cluster, "t", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  for (const auto code : {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                          RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART}) {
    SCOPED_TRACE(rd_kafka_err2name(code));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_mock_push_request_errors(cluster, kListOffsets, 1, code);
    }
    const auto offsets = client->OffsetsAt({{"t", 0}}, RD_KAFKA_OFFSET_END);
    EXPECT_TRUE(offsets.ok()) << offsets.error().message;
  }
}

}  // namespace
}  // namespace catena::topic
