// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/heart.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>

#include "catena/kv/kv_store.h"

namespace catena::streaming {
namespace {

// By which the topic stamps what is appended: there memory runs out.
class StarvedClock : public Clock {
 public:
  Timestamp Now() const override {
    if (is_starved) throw std::bad_alloc();
    return FromMillis(1'700'000'000'000);
  }
  std::atomic<bool> is_starved = false;
};

TEST(HeartTest, WhereMemoryRunsOutItFailsAndTheProcessGoesOn) {
  const topic::TopicAddress topic{"memory", "", "heart_test"};
  ASSERT_TRUE(topic::CreateTopic(topic, 2).ok());
  const auto store = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  kv::CachedStore cached(store.get(), 0);
  StarvedClock clock;
  PublisherParts parts{.join = "parent", .rows = {{{"user", types::Kind::kLong}}}, .key = {"user"}};
  parts.topic = topic;
  parts.heartbeats = Heartbeats::kSent;
  const auto publisher = *Publisher::Open(std::move(parts), &cached, &clock);
  Progress progress;
  progress.Register("parent", 1);
  progress.Cell("parent", 0).RaiseWatermark(5);
  Heart heart(publisher.get(), &progress);
  clock.is_starved = true;
  heart.Start();
  for (int i = 0; i < 20'000 && heart.failure().ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_FALSE(heart.failure().ok());
  EXPECT_EQ(heart.failure().error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(heart.Finish().ok());
  Heart last(publisher.get(), &progress);
  EXPECT_EQ(last.Finish().error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace catena::streaming
