// SPDX-License-Identifier: Apache-2.0
// A chain in two stages with the enriched topic between: the same bytes of state as in one process,
// whatever stops either.

#include <gtest/gtest.h>

#include "catena/streaming/job_under_test.h"
#include "catena/streaming/reset.h"

namespace catena::streaming {
namespace {

class StagedTest : public PublishedJobTest {
 protected:
  void SetUp() override {
    PublishedJobTest::SetUp();
    options_.stream.gate = GateKind::kWatermark;
  }

  void RunStage(plan::ChainStage stage, bool stop_early) {
    options_.stage = stage;
    std::swap(store_, stage == plan::ChainStage::kEnrich ? enrich_store_ : aggregate_store_);
    RunJob(stop_early);
    std::swap(store_, stage == plan::ChainStage::kEnrich ? enrich_store_ : aggregate_store_);
  }
  // Values of the chained GroupBy.
  static std::string ChainBytes(kv::KVStore* store) { return ValuesOf(store, "chain_v1"); }
  fetch::Checkpoint SumOf(kv::KVStore* store, const std::string& name) {
    fetch::Checkpoint sum;
    for (const auto& [partition, each] : *fetch::ReadCheckpoints(store, name)) {
      EXPECT_EQ(each.Consumed(), each.Accounted()) << name << " " << partition;
      sum.folded += each.folded;
      sum.null_key += each.null_key;
      sum.duplicate += each.duplicate;
      sum.dead_lettered += each.dead_lettered;
      sum.watermark = std::max(sum.watermark, each.watermark);
    }
    return sum;
  }

  std::unique_ptr<kv::KVStore> enrich_store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  std::unique_ptr<kv::KVStore> aggregate_store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
};

TEST_F(StagedTest, TheStateIsThatOfOneProcess) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  for (int round = 0; round < 4; ++round) {
    AppendRandom(&random, 400, 600'000);
    RunStage(plan::ChainStage::kEnrich, /*stop_early=*/round < 3);
    RunStage(plan::ChainStage::kAggregate, /*stop_early=*/round < 3);
  }
  ASSERT_TRUE(tx_writer_->Append({{"1", "no record", FromMillis(now_)}}).ok());
  RunStage(plan::ChainStage::kEnrich, false);
  RunStage(plan::ChainStage::kAggregate, false);
  options_.published.clear();
  options_.stage = plan::ChainStage::kWhole;
  RunJob();
  const std::string staged = ChainBytes(aggregate_store_.get());
  EXPECT_GT(staged.size(), 10'000u);
  EXPECT_TRUE(staged == ChainBytes(store_.get()));
  EXPECT_TRUE(ChainBytes(enrich_store_.get()).empty());  // It folds what it looks up, nothing else.
  EXPECT_FALSE(enrich_store_->ListMarks("risk_v1_STREAMING", "checkpoint/")->empty());
  EXPECT_TRUE(aggregate_store_->ListMarks("risk_v1_STREAMING", "checkpoint/")->empty());
  const fetch::Checkpoint whole = SumOf(store_.get(), "chain.v1");
  const fetch::Checkpoint aggregated = SumOf(aggregate_store_.get(), "chain.v1");
  const fetch::Checkpoint published = SumOf(enrich_store_.get(), "parent");
  EXPECT_EQ(aggregated.folded, whole.folded);
  EXPECT_EQ(aggregated.null_key, whole.null_key);
  EXPECT_EQ(aggregated.duplicate, 0);
  EXPECT_EQ(published.folded, static_cast<int64_t>(transactions_.size()));
  EXPECT_EQ(published.dead_lettered, 1);
  std::swap(store_, aggregate_store_);
  ExpectEqualAt(&random, 100);
}

TEST_F(StagedTest, InProtobufTheStateIsThatOfOneProcessToo) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 2);
  const std::string row =
      "optional int64 user = 1; optional int64 merchant = 2; optional double amount = 3;"
      "optional int64 ts = 4; optional double risk_v1_score_last = 5;"
      "optional int32 _origin_partition = 6; optional int64 _append_time = 8;"
      "optional int64 _event_time = 9; optional bool _incomplete = 10;";
  const auto publish = [&](const std::string& fields) {
    PublishIn("protobuf", "catena_staged_test.proto",
              "syntax = \"proto3\"; message Row { " + fields + "}");
  };
  options_.stage = plan::ChainStage::kEnrich;
  publish(row);
  const auto without_identity = OpenJob();
  ASSERT_FALSE(without_identity.ok());
  EXPECT_NE(without_identity.error().message.find("_origin_offset"), std::string::npos)
      << without_identity.error().message;
  publish(row + "optional int64 _origin_offset = 7; optional string _heartbeat = 11;");
  for (int round = 0; round < 2; ++round) {
    AppendRandom(&random, 300, 600'000);
    RunStage(plan::ChainStage::kEnrich, /*stop_early=*/round < 1);
    RunStage(plan::ChainStage::kAggregate, /*stop_early=*/round < 1);
  }
  options_.published.clear();
  options_.stage = plan::ChainStage::kWhole;
  RunJob();
  const std::string staged = ChainBytes(aggregate_store_.get());
  EXPECT_GT(staged.size(), 5'000u);
  EXPECT_TRUE(staged == ChainBytes(store_.get()));
  EXPECT_EQ(SumOf(aggregate_store_.get(), "chain.v1").dead_lettered, 0);
}

// The wall clock says nothing of what the other stage has yet to enrich.
TEST_F(StagedTest, AStageThatStandsStillHoldsTheWatermarkOfTheNext) {
  Append(RiskEvent{kStart, 1, 0.5});
  Append(Transaction{kStart + 5, 1, 1, 2.0});
  RunStage(plan::ChainStage::kEnrich, false);
  const Timestamp enriched = SystemClock().Now();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  RunStage(plan::ChainStage::kAggregate, false);
  RunStage(plan::ChainStage::kAggregate, false);
  for (const auto& [partition, each] :
       *fetch::ReadCheckpoints(aggregate_store_.get(), "chain.v1")) {
    EXPECT_LE(each.watermark, ToMillis(enriched)) << partition;
  }
  EXPECT_LE((*fetch::ReadRetention(aggregate_store_.get(), "chain.v1"))->watermark,
            ToMillis(enriched));
}

TEST_F(StagedTest, ARowThatComesTwiceCountsOnce) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 1);
  AppendRandom(&random, 300, 600'000);
  RunStage(plan::ChainStage::kEnrich, false);
  // As a request that was believed lost, and was not.
  auto reader = *topic::OpenTopicReader({"memory", "", enriched_});
  auto writer = *topic::OpenTopicWriter({"memory", "", enriched_}, SystemClock());
  std::vector<topic::Record> records;
  ASSERT_TRUE(reader->Poll(1, 20, &records).ok());
  int64_t rows = 0;
  for (const topic::Record& record : records) {
    ASSERT_TRUE(writer->Append({{record.key, record.value, Timestamp::min()}}).ok());
    rows += record.value.find("_origin_offset") == std::string::npos ? 0 : 1;
  }
  ASSERT_GT(rows, 0);
  RunStage(plan::ChainStage::kAggregate, false);
  EXPECT_EQ(SumOf(aggregate_store_.get(), "chain.v1").duplicate, rows);
  std::swap(store_, aggregate_store_);
  ExpectEqualAt(&random, 50);
}

TEST_F(StagedTest, AStateOfOneKindIsNotContinuedAsTheOther) {
  Append(Transaction{kStart, 1, 1, 2.0});
  RunStage(plan::ChainStage::kEnrich, false);
  RunStage(plan::ChainStage::kAggregate, false);
  options_.stage = plan::ChainStage::kWhole;
  std::swap(store_, aggregate_store_);
  auto job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("--stage aggregate"), std::string::npos);
  store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  RunJob();
  options_.stage = plan::ChainStage::kAggregate;
  job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("without --stage"), std::string::npos);
}

