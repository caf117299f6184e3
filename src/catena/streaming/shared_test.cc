// SPDX-License-Identifier: Apache-2.0
// One enriching stage as several processes: partitions move between them, die with them, and are
// worked on by two at once; each row counts once.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <set>

#include "catena/streaming/job_under_test.h"

namespace catena::streaming {
namespace {

constexpr int kMembers = 3;

// What a broker would say, said by the test.
class Dealt : public topic::PartitionShare {
 public:
  std::set<topic::TopicPartition> Assigned() const override {
    const std::lock_guard lock(mutex_);
    return assigned_;
  }
  uint64_t Changes() const override {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  bool Take(topic::TopicPartition partition) override {
    const std::lock_guard lock(mutex_);
    if (!assigned_.contains(partition)) return false;
    working_.insert(partition);
    return true;
  }
  void Drop(topic::TopicPartition partition) override {
    const std::lock_guard lock(mutex_);
    working_.erase(partition);
  }
  void Deal(std::set<topic::TopicPartition> partitions) {
    const std::lock_guard lock(mutex_);
    assigned_ = std::move(partitions);
    ++changes_;
  }
  bool IsAtWorkOn(const std::set<topic::TopicPartition>& partitions) const {
    const std::lock_guard lock(mutex_);
    return working_ == partitions;
  }

 private:
  mutable std::mutex mutex_;
  std::set<topic::TopicPartition> assigned_, working_;
  uint64_t changes_ = 0;
};

class SharedTest : public PublishedJobTest {
 protected:
  struct Member {
    std::unique_ptr<kv::KVStore> store = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    Dealt* dealt = nullptr;  // The job's.
    std::unique_ptr<StreamJob> job;
    std::stop_source stop;
    Status ended;
    std::jthread thread;
  };

  void SetUp() override {
    PublishedJobTest::SetUp();
    // Records are appended while the stages run, in order of time across both topics.
    options_.stream.gate = GateKind::kCaughtUp;
    options_.stream.parallelism = 2;
  }

