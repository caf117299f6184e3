// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/job.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <set>

#include "catena/base/metrics.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/streaming/dead_letter.h"
#include "catena/streaming/job_under_test.h"
#include "catena/streaming/wrapped_store.h"

namespace catena::streaming {
namespace {

// A store that loses the answers to some folds, at first: what was asked may have been done or not.
class UnreliableStore : public WrappedStore {
 public:
  UnreliableStore(std::unique_ptr<kv::KVStore> store, uint64_t seed, int losses)
      : WrappedStore(std::move(store)), random_(seed), losses_left_(losses) {}

  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    const std::lock_guard lock(mutex_);
    const bool is_fold = !batch.puts.empty();
    if (!is_fold || losses_left_ == 0 || !random_.OneIn(3)) {
      return WrappedStore::Apply(batch, durable);
    }
    --losses_left_;
    const bool is_done = random_.OneIn(2);
    if (is_done) CATENA_RETURN_IF_ERROR(WrappedStore::Apply(batch, durable));
    return Unavailable("the answer was lost");
  }
  int losses_left() const { return losses_left_; }

 private:
  std::mutex mutex_;
  Random random_;
  std::atomic<int> losses_left_;
};

// Has no memory left for its first syncs.
class StarvedStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;

  Status Sync() override {
    if (starved_syncs_ > 0) {
      --starved_syncs_;
      throw std::bad_alloc();
    }
    const Status synced = WrappedStore::Sync();
    is_synced_ = synced.ok();
    return synced;
  }
  // After it was starved: the job went on.
  bool is_synced() const { return is_synced_; }

 private:
  std::atomic<int> starved_syncs_{2};
  std::atomic<bool> is_synced_{false};
};

// Knows what of a job the monitor shows when its first state is to be stored: what a kill before
// that would leave.
class FirstCommitStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;

  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    const std::lock_guard lock(mutex_);
    if (!batch.puts.empty() && !reported_) {
      reported_.emplace();
      CATENA_TRY(const auto reports, ReadReports(this));
      for (const ChainReport& report : reports) reported_->insert(report.group_by);
    }
    return WrappedStore::Apply(batch, durable);
  }
  std::set<std::string> reported() const { return reported_.value_or(std::set<std::string>()); }

 private:
  std::mutex mutex_;
  std::optional<std::set<std::string>> reported_;
};

TEST_F(JobTest, EqualsTheDefinitionAtAnyTime) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  AppendRandom(&random, 1500, 600'000);  // About four days.
  RunJob();
  ExpectEqualAt(&random, 300);
}

TEST_F(JobTest, EqualsTheDefinitionAfterStopsAtRandomMoments) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 1);
  options_.stream.gate = GateKind::kWatermark;
  for (int round = 0; round < 6; ++round) {
    AppendRandom(&random, 200, 600'000);
    RunJob(/*stop_early=*/true);
  }
  options_.stream.parallelism = 1;
  RunJob();
  ExpectEqualAt(&random, 200);
}

TEST_F(JobTest, EqualsTheDefinitionAfterAnswersWereLost) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 3);
  AppendRandom(&random, 1500, 600'000);
  auto unreliable = std::make_unique<UnreliableStore>(std::move(store_), kSeed, 12);
  const UnreliableStore* watched = unreliable.get();
  store_ = std::move(unreliable);
  RunJob();
  EXPECT_LT(watched->losses_left(), 12);
  // Caught up once, stalled and stopped: the rows are in, the last watermarks may not be.
  RunJob();
  ExpectEqualAt(&random, 200);
}

TEST_F(JobTest, EqualsTheDefinitionAfterMemoryRanOut) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 4);
  AppendRandom(&random, 500, 600'000);
  auto starved = std::make_unique<StarvedStore>(std::move(store_));
  const StarvedStore* watched = starved.get();
  store_ = std::move(starved);
  options_.stream.checkpoint_interval = std::chrono::milliseconds{20};
  auto job = OpenJob();
  ASSERT_TRUE(job.ok()) << job.error().message;
  std::stop_source stop;
  std::jthread thread([&] { EXPECT_TRUE((*job)->Run(stop.get_token()).ok()); });
  for (int i = 0; i < 20'000 && !watched->is_synced(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(watched->is_synced());
  stop.request_stop();
  thread.join();
  RunJob();
  ExpectEqualAt(&random, 100);
}

TEST_F(JobTest, ARecordWithoutAppendTimeIsADeadLetterThatSaysSo) {
  Append(Transaction{kStart, 1, 1, 2.0}, ToMillis(topic::kNoAppendTime));
  RunJob();
  std::vector<std::string> reasons;
  ASSERT_TRUE(VisitDeadLetters(store_.get(), tx_, [&](const std::string&, const DeadLetter& one) {
                reasons.push_back(one.reason);
                return true;
              }).ok());
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_NE(reasons[0].find("no append time"), std::string::npos) << reasons[0];
}

TEST_F(JobTest, LateEventsLandInOlderTilesAndPrefixes) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 2);
  AppendRandom(&random, 600, 900'000);
  RunJob();
  // Behind everything that is there, on days that have begun and on days that have not.
  const int64_t end = now_;
  for (int i = 0; i < 60; ++i) {
    Append(Transaction{random.Between(kStart - 3 * kDay.count(), end), random.Between(1, 5),
                       random.Between(1, 5), static_cast<double>(random.Below(4000)) / 4});
  }
  now_ = end;
  RunJob();
  ExpectEqualAt(&random, 200);
}

