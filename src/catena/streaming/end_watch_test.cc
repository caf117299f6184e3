// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/end_watch.h"

#include <gtest/gtest.h>

#include "catena/base/random.h"

namespace catena::streaming {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

EndWatch::Ends Await(const EndWatch& watch, const EndWatch::Look& look) {
  while (true) {
    const EndWatch::Ends* ends = watch.Answer(look).value();
    if (ends != nullptr) return *ends;
    std::this_thread::yield();
  }
}

class EndWatchTest : public testing::Test {
 protected:
  EndWatchTest() {
    topic_ = topic::ParseTopicAddress("memory:end-watch", "memory:").value();
    EXPECT_TRUE(topic::CreateTopic(topic_, 2).ok());
    writer_ = topic::OpenTopicWriter(topic_, clock_).value();
    watch_ = EndWatch::Open(topic_, &clock_).value();
  }
  void Append() {
    const auto placed = writer_->Append({{"key", "value"}}).value();
    appended_[static_cast<size_t>(placed[0].first)] = placed[0].second + 1;
  }

  SimulatedClock clock_{FromMillis(kNow)};
  topic::TopicAddress topic_;
  std::unique_ptr<topic::TopicWriter> writer_;
  std::unique_ptr<EndWatch> watch_;
  std::vector<topic::Offset> appended_{0, 0};
};

// Whatever was appended before the question is in the answer, and the moment told is not after it.
TEST_F(EndWatchTest, AnAnswerHoldsAllThatWasThereWhenItWasAskedFor) {
  Random random(20261127);
  appended_ = Await(*watch_, *watch_->Ask()).offsets;
  for (int i = 0; i < 300; ++i) {
    for (uint64_t n = random.Below(3); n > 0; --n) Append();
    clock_.Advance(Millis{1});
    const Timestamp asked_at = clock_.Now();
    const EndWatch::Ends ends = Await(*watch_, *watch_->Ask());
    EXPECT_EQ(ends.offsets, appended_);
    EXPECT_EQ(ends.began, asked_at);
  }
}

TEST_F(EndWatchTest, OneLookUpServesAllWhoAskedBeforeItBegan) {
  std::vector<std::shared_ptr<const EndWatch::Look>> looks;
  for (int i = 0; i < 1000; ++i) looks.push_back(watch_->Ask());
  for (const auto& look : looks) Await(*watch_, *look);
  const auto next = watch_->Ask();
  EXPECT_NE(next, looks.back());
  Await(*watch_, *next);
}

TEST_F(EndWatchTest, AnAnswerStaysWhatItIs) {
  Append();
  const auto look = watch_->Ask();
  const std::vector<topic::Offset> then = Await(*watch_, *look).offsets;
  Append();
  EXPECT_EQ(Await(*watch_, *watch_->Ask()).offsets, appended_);
  EXPECT_EQ(Await(*watch_, *look).offsets, then);
  EXPECT_NE(then, appended_);
}

}  // namespace
}  // namespace catena::streaming
