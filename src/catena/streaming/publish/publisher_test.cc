// SPDX-License-Identifier: Apache-2.0
// What a chain publishes: every enriched row once, as the definition says it, whatever stops it.

#include "catena/streaming/publish/publisher.h"

#include <gtest/gtest.h>

#include "catena/fetch/enriched_row.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/streaming/dead_letter.h"
#include "catena/streaming/job_under_test.h"
#include "catena/topic/record_text.h"

namespace catena::streaming {
namespace {

class PublisherTest : public PublishedJobTest {
 protected:
  void SetUp() override {
    PublishedJobTest::SetUp();
    options_.stream.gate = GateKind::kWatermark;
  }

  std::vector<topic::Record> Records() const {
    auto reader = *topic::OpenTopicReader({"memory", "", enriched_});
    std::vector<topic::Record> records;
    for (int p = 0; p < kEnrichedPartitions; ++p) {
      EXPECT_TRUE(reader->Poll(p, 1'000'000, &records).ok());
    }
    return records;
  }
  // Where a transaction lies in its topic, in the order of transactions_.
  std::vector<std::pair<int64_t, int64_t>> Places() const {
    std::vector<std::pair<int64_t, int64_t>> places;
    std::map<int64_t, int64_t> next;
    for (const Transaction& tx : transactions_) {
      const std::string key = tx.merchant ? std::to_string(*tx.merchant) : "null";
      const auto partition = static_cast<int64_t>(HashBytes(key) % kTransactionPartitions);
      places.emplace_back(partition, next[partition]++);
    }
    return places;
  }
  // How far the store says that all is published, the ends last. Written again later, it is as if
  // the process had died before it committed more.
  kv::WriteBatch Committed() const {
    kv::WriteBatch said;
    for (const auto& [partition, checkpoint] : *fetch::ReadCheckpoints(store_.get(), "parent")) {
      said.marks.push_back(fetch::CheckpointMark("parent", partition, checkpoint));
    }
    said.marks.push_back(
        {"parent_STREAMING", "published", **store_->GetMark("parent_STREAMING", "published")});
    return said;
  }
  static Json JsonOf(std::optional<int64_t> value) { return value ? Json(*value) : Json(); }