// The topic between holds all that was enriched, so the state that is made of it can be made anew.
TEST_F(StagedTest, AResetStageFoldsTheEnrichedTopicAnew) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 2);
  AppendRandom(&random, 300, 600'000);
  RunStage(plan::ChainStage::kEnrich, false);
  RunStage(plan::ChainStage::kAggregate, false);
  const std::string before = ChainBytes(aggregate_store_.get());
  const topic::TopicAddress left{"memory", "", tx_};
  const auto plan = [&](const ResetTo& to) {
    return PlanReset("chain.v1", left, to, options_.stream, SystemClock(), aggregate_store_.get());
  };
  ResetTo offset;
  offset.every_offset = 5;
  EXPECT_NE(plan(offset).error().message.find("without --to-millis"), std::string::npos);
  ASSERT_TRUE(RunReset(*plan({}), aggregate_store_.get()).ok());
  EXPECT_TRUE(ChainBytes(aggregate_store_.get()).empty());
  RunStage(plan::ChainStage::kAggregate, false);
  EXPECT_TRUE(ChainBytes(aggregate_store_.get()) == before);
}

TEST_F(StagedTest, TheStagesTellWhatTheyDo) {
  options_.stage = plan::ChainStage::kEnrich;
  auto job = OpenJob();
  ASSERT_TRUE(job.ok()) << job.error().message;
  EXPECT_NE((*job)->Explain().find("publishes the rows of parent to the topic memory:" + enriched_),
            std::string::npos)
      << (*job)->Explain();
  job->reset();
  options_.stage = plan::ChainStage::kAggregate;
  job = OpenJob();
  ASSERT_TRUE(job.ok()) << job.error().message;
  EXPECT_NE((*job)->Explain().find("enriched by parent, in another process"), std::string::npos);
  EXPECT_EQ((*job)->Explain().find("risk.v1"), std::string::npos) << (*job)->Explain();
}

}  // namespace
}  // namespace catena::streaming
