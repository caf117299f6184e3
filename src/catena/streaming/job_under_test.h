// SPDX-License-Identifier: Apache-2.0
// JobTest: a chain in small over topics in memory, random events for it, and what its definition
// says of them; for tests only.

#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "catena/aggregate/window/resolution.h"
#include "catena/base/bytes.h"
#include "catena/base/hash.h"
#include "catena/base/random.h"
#include "catena/fetch/fetcher.h"
#include "catena/streaming/job.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

inline constexpr uint64_t kSeed = 20261121;
inline constexpr int64_t kStart = 1'790'000'000'000;  // Mid-morning of some day in 2026.

inline constexpr int kTransactionPartitions = 4;

struct RiskEvent {
  int64_t time, merchant;
  std::optional<double> score;
};
struct Transaction {
  int64_t time;
  std::optional<int64_t> user, merchant;
  double amount;
};

// A chain in small: transactions enriched with the last risk of their merchant, folded by user.
inline std::string ChainConf(const std::string& tx_topic, const std::string& risk_topic) {
  return R"json({
    "metaData": {"name": "chain.v1"}, "keyColumns": ["user"],
    "aggregations": [
      {"inputColumn": "risk", "operation": 8, "windows": [{"length": 5, "timeUnit": 2},
        {"length": 1, "timeUnit": 0}, {"length": 24, "timeUnit": 0}, {"length": 7, "timeUnit": 1}]},
      {"inputColumn": "amount", "operation": 7, "windows": [{"length": 1, "timeUnit": 0}]},
      {"inputColumn": "risk", "operation": 3},
      {"inputColumn": "amount", "operation": 6}],
    "sources": [{"joinSource": {
      "query": {"selects": {"user": "user", "amount": "amount", "risk": "risk_v1_score_last"},
                "timeColumn": "ts"},
      "join": {"metaData": {"name": "parent"},
        "left": {"events": {"table": "t.tx", "topic": "memory:)json" +
         tx_topic + R"json(", "query": {"timeColumn": "ts"}}},
        "joinParts": [{"groupBy": {"metaData": {"name": "risk.v1"}, "keyColumns": ["merchant"],
          "aggregations": [{"inputColumn": "score", "operation": 3}],
          "sources": [{"events": {"table": "t.risk", "topic": "memory:)json" +
         risk_topic + R"json(", "query": {"timeColumn": "ts"}}}]}}]}}}],
    "catena": {"schemas": {
      "t.tx": [["user", "LONG"], ["merchant", "LONG"], ["amount", "DOUBLE"], ["ts", "LONG"]],
      "t.risk": [["merchant", "LONG"], ["score", "DOUBLE"], ["ts", "LONG"]]}}})json";
}

class JobTest : public testing::Test {
 protected:
  void SetUp() override {
    static int counter = 0;
    tx_ = "job_test_tx_" + std::to_string(counter);
    risk_ = "job_test_risk_" + std::to_string(counter++);
    ASSERT_TRUE(topic::CreateTopic({"memory", "", tx_}, kTransactionPartitions).ok());
    ASSERT_TRUE(topic::CreateTopic({"memory", "", risk_}, 2).ok());
    tx_writer_ = *topic::OpenTopicWriter({"memory", "", tx_}, SystemClock());
    risk_writer_ = *topic::OpenTopicWriter({"memory", "", risk_}, SystemClock());
    store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    database_ = *sql::Database::Open({});
    conf_ = *conf::ParseConf(*ParseJson(ChainConf(tx_, risk_), "chain"), "chain");
    options_.stream.raw_retention = std::chrono::days{4000};
    options_.stream.as_of_retention = std::chrono::days{4000};
    options_.topics_default = "memory:";
  }

  void Append(const RiskEvent& event) { Append(event, event.time); }
  void Append(const Transaction& event) { Append(event, event.time); }
  void Append(const RiskEvent& event, int64_t append_time) {
    const std::string score = event.score ? PrintJson(Json(*event.score)) : "null";
    const std::string merchant = std::to_string(event.merchant);
    ASSERT_TRUE(risk_writer_
                    ->Append({{merchant,
                               "{\"merchant\":" + merchant + ",\"score\":" + score +
                                   ",\"ts\":" + std::to_string(event.time) + "}",
                               FromMillis(append_time)}})
                    .ok());
    risks_.push_back(event);
  }
  void Append(const Transaction& event, int64_t append_time) {
    const auto shown = [](std::optional<int64_t> v) { return v ? std::to_string(*v) : "null"; };
    ASSERT_TRUE(
        tx_writer_
            ->Append({{shown(event.merchant),
                       "{\"user\":" + shown(event.user) + ",\"merchant\":" + shown(event.merchant) +
                           ",\"amount\":" + PrintJson(Json(event.amount)) +
                           ",\"ts\":" + std::to_string(event.time) + "}",
                       FromMillis(append_time)}})
            .ok());
    transactions_.push_back(event);
  }

