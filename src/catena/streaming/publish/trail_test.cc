// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/trail.h"

#include <gtest/gtest.h>

#include "catena/streaming/publish/enriched_record.h"

namespace catena::streaming {
namespace {

constexpr topic::TopicPartition kLeft = 3;

class TrailTest : public testing::Test {
 protected:
  void SetUp() override {
    topic_.name += testing::UnitTest::GetInstance()->current_test_info()->name();
    ASSERT_TRUE(topic::CreateTopic(topic_, 1).ok());
    writer_ = *topic::OpenTopicWriter(topic_, SystemClock());
    types::BatchBuilder builder(schema_);
    ASSERT_TRUE(builder.AppendRow(std::vector<types::Value>{int64_t{7}}).ok());
    row_ = builder.Build();
  }
  void Row(topic::Offset offset) { Append(*encoder_.Row(row_, 0, {kLeft, offset, 0}, 0, false)); }
  void Beat(topic::Offset next) {
    Heartbeat beat{.partitions = 4};
    beat.next_offsets[kLeft] = next;
    Append(*encoder_.Beat(beat));
  }
  void Append(const std::string& value) {
    ASSERT_TRUE(writer_->Append({{"", value, Timestamp::min()}}).ok());
  }

  topic::TopicAddress topic_{"memory", "", "trail_test_"};
  types::Schema schema_{{{"user", types::Kind::kLong}}};
  EnrichedEncoder encoder_ =
      *EnrichedEncoder::Open({"memory", "", "any"}, schema_, Heartbeats::kSent);
  std::unique_ptr<topic::TopicWriter> writer_;
  types::Batch row_;
};

TEST_F(TrailTest, TheLastBeatTellsOfTheRowsBeforeIt) {
  Row(98);
  Beat(100);
  Row(100);
  Row(102);
  const Trail trail = *FollowTrail(topic_, kLeft);
  EXPECT_EQ(trail.next_offset, 100);
  EXPECT_EQ(trail.rows, (std::vector<topic::Offset>{100, 102}));
}

// Its partition went to another process, which has published since.
TEST_F(TrailTest, ABeatOfOneWhoComesLateHidesNoRows) {
  Beat(100);
  Row(100);
  Row(101);
  Beat(100);
  Trail trail = *FollowTrail(topic_, kLeft);
  EXPECT_EQ(trail.next_offset, 100);
  EXPECT_EQ(trail.rows, (std::vector<topic::Offset>{100, 101}));
  Beat(102);
  Beat(100);
  Row(102);
  trail = *FollowTrail(topic_, kLeft);
  EXPECT_EQ(trail.next_offset, 102);
  EXPECT_EQ(trail.rows, std::vector<topic::Offset>{102});
}

}  // namespace
}  // namespace catena::streaming