TEST_F(JobTest, RowsOfAnotherDayThanTheirAppendAreCounted) {
  const auto counted = [] {
    const std::string text = Metrics::Global().Text();
    const std::string name = "catena_events_total{group_by=\"chain.v1\",result=\"other_day\"} ";
    const size_t at = text.find(name);
    return at == std::string::npos ? 0.0 : std::stod(text.substr(at + name.size()));
  };
  const double before = counted();
  const Timestamp noon = Date::Of(FromMillis(kStart)).Start() + std::chrono::hours(12);
  const auto append = [&](Timestamp time) {
    const std::string value =
        "{\"user\":1,\"merchant\":1,\"amount\":1,\"ts\":" + std::to_string(ToMillis(time)) + "}";
    ASSERT_TRUE(tx_writer_->Append({{"1", value, noon}}).ok());
  };
  append(noon);
  append(noon - std::chrono::hours(12));
  append(noon - std::chrono::hours(12) - Millis(1));
  append(noon - std::chrono::hours(72));
  append(FromMillis(ToMillis(noon) / 1000));  // In seconds.
  now_ = ToMillis(noon) + 1;
  RunJob();
  EXPECT_EQ(counted() - before, 3);
}

TEST_F(JobTest, BadRecordsAreKeptAsideWithTheirReasonAndTheRestGoesOn) {
  Append(Transaction{kStart, 1, 1, 2.0});
  for (const char* bad :
       {"{", "{\"user\":\"x\",\"ts\":1}", "{\"user\":1}", "{\"user\":1,\"ts\":99999999999999}",
        "{\"user\":1,\"merchant\":1,\"amount\":1,\"ts\":-9223372036854775808}"}) {
    ASSERT_TRUE(tx_writer_->Append({{"1", bad, FromMillis(kStart)}}).ok());
  }
  Append(Transaction{kStart + 1, 1, 1, 3.0});
  now_ = kStart + 2;
  RunJob();
  int letters = 0;
  ASSERT_TRUE(
      VisitDeadLetters(store_.get(), tx_, [&](const std::string& topic, const DeadLetter& letter) {
        EXPECT_EQ(topic, tx_);
        EXPECT_FALSE(letter.reason.empty());
        EXPECT_EQ(letter.record.key, "1");
        return ++letters > 0;
      }).ok());
  EXPECT_EQ(letters, 5);
  for (const ChainReport& report : reports_) {
    if (report.group_by == "chain.v1") {
      EXPECT_EQ(report.counts.at("dead_lettered"), 5);
      EXPECT_EQ(report.counts.at("folded"), 2);
    }
  }
}

TEST_F(JobTest, TimesOfTheEnrichedRowMustNotMoveWatermarksEither) {
  std::string text = ChainConf(tx_, risk_);
  const std::string time = "\"timeColumn\": \"ts\"},\n      \"join\"";
  text.replace(text.find(time), time.size(), "\"timeColumn\": \"merchant\"},\n      \"join\"");
  conf_ = *conf::ParseConf(*ParseJson(text, "chain"), "chain");
  options_.stream.on_error = OnError::kSkip;  // Skipped is not filtered.
  Append(Transaction{kStart, 1, kStart + 2, 2.0});
  for (const int64_t time : {INT64_MAX, INT64_MIN, kStart + 3'600'000}) {
    Append(Transaction{kStart + 1, 1, time, 2.0});
  }
  RunJob();
  fetch::Checkpoint sum;
  for (const auto& [partition, each] : *fetch::ReadCheckpoints(store_.get(), "chain.v1")) {
    sum.folded += each.folded;
    sum.dead_lettered += each.dead_lettered;
    sum.event_time_max = std::max(sum.event_time_max, each.event_time_max);
  }
  EXPECT_EQ(sum.folded, 1);
  EXPECT_EQ(sum.dead_lettered, 3);
  EXPECT_EQ(sum.event_time_max, kStart + 2);
}

TEST_F(JobTest, ATimeColumnOfAnotherTypeIsRefusedBeforeTheFirstRecord) {
  std::string text = ChainConf(tx_, risk_);
  const std::string query =
      "\"risk\": \"risk_v1_score_last\"},\n                \"timeColumn\": \"ts\"}";
  text.replace(text.find(query), query.size(),
               "\"risk\": \"risk_v1_score_last\", \"ts\": \"amount\"}}");
  conf_ = *conf::ParseConf(*ParseJson(text, "chain"), "chain");
  const auto job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_EQ(job.error().code, ErrorCode::kInvalidConf);
  EXPECT_NE(job.error().message.find("time column"), std::string::npos) << job.error().message;
}

