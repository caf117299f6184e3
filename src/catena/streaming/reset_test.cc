// SPDX-License-Identifier: Apache-2.0
// What is streamed after a reset is what a stream that never ran before makes of the same records,
// byte for byte.

#include "catena/streaming/reset.h"

#include <gtest/gtest.h>

#include <random>

#include "catena/streaming/dead_letter.h"
#include "catena/streaming/job_under_test.h"
#include "catena/streaming/wrapped_store.h"

namespace catena::streaming {
namespace {

// One that dies at the n-th change.
class MortalStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    return changes_left_-- > 0 ? WrappedStore::Apply(batch, durable) : Unavailable("dead");
  }
  Status DropDataset(std::string_view dataset) override {
    return changes_left_-- > 0 ? WrappedStore::DropDataset(dataset) : Unavailable("dead");
  }
  void LiveFor(int changes) { changes_left_ = changes; }

 private:
  int changes_left_ = INT32_MAX;
};

class ResetTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    options_.stream.gate = GateKind::kWatermark;
    options_.stream.lag = std::chrono::hours{1};  // Nothing is forced.
  }
  topic::TopicAddress TopicOf(const std::string& group_by) const {
    return {"memory", "", group_by == "chain.v1" ? tx_ : risk_};
  }
  Status Reset(const std::string& group_by, const ResetTo& to) {
    CATENA_TRY(const ResetPlan plan, PlanReset(group_by, TopicOf(group_by), to, options_.stream,
                                               SystemClock(), store_.get()));
    return RunReset(plan, store_.get());
  }
  // The middle of each partition.
  ResetTo HalfOf(const std::string& group_by) const {
    const auto reader = *topic::OpenTopicReader(TopicOf(group_by));
    ResetTo to;
    for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
      to.offset[p] = *reader->EndOffset(p) / 2;
    }
    return to;
  }
  // Nothing: at the middle of each partition.
  void ResetBoth(const std::optional<ResetTo>& to) {
    for (const char* group_by : {"chain.v1", "risk.v1"}) {
      const Status reset = Reset(group_by, to ? *to : HalfOf(group_by));
      ASSERT_TRUE(reset.ok()) << reset.error().message;
    }
  }
  void Forget() { store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn); }
};

TEST_F(ResetTest, AReplayGivesTheBytesOfAnUndisturbedRun) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  AppendRandom(&random, 600, 300'000);
  ASSERT_TRUE(tx_writer_->Append({{"1", "no record", FromMillis(now_)}}).ok());
  RunJob();
  const std::string undisturbed = StateBytes();
  ASSERT_GT(undisturbed.size(), 20'000u);
  // With more on top that comes to nothing.
  ResetBoth(ResetTo{});
  EXPECT_EQ(fetch::ReadCheckpoints(store_.get(), "chain.v1")->size(), 0u);
  RunJob();
  EXPECT_TRUE(StateBytes() == undisturbed);
  // The second time the same; the chain alone, too.
  ASSERT_TRUE(Reset("chain.v1", {}).ok());
  EXPECT_FALSE(StateBytes() == undisturbed);
  RunJob();
  EXPECT_TRUE(StateBytes() == undisturbed);
  ExpectEqualAt(&random, 50);
}

TEST_F(ResetTest, FromATimeOrAnOffsetItIsWhatAStreamThatBeganThereHolds) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  AppendRandom(&random, 300, 300'000);
  const Timestamp middle = FromMillis(now_);
  AppendRandom(&random, 300, 300'000);
  for (const auto& to : {std::optional(ResetTo{.appended_at = middle}), std::optional<ResetTo>()}) {
    Forget();
    ResetBoth(to);
    RunJob();
    const std::string fresh = StateBytes();
    Forget();
    RunJob();
    EXPECT_FALSE(StateBytes() == fresh);
    ResetBoth(to);
    RunJob();
    EXPECT_TRUE(StateBytes() == fresh);
    EXPECT_GT((*fetch::ReadRetention(store_.get(), "chain.v1"))->coverage_start, kStart);
  }
  // What is not covered is said, not guessed.
  fetch::Fetcher fetcher(store_.get());
  fetcher.AddConf(conf_);
  types::BatchBuilder keys(types::Schema{{{"user", types::Kind::kLong}}});
  ASSERT_TRUE(keys.AppendRow(std::vector<types::Value>{int64_t{1}}).ok());
  const Timestamp as_of = FromMillis(now_);
  const auto answer = fetcher.FetchGroupBy("chain.v1", keys.Build(), {&as_of, 1});
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer->Complete(0));
}

TEST_F(ResetTest, WhereAStreamDiesInTheMiddleOfItNoStreamBeginsUntilItIsDone) {
  Random random(kSeed);
  AppendRandom(&random, 200, 300'000);
  auto mortal = std::make_unique<MortalStore>(std::move(store_));
  MortalStore* const store = mortal.get();
  store_ = std::move(mortal);
  RunJob();
  const std::string undisturbed = StateBytes();
  int deaths = 0;
  for (bool done = false; !done; ++deaths) {
    store->LiveFor(deaths);
    done = Reset("chain.v1", {}).ok();
    store->LiveFor(INT32_MAX);
    const bool untouched = StateBytes() == undisturbed && RefuseHalfReset(store, "chain.v1").ok();
    EXPECT_EQ(RefuseHalfReset(store, "chain.v1").ok(), done || untouched) << deaths;
    EXPECT_EQ(untouched, deaths == 0) << deaths;
  }
  EXPECT_GT(deaths, 5);
  RunJob();
  EXPECT_TRUE(StateBytes() == undisturbed);
}

TEST_F(ResetTest, ThePlanChangesNothingAndRefusesWhatTheTopicDoesNotHold) {
  Random random(kSeed);
  AppendRandom(&random, 100, 300'000);
  RunJob();
  const std::string before = StateBytes();
  const auto plan =
      PlanReset("chain.v1", TopicOf("chain.v1"), {}, options_.stream, SystemClock(), store_.get());
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(StateBytes() == before);
  EXPECT_EQ(plan->partitions.size(), static_cast<size_t>(kTransactionPartitions));
  EXPECT_TRUE(plan->partitions[0].read_up_to.has_value());
  EXPECT_GT(plan->datasets.size(), 4u);
  EXPECT_GT(plan->approximate_bytes, 1000u);
  for (const ResetTo& to : {ResetTo{.every_offset = 100'000}, ResetTo{.offset = {{0, -1}}},
                            ResetTo{.offset = {{99, 0}}}}) {
    EXPECT_EQ(Reset("chain.v1", to).error().code, ErrorCode::kInvalidConf);
  }
  EXPECT_TRUE(StateBytes() == before);
}

}  // namespace
}  // namespace catena::streaming
