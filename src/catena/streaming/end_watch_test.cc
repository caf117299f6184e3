// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/end_watch.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <new>

#include "catena/base/random.h"

namespace catena::streaming {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr topic::TopicPartition kPartitions = 2;

class EndWatchTest : public testing::Test {
 protected:
  EndWatchTest() {
    for (const std::string name : {"end-watch-left", "end-watch-right"}) {
      topics_.push_back(topic::ParseTopicAddress("memory:" + name, "memory:").value());
      EXPECT_TRUE(topic::CreateTopic(topics_.back(), kPartitions).ok());
      writers_.push_back(topic::OpenTopicWriter(topics_.back(), clock_).value());
    }
    watch_ = EndWatch::Open(topics_, &clock_).value();
    appended_ = Await(*Ask()).offsets;  // Of the tests before.
  }
  void Append(size_t topic) {
    const auto placed = writers_[topic]->Append({{"key", "value"}}).value();
    appended_[topic][static_cast<size_t>(placed[0].first)] = placed[0].second + 1;
  }
  std::shared_ptr<const EndWatch::Look> Ask() { return watch_->Ask(news_); }
  EndWatch::Ends Await(const EndWatch::Look& look) {
    while (true) {
      const uint64_t told = news_->Told();
      const EndWatch::Ends* ends = watch_->Answer(look).value();
      if (ends != nullptr) return *ends;
      news_->Await(told, std::chrono::minutes(1));
    }
  }

  SimulatedClock clock_{FromMillis(kNow)};
  std::vector<topic::TopicAddress> topics_;
  std::vector<std::unique_ptr<topic::TopicWriter>> writers_;
  std::shared_ptr<News> news_ = std::make_shared<News>();
  std::unique_ptr<EndWatch> watch_;
  std::vector<std::vector<topic::Offset>> appended_;
};

// Whatever was appended before the question is in the answer, and the moment told is not after it.
TEST_F(EndWatchTest, AnAnswerHoldsAllThatWasThereWhenItWasAskedFor) {
  Random random(20261127);
  for (int i = 0; i < 300; ++i) {
    for (uint64_t n = random.Below(3); n > 0; --n) Append(random.Below(2));
    clock_.Advance(Millis{1});
    const Timestamp asked_at = clock_.Now();
    const EndWatch::Ends ends = Await(*Ask());
    EXPECT_EQ(ends.offsets, appended_);
    EXPECT_EQ(ends.began, asked_at);
  }
}

// Several askers, while records never stop coming: look-ups overlap, and none tells less than what
// its asker knew of, nor more than what was there when it had been answered.
TEST_F(EndWatchTest, LookUpsThatOverlapAreNoEarlierThanTheirQuestions) {
  constexpr int kAskers = 3;
  std::array<std::atomic<topic::Offset>, kPartitions> known{};
  for (size_t p = 0; p < known.size(); ++p) known[p] = appended_[1][p];
  std::atomic<bool> is_over = false;
  std::vector<std::jthread> askers;
  for (int asker = 0; asker < kAskers; ++asker) {
    askers.emplace_back([&] {
      const auto news = std::make_shared<News>();
      while (!is_over) {
        std::array<topic::Offset, kPartitions> before{};
        for (size_t p = 0; p < known.size(); ++p) before[p] = known[p];
        const auto look = watch_->Ask(news);
        const EndWatch::Ends* ends = nullptr;
        while (ends == nullptr) {
          const uint64_t told = news->Told();
          ends = watch_->Answer(*look).value();
          if (ends == nullptr) news->Await(told, std::chrono::minutes(1));
        }
        for (size_t p = 0; p < known.size(); ++p) EXPECT_GE(ends->offsets[1][p], before[p]);
      }
    });
  }
  Random random(20261128);
  for (int i = 0; i < 3000; ++i) {
    const auto placed =
        writers_[1]->Append({{std::to_string(random.Below(1000)), "value"}}).value();
    known[static_cast<size_t>(placed[0].first)] = placed[0].second + 1;
  }
  is_over = true;
  askers.clear();
}

TEST_F(EndWatchTest, OneLookUpServesAllWhoAskedBeforeItBegan) {
  std::map<const EndWatch::Look*, std::shared_ptr<const EndWatch::Look>> looks;
  for (int i = 0; i < 1000; ++i) {
    const auto look = Ask();
    looks[look.get()] = look;
  }
  for (const auto& [at, look] : looks) Await(*look);
  EXPECT_LT(looks.size(), 1000U);
  const auto next = Ask();
  EXPECT_FALSE(looks.contains(next.get()));
  Await(*next);
}

TEST_F(EndWatchTest, AnAnswerStaysWhatItIs) {
  Append(1);
  const auto look = Ask();
  const std::vector<std::vector<topic::Offset>> then = Await(*look).offsets;
  Append(1);
  EXPECT_EQ(Await(*Ask()).offsets, appended_);
  EXPECT_EQ(Await(*look).offsets, then);
  EXPECT_NE(then, appended_);
}

TEST_F(EndWatchTest, WhoeverAskedIsTold) {
  const auto other = std::make_shared<News>();
  const uint64_t told = other->Told();
  const auto look = watch_->Ask(other);
  while (other->Told() == told) other->Await(told, std::chrono::minutes(1));
  EXPECT_NE(watch_->Answer(*look).value(), nullptr);
}

class EndsWithoutMemory : public topic::TopicEnds {
 public:
  Result<std::vector<std::vector<topic::Offset>>> Look() override { throw std::bad_alloc(); }
};

TEST_F(EndWatchTest, WhereMemoryRunsOutWhoeverAskedIsTold) {
  EndWatch watch(std::make_unique<EndsWithoutMemory>(), &clock_);
  const auto look = watch.Ask(news_);
  uint64_t told = news_->Told();
  while (watch.Answer(*look).ok()) {
    news_->Await(told, std::chrono::minutes(1));
    told = news_->Told();
  }
  EXPECT_EQ(watch.Answer(*look).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace catena::streaming