TEST_F(JobTest, APartitionThatFillsLaterBeginsWhereItsSiblingsBegan) {
  Append(Transaction{kStart, 1, 1, 2.0});  // One of three partitions; no upload yet.
  RunJob();
  const Timestamp day = FloorTo(FromMillis(kStart), kDay) + 2 * kDay;
  ASSERT_TRUE(store_->Apply({{}, {fetch::GenerationsMark("chain.v1", {{day, day, {}}})}}).ok());
  for (int64_t merchant = 2; merchant < 9; ++merchant) {
    Append(Transaction{kStart + merchant, 1, merchant, 2.0});
  }
  RunJob();
  EXPECT_EQ((*fetch::ReadRetention(store_.get(), "chain.v1"))->coverage_start, INT64_MIN);
  int64_t folded = 0;
  for (const auto& [partition, checkpoint] : *fetch::ReadCheckpoints(store_.get(), "chain.v1")) {
    folded += checkpoint.folded;
  }
  EXPECT_EQ(folded, 8);
}

TEST_F(JobTest, OfLargeRecordsFewWaitInMemory) {
  // No watermark of the right side ever reaches them, so they wait in the gate.
  options_.stream.gate = GateKind::kWatermark;
  options_.stream.lag = std::chrono::hours{1};
  options_.stream.parallelism = 1;
  const int64_t later = ToMillis(SystemClock().Now()) + 300'000;
  const std::string note(1 << 20, 'x');
  std::vector<topic::OutRecord> records;
  for (int i = 0; i < 60; ++i) {
    records.push_back({"1", "{\"user\":1,\"merchant\":1,\"amount\":1,\"ts\":" +
                                std::to_string(later) + ",\"note\":\"" + note + "\"}"});
  }
  ASSERT_TRUE(tx_writer_->Append(records).ok());
  auto job = OpenJob();
  ASSERT_TRUE(job.ok()) << job.error().message;
  std::stop_source stop;
  std::jthread thread([&] { EXPECT_TRUE((*job)->Run(stop.get_token()).ok()); });
  const auto read = [&] {
    for (const ChainReport& report : (*job)->Reports()) {
      if (report.group_by == "chain.v1") return report.join_input_rate;
    }
    return 0.0;
  };
  for (int i = 0; i < 10'000 && read() < 1.5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(read(), 1.5);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // More would come now.
  EXPECT_LE(read(), 21);  // A second: of 60 those of 16 MiB, and what the last poll took beyond.
  stop.request_stop();
}

TEST_F(JobTest, ItIsInTheMonitorBeforeItsFirstCommit) {
  Append(Transaction{kStart, 1, 1, 2.0});
  auto store = std::make_unique<FirstCommitStore>(std::move(store_));
  const FirstCommitStore& watched = *store;
  // What it holds until the commit the store behind does not see.
  store_ = std::make_unique<kv::FrontedStore>(std::move(store));
  RunJob();
  EXPECT_TRUE(watched.reported().contains("chain.v1"));
  EXPECT_TRUE(watched.reported().contains("risk.v1"));
}

TEST_F(JobTest, DebugWritesNothing) {
  Append(Transaction{kStart, 1, 1, 2.0});
  options_.stream.debug = true;
  RunJob();
  EXPECT_TRUE(store_->ListDatasets()->empty());
  EXPECT_TRUE(store_->ListMarks("chain_v1_STREAMING", "")->empty());
  EXPECT_FALSE(*store_->GetMark("chain_v1_BATCH", "serving_info"));
}

TEST_F(JobTest, TheReasonOfThePathIsTold) {
  auto job = OpenJob();
  ASSERT_TRUE(job.ok());
  EXPECT_NE((*job)->Explain().find("chain: the source of chain.v1 is the Join parent"),
            std::string::npos)
      << (*job)->Explain();
  EXPECT_NE((*job)->Explain().find("simple stream: the source of risk.v1"), std::string::npos);
}

TEST_F(JobTest, AChangedDefinitionUnderTheSameNameIsRefused) {
  Append(Transaction{kStart, 1, 1, 2.0});
  RunJob();
  std::string text = ChainConf(tx_, risk_);
  text.replace(text.find("\"operation\": 7"), 14, "\"operation\": 0");
  conf_ = *conf::ParseConf(*ParseJson(text, "chain"), "chain");
  auto job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("definition changed"), std::string::npos);
}

TEST_F(JobTest, ExactWindowsDoNotStream) {
  auto json = *ParseJson(ChainConf(tx_, risk_), "chain");
  json["metaData"]["customJson"] = R"({"exact_windows": true})";
  conf_ = *conf::ParseConf(json, "chain");
  auto job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("drop exact_windows"), std::string::npos)
      << job.error().message;
}

}  // namespace
}  // namespace catena::streaming