  void Start(Member* member) {
    StreamJobOptions options = options_;
    options.stage = plan::ChainStage::kEnrich;
    options.share = [member](const topic::TopicAddress&, const std::string&) {
      auto dealt = std::make_unique<Dealt>();
      member->dealt = dealt.get();
      return Result<std::unique_ptr<topic::PartitionShare>>(std::move(dealt));
    };
    auto job = StreamJob::Open(
        {conf_}, options,
        [](const std::string& table) {
          return Result<types::Schema>(NotFound("no table: " + table));
        },
        member->store.get(), database_.get(), &SystemClock());
    ASSERT_TRUE(job.ok()) << job.error().message;
    member->job = std::move(*job);
    member->stop = std::stop_source();
    member->thread =
        std::jthread([member] { member->ended = member->job->Run(member->stop.get_token()); });
  }
  static void Stop(Member* member) {
    member->stop.request_stop();
    member->thread.join();
    EXPECT_TRUE(member->ended.ok()) << member->ended.error().message;
    member->job.reset();
  }
  static void AwaitWork(const Member& member, const std::set<topic::TopicPartition>& partitions) {
    for (int i = 0; i < 5000 && !member.dealt->IsAtWorkOn(partitions); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(member.dealt->IsAtWorkOn(partitions));
  }
  std::vector<topic::Record> Rows() const {
    auto reader = *topic::OpenTopicReader({"memory", "", enriched_});
    std::vector<topic::Record> records;
    for (int p = 0; p < 3; ++p) EXPECT_TRUE(reader->Poll(p, 1'000'000, &records).ok());
    std::erase_if(records, [](const topic::Record& record) {
      return record.value.find("_origin_offset") == std::string::npos;
    });
    return records;
  }
  size_t DistinctRows() const {
    std::set<std::pair<int64_t, int64_t>> seen;
    for (const topic::Record& record : Rows()) {
      const Json row = *ParseJson(record.value, "row");
      seen.emplace(row["_origin_partition"], row["_origin_offset"]);
    }
    return seen.size();
  }
  void AwaitAllRows() const {
    for (int i = 0; i < 10'000 && DistinctRows() < transactions_.size(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_EQ(DistinctRows(), transactions_.size());
  }
  int64_t Counted(int64_t fetch::Checkpoint::*count) const {
    int64_t sum = 0;
    for (const auto& [partition, each] : *fetch::ReadCheckpoints(store_.get(), "chain.v1")) {
      EXPECT_EQ(each.Consumed(), each.Accounted());
      sum += each.*count;
    }
    return sum;
  }
  // Folds what is in the enriched topic, where `doubled` rows are there a second time.
  void ExpectEachCountsOnce(Random* random, int64_t doubled = 0) {
    options_.stage = plan::ChainStage::kAggregate;
    RunJob();
    EXPECT_EQ(Counted(&fetch::Checkpoint::duplicate), doubled);
    ExpectEqualAt(random, 100);
  }
};

TEST_F(SharedTest, PartitionsThatMoveLoseAndDoubleNothing) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  std::vector<Member> members(kMembers);
  for (Member& member : members) Start(&member);
  for (int round = 0; round < 12; ++round) {
    AppendRandom(&random, 100, 600'000);
    // As a broker would: taken away everywhere, and dropped, before it is dealt out anew.
    std::vector<std::set<topic::TopicPartition>> hands(kMembers);
    for (int p = 0; p < kTransactionPartitions; ++p) hands[random.Below(kMembers)].insert(p);
    std::vector<std::set<topic::TopicPartition>> kept(kMembers);
    for (int m = 0; m < kMembers; ++m) {
      const auto now = members[m].dealt->Assigned();
      std::set_intersection(now.begin(), now.end(), hands[m].begin(), hands[m].end(),
                            std::inserter(kept[m], kept[m].end()));
      members[m].dealt->Deal(kept[m]);
    }
    for (int m = 0; m < kMembers; ++m) {
      AwaitWork(members[m], kept[m]);
    }
    for (int m = 0; m < kMembers; ++m) members[m].dealt->Deal(hands[m]);
    std::this_thread::sleep_for(std::chrono::milliseconds(random.Below(60)));
  }
  AwaitAllRows();
  for (Member& member : members) Stop(&member);
  EXPECT_EQ(Rows().size(), transactions_.size());
  ExpectEachCountsOnce(&random);
}

// One that is cut off does not know that its partitions are another's by now.
TEST_F(SharedTest, TwoAtWorkOnOnePartitionCountOnce) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 1);
  std::vector<Member> members(2);
  for (Member& member : members) Start(&member);
  AppendRandom(&random, 200, 600'000);
  members[0].dealt->Deal({0, 1, 2, 3});
  AwaitAllRows();
  members[1].dealt->Deal({1, 2});
  AwaitWork(members[1], {1, 2});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  AppendRandom(&random, 200, 600'000);
  AwaitAllRows();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  members[0].dealt->Deal({0, 3});
  AppendRandom(&random, 100, 600'000);
  AwaitAllRows();
  for (Member& member : members) Stop(&member);
  const auto doubled = static_cast<int64_t>(Rows().size() - transactions_.size());
  EXPECT_GT(doubled, 0);  // Both were at work.
  ExpectEachCountsOnce(&random, doubled);
}

TEST_F(SharedTest, AMemberReportsWhatItDoesItself) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 2);
  std::vector<Member> members(2);
  for (Member& member : members) Start(&member);
  members[0].dealt->Deal({0, 1});
  members[1].dealt->Deal({2, 3});
  AppendRandom(&random, 200, 600'000);
  AwaitAllRows();
  int64_t folded = 0;
  for (Member& member : members) {
    Stop(&member);
    bool is_told = false;
    for (const ChainReport& report : *ReadReports(member.store.get())) {
      if (!report.shared) continue;
      EXPECT_FALSE(is_told);
      is_told = true;
      EXPECT_GT(report.counts.at("folded"), 0);
      folded += report.counts.at("folded");
    }
    EXPECT_TRUE(is_told);
  }
  EXPECT_EQ(folded, static_cast<int64_t>(transactions_.size()));
}

TEST_F(SharedTest, WhatCannotBeSharedIsRefused) {
  options_.share = topic::JoinPartitionShare;
  auto job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("--stage enrich"), std::string::npos) << job.error().message;
  options_.stage = plan::ChainStage::kEnrich;
  job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("consumer group of Kafka"), std::string::npos);
}

}  // namespace
}  // namespace catena::streaming