  // Random events in order of time across both topics, several on one instant now and then.
  void AppendRandom(Random* random, int count, int64_t step_max) {
    for (int i = 0; i < count; ++i) {
      if (!random->OneIn(4)) now_ += random->Between(0, step_max);
      if (random->OneIn(3)) {
        RiskEvent event{now_, random->Between(1, 4), std::nullopt};
        if (!random->OneIn(10)) event.score = static_cast<double>(random->Below(64)) / 64;
        Append(event);
      } else {
        Transaction event{now_, random->Between(1, 5), random->Between(1, 5),
                          static_cast<double>(random->Below(4000)) / 4};
        if (random->OneIn(20)) event.user.reset();
        if (random->OneIn(20)) event.merchant.reset();
        Append(event);
      }
    }
  }

  Result<std::unique_ptr<StreamJob>> OpenJob() { return OpenJob({conf_}); }
  Result<std::unique_ptr<StreamJob>> OpenJob(const std::vector<conf::Conf>& confs) {
    return StreamJob::Open(
        confs, options_,
        [](const std::string& table) {
          return Result<types::Schema>(NotFound("no table: " + table));
        },
        store_.get(), database_.get(), &SystemClock());
  }

  // Runs the job until it caught up (or `stop_early`), and checks that the counts add up.
  void RunJob(bool stop_early = false) { RunJob({conf_}, stop_early); }
  void RunJob(const std::vector<conf::Conf>& confs, bool stop_early = false) {
    auto job = OpenJob(confs);
    ASSERT_TRUE(job.ok()) << job.error().message;
    std::stop_source stop;
    Status ended;
    std::jthread thread([&] { ended = (*job)->Run(stop.get_token()); });
    if (stop_early) {
      std::this_thread::sleep_for(std::chrono::milliseconds(15));
    } else {
      for (int i = 0; i < 20000 && !(*job)->CaughtUp(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      EXPECT_TRUE((*job)->CaughtUp());
    }
    stop.request_stop();
    thread.join();
    ASSERT_TRUE(ended.ok()) << ended.error().message;
    reports_ = (*job)->Reports();
    for (const char* name : {"chain.v1", "risk.v1"}) {
      const auto checkpoints = fetch::ReadCheckpoints(store_.get(), name);
      ASSERT_TRUE(checkpoints.ok());
      for (const auto& [partition, checkpoint] : *checkpoints) {
        EXPECT_EQ(checkpoint.Consumed(), checkpoint.Accounted()) << name << " " << partition;
      }
    }
  }

  // All values of the datasets whose names begin so.
  static std::string ValuesOf(kv::KVStore* store, std::string_view prefix) {
    std::string all;
    for (const std::string& dataset : *store->ListDatasets()) {
      if (!dataset.starts_with(prefix)) continue;
      EXPECT_TRUE(store
                      ->Scan(dataset,
                             [&](std::string_view key, const kv::TimedValue& value) {
                               AppendSized(&all, dataset);
                               AppendSized(&all, key);
                               AppendZigzag(&all, ToMillis(value.time));
                               AppendVarint(&all, value.sequence);
                               AppendSized(&all, value.value);
                               return true;
                             })
                      .ok());
    }
    return all;
  }
  // All values, and what checkpoints say of the records; not when the stream knew what, which is
  // another time at every replay: watermarks, `late_after_gate`, marks of retention, reports.
  std::string StateBytes() {
    std::string all = ValuesOf(store_.get(), "");
    for (const char* name : {"chain.v1", "risk.v1"}) {
      for (auto [partition, checkpoint] : *fetch::ReadCheckpoints(store_.get(), name)) {
        checkpoint.watermark = 0;
        checkpoint.late_after_gate = 0;
        AppendSized(&all, fetch::CheckpointMark(name, partition, checkpoint).value);
      }
    }
    return all;
  }

  // The definition: scan everything.
  std::optional<double> RiskOf(const Transaction& tx) const {
    std::optional<double> last;
    int64_t last_time = INT64_MIN;
    for (const RiskEvent& risk : risks_) {
      if (risk.merchant != tx.merchant || risk.time >= tx.time || !risk.score) continue;
      if (risk.time > last_time) {
        last = risk.score;
        last_time = risk.time;
      }
    }
    return last;
  }
  std::vector<types::Value> Naive(int64_t user, int64_t t) const {
    const auto fold = [&](std::optional<Millis> window, auto value_of) {
      std::vector<double> values;
      for (const Transaction& tx : transactions_) {
        const int64_t tail =
            window ? ToMillis(aggregate::WindowTail(FromMillis(t), *window)) : INT64_MIN;
        if (tx.user != user || tx.time >= t || tx.time < tail) continue;
        if (const std::optional<double> value = value_of(tx)) values.push_back(*value);
      }
      return values;
    };
    const auto sum = [](const std::vector<double>& values) {
      double total = 0;
      for (const double value : values) total += value;
      return total;
    };
    const auto risk = [&](const Transaction& tx) { return RiskOf(tx); };
    const auto amount = [](const Transaction& tx) { return std::optional<double>(tx.amount); };
    std::vector<types::Value> row;
    for (const Millis window : {Millis(std::chrono::minutes(5)), Millis(kHour), kDay, 7 * kDay}) {
      const auto values = fold(window, risk);
      row.emplace_back();
      if (values.empty()) continue;
      row.back() = types::Value(sum(values) / static_cast<double>(values.size()));
    }
    const auto amounts = fold(kHour, amount);
    row.emplace_back();
    if (!amounts.empty()) row.back() = types::Value(sum(amounts));
    row.push_back(NaiveLast(user, t));
    const auto all = fold(std::nullopt, amount);
    row.emplace_back();
    if (!all.empty()) row.back() = types::Value(static_cast<int64_t>(all.size()));
    return row;
  }
  // Ties in time: the smaller (partition, offset) is the first encountered.
  types::Value NaiveLast(int64_t user, int64_t t) const {
    const Transaction* best = nullptr;
    uint64_t best_order = 0;
    std::map<int64_t, uint64_t> next;
    for (const Transaction& tx : transactions_) {
      const std::string key = tx.merchant ? std::to_string(*tx.merchant) : "null";
      const auto partition = static_cast<int64_t>(HashBytes(key) % kTransactionPartitions);
      const uint64_t order = static_cast<uint64_t>(partition) << 48 | next[partition]++;
      if (tx.user != user || tx.time >= t || !RiskOf(tx)) continue;
      const bool newer = best == nullptr || tx.time > best->time;
      const bool first = best != nullptr && tx.time == best->time && order < best_order;
      if (newer || first) {
        best = &tx;
        best_order = order;
      }
    }
    return best == nullptr ? types::Value() : types::Value(*RiskOf(*best));
  }

  void ExpectEqualAt(Random* random, int probes) {
    fetch::Fetcher fetcher(store_.get());
    fetcher.AddConf(conf_);
    for (int i = 0; i < probes; ++i) {
      const int64_t user = random->Between(1, 5);
      int64_t t = random->Between(kStart, now_ + 1000);
      if (random->OneIn(3)) t = transactions_[random->Below(transactions_.size())].time;
      if (random->OneIn(4)) t = FloorMillis(t, kFiveMinutes.count());
      types::BatchBuilder keys(types::Schema{{{"user", types::Kind::kLong}}});
      ASSERT_TRUE(keys.AppendRow(std::vector<types::Value>{user}).ok());
      const Timestamp as_of = FromMillis(t);
      auto answer = fetcher.FetchGroupBy("chain.v1", keys.Build(), {&as_of, 1});
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      EXPECT_TRUE(answer->Complete(0));
      EXPECT_EQ(answer->features.Row(0), Naive(user, t)) << "user " << user << " at " << t;
    }
  }

  std::string tx_, risk_;
  std::unique_ptr<topic::TopicWriter> tx_writer_, risk_writer_;
  std::unique_ptr<kv::KVStore> store_;
  std::unique_ptr<sql::Database> database_;
  conf::Conf conf_;
  StreamJobOptions options_;
  std::vector<RiskEvent> risks_;
  std::vector<Transaction> transactions_;
  std::vector<ChainReport> reports_;
  int64_t now_ = kStart;
};

// The same chain, whose enriched rows go to a topic.
class PublishedJobTest : public JobTest {
 protected:
  static constexpr int kEnrichedPartitions = 3;

  void SetUp() override {
    JobTest::SetUp();
    enriched_ = tx_ + "_enriched";
    ASSERT_TRUE(topic::CreateTopic({"memory", "", enriched_}, kEnrichedPartitions).ok());
    options_.stream.lag = std::chrono::hours{1};  // Nothing is forced.
    options_.published["parent"] = {"memory:" + enriched_, {}, false};
  }
  // In records of `serde`, by a schema in a file of this name.
  void PublishIn(const std::string& serde, const std::string& file, const std::string& schema) {
    const std::string path = testing::TempDir() + file;
    std::ofstream(path) << schema;
    std::string spelled;
    for (const char c : path) spelled += c == '/' ? "%2F" : std::string(1, c);
    options_.published["parent"].topic =
        "memory:" + enriched_ + "/serde=" + serde + "/schema=" + spelled;
  }

  std::string enriched_;
};

}  // namespace catena::streaming
