// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/dead_letter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "catena/base/bytes.h"
#include "catena/testing/property.h"

namespace catena::streaming {
namespace {

using ::testing::HasSubstr;

class DeadLetterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    address_ = *topic::ParseTopicAddress("again", "memory:", {});
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    address_.name += std::string(".") + test->name() + std::to_string(++worlds_);
    ASSERT_TRUE(topic::CreateTopic(address_, 3).ok());
  }

  void Keep(topic::TopicPartition partition, topic::Offset offset, const std::string& value) {
    const topic::Record record{partition, offset, FromMillis(1000 + offset), "k" + value, value};
    ASSERT_TRUE(store_->Apply({{DeadLetterPut("t", record, "broken")}, {}}).ok());
  }

  Result<Replay> ReplayAll() {
    return ReplayDeadLetters(store_.get(), "t", address_, SystemClock());
  }

  std::multiset<std::string> Appended() {
    std::multiset<std::string> values;
    const auto reader = *topic::OpenTopicReader(address_);
    for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
      std::vector<topic::Record> records;
      EXPECT_TRUE(reader->Poll(p, 100'000, &records).ok());
      for (const topic::Record& record : records) {
        EXPECT_EQ(record.key, "k" + record.value);
        values.insert(record.value);
      }
    }
    return values;
  }

  topic::TopicAddress address_;
  std::unique_ptr<kv::KVStore> store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  static inline int worlds_ = 0;
};

TEST_F(DeadLetterTest, KeepsWhereItStoodAndWhy) {
  Keep(2, 7, "x");
  const topic::Record other{0, 1, FromMillis(5), "", "y"};
  ASSERT_TRUE(store_->Apply({{DeadLetterPut("other", other, "odd")}, {}}).ok());
  std::vector<std::string> seen;
  ASSERT_TRUE(VisitDeadLetters(store_.get(), "t", [&](const std::string&, const DeadLetter& one) {
                seen.push_back(one.reason + one.record.key + one.record.value);
                EXPECT_EQ(one.record.partition, 2);
                EXPECT_EQ(one.record.offset, 7);
                EXPECT_EQ(ToMillis(one.record.append_time), 1007);
                return true;
              }).ok());
  EXPECT_EQ(seen, std::vector<std::string>{"brokenkxx"});
}

TEST_F(DeadLetterTest, ReadsLettersOfTheFirstVersionsAndRefusesOtherBytes) {
  std::string bytes;
  AppendSized(&bytes, "why");
  AppendSized(&bytes, "what");
  ASSERT_TRUE(store_->Apply({{{kDeadLetterDataset, "t", {FromMillis(1), 0, bytes}}}, {}}).ok());
  const auto visit = [](const std::string&, const DeadLetter& one) {
    return one.record.value == "what";
  };
  EXPECT_TRUE(VisitDeadLetters(store_.get(), "t", visit).ok());
  ASSERT_TRUE(store_->Apply({{{kDeadLetterDataset, "t", {FromMillis(2), 0, "\xff"}}}, {}}).ok());
  EXPECT_EQ(VisitDeadLetters(store_.get(), "t", visit).error().code, ErrorCode::kCorruption);
}

TEST_F(DeadLetterTest, ReplaysEachLetterOnce) {
  Keep(0, 3, "a");
  Keep(1, 9, "b");
  EXPECT_EQ(ReplayAll()->records, 2);
  EXPECT_EQ(ReplayAll()->records, 0);
  Keep(0, 4, "c");
  Keep(2, 0, "d");
  EXPECT_EQ(ReplayAll()->records, 2);
  EXPECT_EQ(Appended(), (std::multiset<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(ReplayedLetters(store_.get(), "t")->each.at(0), (std::set<topic::Offset>{3, 4}));
}

// As of a GroupBy that is reset, and refuses what it had taken, or of another one of the topic.
TEST_F(DeadLetterTest, LettersOfEarlierRecordsThatCameAfterAReplayAreReplayed) {
  Keep(0, 9, "late");
  EXPECT_EQ(ReplayAll()->records, 1);
  Keep(0, 9, "late");
  Keep(0, 2, "early");
  EXPECT_EQ(ReplayAll()->records, 1);
  EXPECT_EQ(ReplayAll()->records, 0);
  EXPECT_EQ(Appended(), (std::multiset<std::string>{"early", "late"}));
}

TEST_F(DeadLetterTest, WhatTheFirstVersionsReplayedIsNotReplayedAgain) {
  Keep(0, 3, "done");
  Keep(0, 7, "new");
  std::string bytes;
  for (const uint64_t number : {1, 0, 5}) AppendVarint(&bytes, number);  // Of partition 0, below 5.
  AppendSized(&bytes, "");
  AppendVarint(&bytes, 0);
  ASSERT_TRUE(store_->Apply({{}, {{kDeadLetterDataset, "replay/t", bytes}}}).ok());
  EXPECT_EQ(ReplayAll()->records, 1);
  Keep(0, 4, "refused later");
  EXPECT_EQ(ReplayAll()->records, 1);
  EXPECT_EQ(Appended(), (std::multiset<std::string>{"new", "refused later"}));
}

TEST_F(DeadLetterTest, AnInterruptedReplayIntoATopicThatHasGrownSinceDoublesNothing) {
  const auto writer = *topic::OpenTopicWriter(address_, SystemClock());
  std::string value = "a";  // Of the last partition, which was not there when the replay began.
  while (writer->Append({{"k" + value, value}})->at(0).first != 2) value += "a";
  const size_t others = value.size() - 1;
  Keep(0, 3, value);
  std::string bytes;
  AppendVarint(&bytes, 0);
  AppendSized(&bytes, topic::TopicURL(address_));
  for (const uint64_t number : {2, 0, 0}) AppendVarint(&bytes, number);  // Two partitions, empty.
  ASSERT_TRUE(store_->Apply({{}, {{kDeadLetterDataset, "replay/t", bytes}}}).ok());
  const auto replay = ReplayAll();
  ASSERT_TRUE(replay.ok()) << replay.error().message;
  EXPECT_EQ(replay->records, 0);
  EXPECT_EQ(replay->resumed, 1);
  EXPECT_EQ(Appended().size(), others + 1);
}

// Interrupted by a letter that does not decode, after it had said what it is about to do.
TEST_F(DeadLetterTest, AnInterruptedReplayLosesAndDoublesNothing) {
  testing::ForSeeds(60, [&](Random& random) {
    store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    SetUp();
    std::multiset<std::string> expected;
    for (topic::Offset offset = 0; offset < 40; ++offset) {
      const std::string value = "v" + std::to_string(random.Below(25));  // Some are alike.
      Keep(static_cast<topic::TopicPartition>(random.Below(3)), offset, value);
      expected.insert(value);
    }
    const kv::TimedValue odd{FromMillis(1050), 50, "\xff"};
    ASSERT_TRUE(store_->Apply({{{kDeadLetterDataset, "t", odd}}, {}}).ok());
    EXPECT_EQ(ReplayAll().error().code, ErrorCode::kCorruption);
    Keep(0, 50, "last");
    expected.insert("last");
    const auto writer = *topic::OpenTopicWriter(address_, SystemClock());
    size_t some = random.Below(expected.size() + 1);
    for (auto value = expected.begin(); some > 0; ++value, --some) {
      ASSERT_TRUE(writer->Append({{"k" + *value, *value}}).ok());
    }
    topic::TopicAddress elsewhere = address_;
    elsewhere.name = address_.name + ".elsewhere";
    ASSERT_TRUE(topic::CreateTopic(elsewhere, 1).ok());
    EXPECT_THAT(ReplayDeadLetters(store_.get(), "t", elsewhere, SystemClock()).error().message,
                HasSubstr("end it with --into " + topic::TopicURL(address_)));
    const Result<Replay> replay = ReplayAll();
    ASSERT_TRUE(replay.ok()) << replay.error().message;
    EXPECT_EQ(replay->records + replay->resumed, 41);
    EXPECT_EQ(Appended(), expected);
    EXPECT_EQ(ReplayAll()->records, 0);
  });
}

}  // namespace
}  // namespace catena::streaming