  // Every transaction is there once, with its risk.
  void ExpectEveryRowOnce() const {
    const auto places = Places();
    std::map<std::pair<int64_t, int64_t>, const Transaction*> expected;
    for (size_t i = 0; i < places.size(); ++i) expected[places[i]] = &transactions_[i];
    const auto records = Records();
    EXPECT_EQ(records.size(), expected.size());
    for (const topic::Record& record : records) {
      const Json row = *ParseJson(record.value, "record");
      const auto at = expected.find({row["_origin_partition"], row["_origin_offset"]});
      ASSERT_NE(at, expected.end()) << "twice, or nobody's: " << record.value;
      const Transaction& tx = *at->second;
      const auto risk = RiskOf(tx);
      EXPECT_EQ(row["user"], JsonOf(tx.user));
      EXPECT_EQ(row["merchant"], JsonOf(tx.merchant));
      EXPECT_EQ(row["amount"], Json(tx.amount));
      EXPECT_EQ(row["risk_v1_score_last"], risk ? Json(*risk) : Json()) << record.value;
      EXPECT_EQ(row["_event_time"], Json(tx.time));
      EXPECT_EQ(row["_append_time"], Json(tx.time));
      EXPECT_EQ(row["_incomplete"], Json(false));
      const std::string key = tx.user ? std::to_string(*tx.user) : "";
      EXPECT_EQ(record.key, key);  // Of the GroupBy that is next.
      expected.erase(at);
    }
  }
};

TEST_F(PublisherTest, EveryRowIsPublishedOnceAlsoAfterStopsAndWhenTheStateIsLost) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  for (int round = 0; round < 5; ++round) {
    AppendRandom(&random, 300, 600'000);
    RunJob(/*stop_early=*/round < 4);
  }
  ExpectEveryRowOnce();
  ExpectEqualAt(&random, 50);
  store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  AppendRandom(&random, 100, 600'000);
  RunJob();
  ExpectEveryRowOnce();
}

// What was appended and not committed lies in the topic alone.
TEST_F(PublisherTest, WhatACrashLeftBehindTheCommittedEndsIsNotPublishedAgain) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 1);
  AppendRandom(&random, 600, 600'000);
  RunJob();
  kv::WriteBatch back = Committed();
  AppendRandom(&random, 300, 600'000);
  RunJob();
  // As if the process had died before the second half was committed.
  ASSERT_TRUE(store_->Apply(back).ok());
  AppendRandom(&random, 50, 600'000);
  RunJob();
  ExpectEveryRowOnce();
  // The control: without the ends' meaning, they would be found missing.
  auto reader = *topic::OpenTopicReader({"memory", "", enriched_});
  back.marks.pop_back();
  kv::Mark at_the_end{"parent_STREAMING", "published", ""};
  for (const topic::Offset end : *reader->EndOffsets()) AppendZigzag(&at_the_end.value, end);
  back.marks.push_back(at_the_end);
  ASSERT_TRUE(store_->Apply(back).ok());
  const size_t once = Records().size();
  RunJob();
  EXPECT_GT(Records().size(), once);
}

// Killed twice: by the second time one partition went on, and the rows of the other are still what
// the first left behind.
TEST_F(PublisherTest, WhatTwoCrashesLeftIsNotPublishedAgain) {
  store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  kv::CachedStore cached(store_.get(), 0);
  const types::Schema schema{{{"user", types::Kind::kLong}}};
  types::BatchBuilder builder(schema);
  for (int64_t user = 0; user < 3; ++user) {
    ASSERT_TRUE(builder.AppendRow(std::vector<types::Value>{user}).ok());
  }
  const types::Batch rows = builder.Build();
  const auto open = [&](kv::CachedStore* store) {
    PublisherParts parts{.join = "parent", .rows = schema, .key = {"user"}};
    parts.topic = topic::TopicAddress{"memory", "", enriched_};
    return *Publisher::Open(std::move(parts), store, &SystemClock());
  };
  const auto apply = [&](Publisher* publisher, int32_t partition) {
    const std::vector<int64_t> times(3, kStart);
    const std::vector<uint8_t> incomplete(3, 0);
    std::vector<uint64_t> orders;
    for (uint64_t offset = 0; offset < 3; ++offset) {
      orders.push_back(static_cast<uint64_t>(partition) << 48 | offset);
    }
    fetch::Checkpoint next;
    next.next_offset = 3;
    ASSERT_TRUE(
        publisher->Apply({&rows, times, times, orders, incomplete}, partition, next, {}).ok());
  };
  {
    const auto lost = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    kv::CachedStore never_committed(lost.get(), 0);
    const auto first = open(&never_committed);
    apply(first.get(), 0);
    apply(first.get(), 1);
  }
  apply(open(&cached).get(), 0);
  const auto third = open(&cached);
  apply(third.get(), 1);
  EXPECT_EQ(Records().size(), 6u);
  std::string ends;  // Of the topic, once all is stepped over.
  const auto reader = *topic::OpenTopicReader({"memory", "", enriched_});
  for (const topic::Offset end : *reader->EndOffsets()) AppendZigzag(&ends, end);
  EXPECT_EQ(**store_->GetMark("parent_STREAMING", "published"), ends);
}

// A record just small enough for the left topic.
TEST_F(PublisherTest, ARowThatItsTopicDoesNotTakeIsADeadLetterOnceWhateverStopsTheStream) {
  std::string conf = ChainConf(tx_, risk_);
  const std::string column = R"(["amount", "DOUBLE"], )";
  conf.insert(conf.find(column) + column.size(), R"(["note", "STRING"], )");
  conf_ = *conf::ParseConf(*ParseJson(conf, "chain"), "chain");
  const auto append = [&](size_t note_bytes) {
    const std::string value = R"({"user":1,"merchant":1,"amount":1,"ts":)" +
                              std::to_string(++now_) + R"(,"note":")" +
                              std::string(note_bytes, 'x') + R"("})";
    ASSERT_TRUE(tx_writer_->Append({{"1", value, FromMillis(now_)}}).ok());
  };
  append(1);
  RunJob();
  const kv::WriteBatch back = Committed();
  append(1);
  append((size_t{16} << 20) - 150);
  append(1);
  const auto expect = [&] {
    EXPECT_EQ(Records().size(), 3u);
    fetch::Checkpoint sum;
    for (const auto& [partition, each] : *fetch::ReadCheckpoints(store_.get(), "parent")) {
      EXPECT_EQ(each.Consumed(), each.Accounted());
      sum.folded += each.folded;
      sum.dead_lettered += each.dead_lettered;
    }
    EXPECT_EQ(sum.folded, 3);
    EXPECT_EQ(sum.dead_lettered, 1);
    std::vector<std::pair<int64_t, std::string>> letters;
    EXPECT_TRUE(VisitDeadLetters(store_.get(), tx_, [&](const auto&, const DeadLetter& letter) {
                  letters.emplace_back(letter.record.offset, letter.reason);
                  return true;
                }).ok());
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].first, 2);
    EXPECT_NE(letters[0].second.find("too large for a topic"), std::string::npos);
  };
  RunJob();
  expect();
  // As if the process had died before that was committed.
  ASSERT_TRUE(store_->Apply(back).ok());
  RunJob();
  expect();
}

