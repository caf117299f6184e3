// SPDX-License-Identifier: Apache-2.0
// A member of a consumer group, against librdkafka's mock broker: what a real one cannot be made to
// do. tests/share_test.py has real ones.

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

#include "catena/topic/kafka_client.h"
#include "catena/topic/partition_share.h"

namespace {

// While it says so, no thread but this test's gets memory.
std::atomic<bool> starves{false};
std::atomic<int> refused{0};
thread_local bool is_fed = false;

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  if (starves && !is_fed) {
    ++refused;
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace catena::topic {
namespace {

constexpr std::chrono::seconds kPatience{20};
const std::set<TopicPartition> kBoth = {0, 1};

template <typename Condition>
bool Becomes(const Condition& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

class KafkaShareTest : public testing::Test {
 protected:
  void SetUp() override {
    is_fed = true;
    TopicAddress broker{"kafka", "localhost:1", "t"};
    broker.parameters["test.mock.num.brokers"] = "1";
    broker_ = KafkaClient::Open(RD_KAFKA_PRODUCER, broker, {}).value();
    rd_kafka_mock_cluster_t* const cluster = rd_kafka_handle_mock_cluster(broker_->handle());
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster, "t", 2, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    address_ = {"kafka", rd_kafka_mock_cluster_bootstraps(cluster), "t"};
  }

  std::unique_ptr<KafkaClient> broker_;
  TopicAddress address_;
};

TEST_F(KafkaShareTest, WhatMemoryHadNoRoomForIsCaughtUpWith) {
  address_.parameters["log_level"] = "0";  // So that it is what is assigned that lacks memory.
  refused = 0;
  starves = true;
  const auto share = JoinPartitionShare(address_, "group");
  const bool was_told = Becomes([] { return refused > 0; });
  starves = false;
  ASSERT_TRUE(share.ok()) << share.error().message;
  ASSERT_TRUE(was_told);
  EXPECT_TRUE(Becomes([&] { return (*share)->Assigned() == kBoth; }));
  EXPECT_TRUE((*share)->Take(1));
}

TEST_F(KafkaShareTest, ALineOfTheLogThatMemoryHasNoRoomForIsLeftOut) {
  refused = 0;
  starves = true;
  const auto nobody = KafkaClient::Open(RD_KAFKA_CONSUMER, {"kafka", "127.0.0.1:1", "t"}, {});
  const bool was_told = Becomes([] { return refused > 0; });
  starves = false;
  EXPECT_TRUE(nobody.ok() && was_told);
}

TEST_F(KafkaShareTest, AGroupIdForLagToolsIsNotTheShares) {
  address_.parameters["group.id"] = "lag";
  const auto one = JoinPartitionShare(address_, "one").value();
  const auto other = JoinPartitionShare(address_, "other").value();
  EXPECT_TRUE(Becomes([&] { return one->Assigned() == kBoth && other->Assigned() == kBoth; }));
}

TEST_F(KafkaShareTest, AnotherStrategyIsRefused) {
  address_.parameters["partition.assignment.strategy"] = "range";
  const Error error = JoinPartitionShare(address_, "group").error();
  EXPECT_EQ(error.code, ErrorCode::kInvalidConf);
  EXPECT_NE(error.message.find("partition.assignment.strategy"), std::string::npos);
}

}  // namespace
}  // namespace catena::topic
