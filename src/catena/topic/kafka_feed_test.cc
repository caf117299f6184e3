// SPDX-License-Identifier: Apache-2.0
// Readers that share the feeds of one consumer, against the naive twin: the logs of its topics, and
// where in them each reader is.

#include "catena/topic/kafka_feed.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/random.h"
#include "catena/base/server_under_test.h"
#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

class KafkaFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<TopicAddress> addresses(topics_.size());
    for (size_t t = 0; t < topics_.size(); ++t) {
      addresses[t].scheme = "kafka";
      addresses[t].root = KafkaUnderTest();
      addresses[t].name = "feed" + std::to_string(getpid()) + "_" + std::to_string(t) +
                          testing::UnitTest::GetInstance()->current_test_info()->name();
      ASSERT_TRUE(CreateTopic(addresses[t], 1).ok());
    }
    const auto feeds = OpenTopicFeeds(addresses).value();
    for (size_t t = 0; t < topics_.size(); ++t) {
      topics_[t].address = addresses[t];
      topics_[t].writer = OpenTopicWriter(addresses[t], SystemClock()).value();
      topics_[t].feed = feeds[t];
    }
  }

  struct Topic {
    TopicAddress address;
    std::unique_ptr<TopicWriter> writer;
    std::shared_ptr<TopicFeed> feed;
    std::vector<std::string> log;  // Values by offset.
  };
  void Append(size_t count, size_t bytes, size_t topic = 0) {
    std::vector<std::string>& log = topics_[topic].log;
    std::vector<OutRecord> records;
    for (size_t i = 0; i < count; ++i) {
      log.push_back(std::to_string(topic) + ":" + std::to_string(log.size()) +
                    std::string(bytes, '.'));
      records.push_back({"key", log.back()});
    }
    ASSERT_TRUE(topics_[topic].writer->Append(records).ok());
  }

  struct Sharer {
    std::unique_ptr<TopicReader> reader;
    const std::vector<std::string>* log;
    size_t next = 0;  // In the log.
  };
  Sharer Open(size_t topic = 0) {
    return {OpenTopicReader(topics_[topic].address, topics_[topic].feed).value(),
            &topics_[topic].log};
  }
  // Polls, and compares what comes with the log; returns how many came.
  size_t Poll(Sharer* sharer, size_t records_max, bool all_there) {
    std::vector<Record> records;
    const Status status = all_there ? sharer->reader->Poll(0, records_max, &records)
                                    : sharer->reader->PollArrived(0, records_max, &records);
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_LE(records.size(), records_max);
    for (const Record& record : records) {
      EXPECT_EQ(record.offset, static_cast<Offset>(sharer->next));
      EXPECT_TRUE(record.value == sharer->log->at(sharer->next)) << "at offset " << record.offset;
      ++sharer->next;
    }
    EXPECT_EQ(sharer->reader->Position(0), static_cast<Offset>(sharer->next));
    return records.size();
  }
  void PollToTheEnd(Sharer* sharer) {
    while (Poll(sharer, 100, /*all_there=*/true) > 0) {
    }
    EXPECT_EQ(sharer->next, sharer->log->size());
  }

  std::array<Topic, 2> topics_;
};

TEST_F(KafkaFeedTest, EachGetsEveryRecordOnceWhateverTheOthersDo) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::vector<Sharer> sharers;
  for (size_t i = 0; i < 5; ++i) sharers.push_back(Open(i % 2));
  for (int step = 0; step < 800 && !HasFailure(); ++step) {
    Sharer& sharer = sharers[random.Below(sharers.size())];
    switch (random.Below(8)) {
      case 0:
      case 1:
        Append(1 + random.Below(20), random.OneIn(4) ? random.Below(200'000) : 10,
               random.Below(topics_.size()));
        break;
      case 2:
        if (!random.OneIn(4)) break;
        sharer.next = random.Below(sharer.log->size() + 1);
        ASSERT_TRUE(sharer.reader->Seek(0, static_cast<Offset>(sharer.next)).ok());
        break;
      case 3:
        if (!random.OneIn(4)) break;
        sharer.reader->Leave(0);
        sharer.next = 0;  // What is polled without a Seek begins with the earliest.
        break;
      case 4:
        ASSERT_TRUE(sharer.reader->Wait(Millis{1}).ok());
        break;
      default:
        Poll(&sharer, 1 + random.Below(50), random.OneIn(2));
    }
  }
  for (Sharer& sharer : sharers) PollToTheEnd(&sharer);
}

TEST_F(KafkaFeedTest, WhoFallsFarBehindMissesNothingAndComesBack) {
  Sharer first = Open();
  Sharer second = Open();
  Append(1, 10);
  PollToTheEnd(&first);
  PollToTheEnd(&second);
  for (int i = 0; i < 12; ++i) {  // 24 MiB, where 8 are kept.
    Append(20, 100 << 10);
    PollToTheEnd(&first);
  }
  PollToTheEnd(&second);
  for (int i = 0; i < 20; ++i) {
    Append(1, 10);
    PollToTheEnd(&first);
    PollToTheEnd(&second);
  }
}

// A reader that is waited for would otherwise sleep while another one takes what woke both.
TEST_F(KafkaFeedTest, WhatOneTookWakesTheOthers) {
  Sharer first = Open();
  Sharer second = Open();
  Append(1, 10);
  PollToTheEnd(&first);
  PollToTheEnd(&second);
  for (int i = 0; i < 20; ++i) {
    Append(1, 10);
    PollToTheEnd(&first);
    ASSERT_TRUE(second.reader->Wait(kDay).ok());
    EXPECT_EQ(Poll(&second, 10, /*all_there=*/false), 1u);
  }
}

TEST_F(KafkaFeedTest, TheFeedGoesOnWithoutItsFirstReader) {
  Append(10, 10);
  auto first = std::make_unique<Sharer>(Open());
  Sharer second = Open();
  EXPECT_EQ(Poll(first.get(), 5, /*all_there=*/true), 5u);
  EXPECT_EQ(Poll(&second, 3, /*all_there=*/true), 3u);
  first.reset();
  Append(10, 10);
  PollToTheEnd(&second);
}

}  // namespace
}  // namespace catena::topic