// Else rows behind it would speak for it after a crash.
TEST_F(PublisherTest, WhatTheTopicRefusedIsStoredBeforeMoreIsAppended) {
  kv::FrontedStore store(*kv::OpenKVStore("memory:", kv::OpenMode::kOwn));
  auto cached = std::make_unique<kv::CachedStore>(&store, size_t{64} << 20);
  const types::Schema schema{{{"user", types::Kind::kLong}, {"note", types::Kind::kString}}};
  PublisherParts parts{.join = "parent", .rows = schema, .key = {"user"}};
  parts.topic = topic::TopicAddress{"memory", "", enriched_};
  const auto publisher = *Publisher::Open(std::move(parts), cached.get(), &SystemClock());
  const auto apply = [&](uint64_t offset, size_t note_bytes) {
    types::BatchBuilder builder(schema);
    EXPECT_TRUE(
        builder.AppendRow(std::vector<types::Value>{int64_t{1}, std::string(note_bytes, 'x')})
            .ok());
    const types::Batch rows = builder.Build();
    fetch::Checkpoint next = publisher->CheckpointOf(0);
    next.next_offset = static_cast<int64_t>(offset) + 1;
    const std::vector<int64_t> times(1, kStart);
    const std::vector<uint64_t> orders(1, offset);
    const std::vector<uint8_t> incomplete(1, 0);
    const auto refuse = [&](size_t row, const std::string& why) -> Result<std::optional<kv::Put>> {
      EXPECT_EQ(row, 0u);
      topic::Record record;
      record.offset = static_cast<topic::Offset>(offset);
      return std::optional(DeadLetterPut("left", record, why));
    };
    return publisher->Apply({&rows, times, times, orders, incomplete, refuse}, 0, next, {});
  };
  ASSERT_TRUE(apply(0, 1).ok());
  ASSERT_TRUE(apply(1, size_t{17} << 20).ok());
  ASSERT_TRUE(apply(2, 1).ok());
  cached.reset();  // As a kill does.
  const fetch::Checkpoint stored = fetch::ReadCheckpoints(&store, "parent")->at(0);
  EXPECT_EQ(stored.next_offset, 2);
  EXPECT_EQ(stored.folded, 1);
  EXPECT_EQ(stored.dead_lettered, 1);
  EXPECT_EQ(store.ListDatasets()->front(), kDeadLetterDataset);
  EXPECT_EQ(Records().size(), 2u);
}

