// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/job.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "catena/aggregate/window/resolution.h"
#include "catena/base/hash.h"
#include "catena/base/random.h"
#include "catena/fetch/fetcher.h"
#include "catena/streaming/dead_letter.h"
#include "catena/topic/topic.h"

namespace catena::streaming {
namespace {

constexpr uint64_t kSeed = 20261121;
constexpr int64_t kStart = 1'790'000'000'000;  // Mid-morning of some day in 2026.

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
std::string ChainConf(const std::string& tx_topic, const std::string& risk_topic) {
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

// A store that loses the answers to some folds, at first: what was asked may have been done or not.
class UnreliableStore : public kv::KVStore {
 public:
  UnreliableStore(std::unique_ptr<kv::KVStore> store, uint64_t seed, int losses)
      : store_(std::move(store)), random_(seed), losses_left_(losses) {}

  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    const std::lock_guard lock(mutex_);
    const bool is_fold = !batch.puts.empty();
    if (!is_fold || losses_left_ == 0 || !random_.OneIn(3)) return store_->Apply(batch, durable);
    --losses_left_;
    const bool is_done = random_.OneIn(2);
    if (is_done) CATENA_RETURN_IF_ERROR(store_->Apply(batch, durable));
    return Unavailable("the answer was lost");
  }
  int losses_left() const { return losses_left_; }

  std::vector<Result<std::vector<kv::TimedValue>>> MultiGet(
      std::span<const kv::GetRequest> requests) override {
    return store_->MultiGet(requests);
  }
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    return store_->GetMark(dataset, name);
  }
  Result<std::vector<kv::Mark>> ListMarks(std::string_view dataset,
                                          std::string_view prefix) override {
    return store_->ListMarks(dataset, prefix);
  }
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    return store_->SetHorizon(dataset, horizon);
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const kv::TimedValue&)>& visit) override {
    return store_->Scan(dataset, visit);
  }
  Result<std::vector<std::string>> ListDatasets() override { return store_->ListDatasets(); }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    return store_->ApproximateBytes(dataset);
  }
  Status Sync() override { return store_->Sync(); }

 private:
  std::unique_ptr<kv::KVStore> store_;
  std::mutex mutex_;
  Random random_;
  std::atomic<int> losses_left_;
};

class JobTest : public testing::Test {
 protected:
  void SetUp() override {
    static int counter = 0;
    tx_ = "job_test_tx_" + std::to_string(counter);
    risk_ = "job_test_risk_" + std::to_string(counter++);
    ASSERT_TRUE(topic::CreateTopic({"memory", "", tx_}, 3).ok());
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

  void Append(const RiskEvent& event) {
    const std::string score = event.score ? PrintJson(Json(*event.score)) : "null";
    const std::string merchant = std::to_string(event.merchant);
    ASSERT_TRUE(risk_writer_
                    ->Append({{merchant,
                               "{\"merchant\":" + merchant + ",\"score\":" + score +
                                   ",\"ts\":" + std::to_string(event.time) + "}",
                               FromMillis(event.time)}})
                    .ok());
    risks_.push_back(event);
  }
  void Append(const Transaction& event) {
    const auto shown = [](std::optional<int64_t> v) { return v ? std::to_string(*v) : "null"; };
    ASSERT_TRUE(
        tx_writer_
            ->Append({{shown(event.merchant),
                       "{\"user\":" + shown(event.user) + ",\"merchant\":" + shown(event.merchant) +
                           ",\"amount\":" + PrintJson(Json(event.amount)) +
                           ",\"ts\":" + std::to_string(event.time) + "}",
                       FromMillis(event.time)}})
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

  // Runs the job until it caught up (or `stop_early`), and checks that the counts add up.
  void RunJob(bool stop_early = false) {
    auto job = StreamJob::Open(
        {conf_}, options_,
        [](const std::string& table) {
          return Result<types::Schema>(NotFound("no table: " + table));
        },
        store_.get(), database_.get(), &SystemClock());
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
      const auto partition = static_cast<int64_t>(HashBytes(key) % 3);
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
        EXPECT_EQ(letter.key, "1");
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
  const auto job = StreamJob::Open(
      {conf_}, options_,
      [](const std::string& table) {
        return Result<types::Schema>(NotFound("no table: " + table));
      },
      store_.get(), database_.get(), &SystemClock());
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

TEST_F(JobTest, DebugWritesNothing) {
  Append(Transaction{kStart, 1, 1, 2.0});
  options_.stream.debug = true;
  RunJob();
  EXPECT_TRUE(store_->ListDatasets()->empty());
  EXPECT_TRUE(store_->ListMarks("chain_v1_STREAMING", "")->empty());
  EXPECT_FALSE(*store_->GetMark("chain_v1_BATCH", "serving_info"));
}

TEST_F(JobTest, TheReasonOfThePathIsTold) {
  auto job = StreamJob::Open(
      {conf_}, options_,
      [](const std::string& table) {
        return Result<types::Schema>(NotFound("no table: " + table));
      },
      store_.get(), database_.get(), &SystemClock());
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
  auto job = StreamJob::Open(
      {conf_}, options_,
      [](const std::string& table) {
        return Result<types::Schema>(NotFound("no table: " + table));
      },
      store_.get(), database_.get(), &SystemClock());
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("definition changed"), std::string::npos);
}

TEST_F(JobTest, ExactWindowsDoNotStream) {
  auto json = *ParseJson(ChainConf(tx_, risk_), "chain");
  json["metaData"]["customJson"] = R"({"exact_windows": true})";
  conf_ = *conf::ParseConf(json, "chain");
  auto job = StreamJob::Open(
      {conf_}, options_,
      [](const std::string& table) {
        return Result<types::Schema>(NotFound("no table: " + table));
      },
      store_.get(), database_.get(), &SystemClock());
  ASSERT_FALSE(job.ok());
  EXPECT_NE(job.error().message.find("drop exact_windows"), std::string::npos)
      << job.error().message;
}

}  // namespace
}  // namespace catena::streaming