TEST_F(PublisherTest, TheStoreHasTheNewestRowOfEachKey) {
  SCOPED_TRACE(kSeed);
  Random random(kSeed + 2);
  options_.published["parent"] = {"", {"user"}, true};
  AppendRandom(&random, 500, 600'000);
  Append(Transaction{kStart + 1, 1, 1, 7.0});  // Late: is not the newest.
  RunJob();
  RunJob();
  const auto places = Places();
  std::map<int64_t, size_t> newest;
  for (size_t i = 0; i < transactions_.size(); ++i) {
    if (!transactions_[i].user) continue;
    const auto [at, is_new] = newest.emplace(*transactions_[i].user, i);
    const auto order = [&](size_t of) { return std::pair(transactions_[of].time, places[of]); };
    if (!is_new && order(i) > order(at->second)) at->second = i;
  }
  for (const auto& [user, index] : newest) {
    const auto rows =
        fetch::ReadEnrichedRows(store_.get(), "parent", Json::array({Json{{"user", user}}}));
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    const Json& row = rows->front();
    EXPECT_EQ(row["event_time"], Json(transactions_[index].time)) << user;
    EXPECT_EQ(row["row"]["amount"], Json(transactions_[index].amount)) << user;
    EXPECT_EQ(row["complete"], Json(true));
  }
  const auto nobody =
      fetch::ReadEnrichedRows(store_.get(), "parent", Json::array({Json{{"user", 99}}}));
  EXPECT_TRUE(nobody->front().is_null());
}

TEST_F(PublisherTest, WhatCannotBePublishedIsRefusedBeforeTheFirstRecord) {
  const auto refused = [&](PublishOptions to) {
    options_.published["parent"] = std::move(to);
    const auto job = OpenJob();
    return job.ok() ? "" : job.error().message;
  };
  EXPECT_NE(refused({"memory:nowhere", {}, false}).find("no such topic"), std::string::npos);
  EXPECT_NE(refused({"memory:" + enriched_, {"shop"}, false}).find("publish_key"),
            std::string::npos);
  // What a stream reads: it would read its own rows again, and publish those.
  for (const std::string& read : {tx_, "memory:" + tx_, risk_}) {
    EXPECT_NE(refused({read, {}, false}).find("one of their own: " + read), std::string::npos);
  }
  options_.stage = plan::ChainStage::kEnrich;
  EXPECT_NE(refused({tx_, {}, false}).find("one of their own"), std::string::npos);
  EXPECT_NE(refused({"", {}, true}).find("publish_topic"), std::string::npos);
}

TEST_F(PublisherTest, WhatIsSharedIsTheFirstStageAlone) {
  options_.share = [](const topic::TopicAddress&, const std::string&) {
    return Result<std::unique_ptr<topic::PartitionShare>>(InvalidConf("not asked for"));
  };
  EXPECT_NE(OpenJob().error().message.find("add --stage enrich"), std::string::npos);
  options_.stage = plan::ChainStage::kAggregate;
  EXPECT_NE(OpenJob().error().message.find("add --stage enrich"), std::string::npos);
}

TEST_F(PublisherTest, OfAnAvroTopicTheSchemaMustHoldTheRowAndItsIdentity) {
  const std::string fields =
      R"({"name": "user", "type": ["null", "long"]}, {"name": "amount", "type": ["null", "double"]},
         {"name": "merchant", "type": ["null", "long"]}, {"name": "ts", "type": ["null", "long"]},
         {"name": "risk_v1_score_last", "type": ["null", "double"]},
         {"name": "_origin_partition", "type": "int"}, {"name": "_append_time", "type": "long"},
         {"name": "_event_time", "type": "long"}, {"name": "_incomplete", "type": "boolean"})";
  const auto write = [&](const std::string& all) {
    PublishIn("avro", "catena_publisher_test.avsc",
              R"({"type": "record", "name": "row", "fields": [)" + all + "]}");
  };
  write(fields);
  auto job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("_origin_offset LONG"), std::string::npos)
      << job.error().message;
  write(fields + R"(, {"name": "_origin_offset", "type": "long"})");
  Append(RiskEvent{kStart, 1, 0.5});
  Append(Transaction{kStart + 5, 1, 1, 2.5});
  now_ = kStart + 6;
  RunJob();
  const auto address = *topic::ParseTopicAddress(options_.published["parent"].topic, "memory:");
  const auto records = Records();
  ASSERT_EQ(records.size(), 1u);
  const Json row = *(*topic::RecordText::Open(address))->Read(records[0].value);
  EXPECT_EQ(row["risk_v1_score_last"], Json(0.5));
  EXPECT_EQ(row["_origin_offset"], Json(0));
  // Heartbeats between the stages have nulls where these fields do not.
  options_.stage = plan::ChainStage::kEnrich;
  job = OpenJob();
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("_heartbeat"), std::string::npos) << job.error().message;
}

}  // namespace
}  // namespace catena::streaming
