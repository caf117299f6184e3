// SPDX-License-Identifier: Apache-2.0
// Every parameter of docs/reference/parameters.md: where it may be said, what wins, and what it
// does.

#include "catena/streaming/stream_options.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "catena/streaming/gate.h"
#include "catena/streaming/job_under_test.h"
#include "catena/streaming/wrapped_store.h"

namespace catena::streaming {
namespace {

// A value of every parameter that its default is not.
const std::map<std::string, std::string> kOthers = {{"event_time_query", "false"},
                                                    {"query_shift_ms", "-7"},
                                                    {"query_delay_ms", "7"},
                                                    {"time_percentile", "0.5"},
                                                    {"lag.millis", "7"},
                                                    {"batch.duration", "5000"},
                                                    {"batch_interval_millis", "7"},
                                                    {"checkpoint.interval", "10000"},
                                                    {"parallelism", "100"},
                                                    {"timeout_millis", "7"},
                                                    {"gate", "fixed"},
                                                    {"out_of_orderness_ms", "7"},
                                                    {"max_future_skew_ms", "7"},
                                                    {"raw_retention_ms", "9000000"},
                                                    {"as_of_retention_ms", "7"},
                                                    {"snapshot_wait_ms", "7"},
                                                    {"state_cache_mb", "7"},
                                                    {"on_error", "skip"},
                                                    {"processing_engine", "embedded"}};

std::shared_ptr<const conf::GroupBy> GroupByThatSays(const std::string& name, const Json& custom,
                                                     const Json& execution = Json::object()) {
  const Json json = {
      {"metaData", {{"name", name}, {"customJson", custom.dump()}, {"executionInfo", execution}}},
      {"keyColumns", {"k"}},
      {"accuracy", 0},
      {"sources", {{{"events", {{"table", "t.t"}, {"topic", "x"}, {"query", Json::object()}}}}}},
      {"aggregations", {{{"inputColumn", "v"}, {"operation", 6}}}}};
  auto conf = conf::ParseConf(json, name);
  EXPECT_TRUE(conf.ok()) << conf.error().message;
  return std::get<std::shared_ptr<const conf::GroupBy>>(conf->definition);
}

Result<StreamParameters> Merged(const Settings& settings,
                                const std::vector<std::shared_ptr<const conf::GroupBy>>& confs) {
  return StreamParametersOf(settings, confs);
}

TEST(StreamOptions, EveryParameterIsTakenInEverySpellingFromEveryPlace) {
  for (const auto& [name, value] : kOthers) {
    const std::string prefixed = std::string(kStreamPrefix) + name;
    Settings settings;
    ASSERT_TRUE(ApplyOverride(prefixed + "=" + value, &settings).ok()) << name;
    const auto of_flag = Merged(settings, {});
    settings = {};
    ASSERT_TRUE(SetStreamParameter("catena.yaml", name, value, &settings.stream).ok()) << name;
    const auto of_file = Merged(settings, {});
    const auto of_custom_json = Merged({}, {GroupByThatSays("a", {{prefixed, value}})});
    const auto of_common =
        Merged({}, {GroupByThatSays("a", {}, {{"conf", {{"common", {{prefixed, value}}}}}})});
    const auto of_streaming = Merged(
        {}, {GroupByThatSays("a", {},
                             {{"conf", {{"modeConfigs", {{"streaming", {{prefixed, value}}}}}}}})});
    for (const auto* merged : {&of_file, &of_custom_json, &of_common, &of_streaming}) {
      ASSERT_TRUE(merged->ok()) << name;
      EXPECT_EQ(**merged, *of_flag) << name;
    }
    EXPECT_EQ(of_flag->size(), 1u) << name;
    EXPECT_TRUE(ReadStreamOptions(*of_flag).ok()) << name;
  }
}

TEST(StreamOptions, APythonArgumentIsTakenAsItStandsAndDebugIsOfARunAlone) {
  const auto merged = Merged({}, {GroupByThatSays("a", {{"lag_millis", 500},
                                                        {"event_time_query", false},
                                                        {"debug", true},
                                                        {"team_color", "red"}})});
  EXPECT_EQ(*merged, (StreamParameters{{"lag_millis", "500"}, {"event_time_query", "false"}}));
}

TEST(StreamOptions, TheNearerWordWins) {
  Settings settings;
  settings.stream = {{"lag_millis", "1"}, {"parallelism", "1"}, {"gate", "fixed"}};
  settings.stream_overrides = {{"lag_millis", "3"}};
  const auto merged =
      Merged(settings, {GroupByThatSays("a", {{"lag_millis", 2}, {"parallelism", 2}}),
                        GroupByThatSays("b", {{"lag_millis", 4}, {"parallelism", "2"}})});
  EXPECT_EQ(*merged,
            (StreamParameters{{"lag_millis", "3"}, {"parallelism", "2"}, {"gate", "fixed"}}));
}

TEST(StreamOptions, ConfsThatDifferAreRefusedByName) {
  const auto merged = Merged(
      {}, {GroupByThatSays("a", {{"lag_millis", 1}}), GroupByThatSays("b", {{"lag_millis", 2}})});
  ASSERT_FALSE(merged.ok());
  EXPECT_NE(merged.error().message.find("lag_millis is 1 in a, 2 in b"), std::string::npos)
      << merged.error().message;
}

TEST(StreamOptions, WhatCannotBeMeantIsRefusedWithTheReason) {
  const auto refused = [](const std::string& name, const std::string& value) {
    const auto options = ReadStreamOptions({{name, value}});
    return options.ok() ? "" : options.error().message;
  };
  EXPECT_NE(refused("lag_millis", "2s").find("takes a whole number"), std::string::npos);
  EXPECT_NE(refused("query_delay_ms", "-1").find("0 or more"), std::string::npos);
  // Times that would overflow where they are added: with such a max_future_skew_ms every record
  // was a dead letter.
  for (const char* name :
       {"lag_millis", "query_delay_ms", "query_shift_ms", "batch_interval_millis",
        "checkpoint_interval", "timeout_millis", "out_of_orderness_ms", "max_future_skew_ms",
        "raw_retention_ms", "as_of_retention_ms", "snapshot_wait_ms"}) {
    EXPECT_NE(refused(name, "9223372036854775807").find("at most 31536000000000 (1000 years)"),
              std::string::npos)
        << name;
  }
  EXPECT_NE(refused("query_shift_ms", "-9223372036854775808").find("1000 years"),
            std::string::npos);
  EXPECT_EQ(refused("as_of_retention_ms", "31536000000000"), "");
  // Taken as 1024 without a word, once: a stream with a gigabyte where four were meant.
  EXPECT_NE(refused("parallelism", "1025").find("at most 1024"), std::string::npos);
  EXPECT_NE(refused("state_cache_mb", "65537").find("at most 65536"), std::string::npos);
  EXPECT_EQ(ReadStreamOptions({{"state_cache_mb", "65536"}})->state_cache_mb, 65536);
  EXPECT_EQ(ReadStreamOptions({{"parallelism", "1024"}})->parallelism, 1024);
  EXPECT_NE(refused("event_time_query", "yes").find("true or false"), std::string::npos);
  EXPECT_NE(refused("time_percentile", "95").find("up to 1"), std::string::npos);
  EXPECT_NE(refused("gate", "sleep").find("caught_up, fixed, watermark"), std::string::npos);
  EXPECT_NE(refused("processing_engine", "flink").find("embedded engine only"), std::string::npos);
  EXPECT_NE(refused("raw_retention_ms", "5000").find("must be at least"), std::string::npos);
  Settings settings;
  const auto unknown = [&](const std::string& assignment) {
    return ApplyOverride(assignment, &settings).error().message;
  };
  EXPECT_NE(unknown("spark.chronon.stream.chain.lag_milis=1").find("did you mean lag_millis"),
            std::string::npos);
  EXPECT_NE(unknown("spark.executor.memory=16g").find("a property of Spark"), std::string::npos);
  EXPECT_FALSE(conf::ParseConf(
                   Json{{"metaData",
                         {{"name", "a"}, {"customJson", R"({"spark.chronon.stream.chain.x": 1})"}}},
                        {"keyColumns", {"k"}}},
                   "a")
                   .ok());
}

TEST(StreamOptions, PercentileAndDelayOfTheFixedGate) {
  const std::vector<int64_t> times = {1000, 2000, 3000, 4000, 5000};
  Progress progress;
  const auto release = [&](const StreamParameters& parameters, int64_t now) {
    Gate gate({}, {}, *ReadStreamOptions(parameters), &progress, nullptr, nullptr);
    GateTicket ticket = gate.Ticket(FromMillis(0), times, {});
    return *gate.Check(&ticket, FromMillis(now));
  };
  const StreamParameters fixed = {{"gate", "fixed"}, {"lag_millis", "0"}};
  const auto with = [&](StreamParameters more) {
    more.insert(fixed.begin(), fixed.end());
    return more;
  };
  EXPECT_EQ(release(with({{"time_percentile", "1"}}), 4999), Release::kWait);
  EXPECT_EQ(release(with({{"time_percentile", "1"}}), 5000), Release::kReady);
  EXPECT_EQ(release(with({{"time_percentile", "0.5"}}), 3000), Release::kReady);
  EXPECT_EQ(release(with({{"time_percentile", "0.5"}, {"query_delay_ms", "1"}}), 3000),
            Release::kWait);
  EXPECT_EQ(release(with({{"time_percentile", "0.5"}, {"query_delay_ms", "1"}}), 3001),
            Release::kReady);
}

// Counts syncs, and the threads that write folds.
class WatchedStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    if (!batch.puts.empty()) {
      const std::lock_guard lock(mutex_);
      writers_.insert(std::this_thread::get_id());
    }
    return WrappedStore::Apply(batch, durable);
  }
  Status Sync() override {
    ++syncs_;
    return WrappedStore::Sync();
  }
  size_t writers() {
    const std::lock_guard lock(mutex_);
    return writers_.size();
  }
  int syncs() const { return syncs_; }

 private:
  std::mutex mutex_;
  std::set<std::thread::id> writers_;
  std::atomic<int> syncs_{0};
};

class StreamOptionsJobTest : public JobTest {
 protected:
  void Say(StreamParameters parameters) {
    const Millis kept = options_.stream.raw_retention;
    options_.stream = *ReadStreamOptions(parameters);
    options_.stream.raw_retention = options_.stream.as_of_retention = kept;
  }
  // The last risk of user 1, as the chain knows it of a transaction before the only risk.
  types::Value RiskSeen(StreamParameters parameters) {
    store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    Say(std::move(parameters));
    RunJob();
    fetch::Fetcher fetcher(store_.get());
    fetcher.AddConf(conf_);
    types::BatchBuilder keys(types::Schema{{{"user", types::Kind::kLong}}});
    EXPECT_TRUE(keys.AppendRow(std::vector<types::Value>{int64_t{1}}).ok());
    const Timestamp as_of = FromMillis(now_);
    auto answer = fetcher.FetchGroupBy("chain.v1", keys.Build(), {&as_of, 1});
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    const auto at = answer->features.schema().Find("risk_last");
    EXPECT_TRUE(at.has_value());
    return answer->features.Row(0)[*at];
  }
};

TEST_F(StreamOptionsJobTest, WhichTimeALeftRowIsEnrichedAsOf) {
  const int64_t then = ToMillis(SystemClock().Now()) - 3'600'000;
  Append(Transaction{then, 1, 1, 2.0});
  Append(RiskEvent{then + 1000, 1, 0.5});
  now_ = then + 2000;
  EXPECT_EQ(RiskSeen({}), types::Value());
  EXPECT_EQ(RiskSeen({{"event_time_query", "false"}}), types::Value(0.5));
  EXPECT_EQ(RiskSeen({{"query_shift_ms", "1000"}}), types::Value());
  EXPECT_EQ(RiskSeen({{"query_shift_ms", "1001"}}), types::Value(0.5));
}

TEST_F(StreamOptionsJobTest, HowManyWorkersFoldAndHowOftenTheStateIsSynced) {
  Random random(kSeed);
  AppendRandom(&random, 300, 1000);
  int at_the_end = 0;
  for (const size_t workers : {1, 3}) {
    auto watched = std::make_unique<WatchedStore>(*kv::OpenKVStore("memory:", kv::OpenMode::kOwn));
    WatchedStore* const store = watched.get();
    store_ = std::move(watched);
    Say({{"parallelism", std::to_string(workers)}, {"checkpoint_interval", "86400000"}});
    RunJob();
    // One a topic; of three, those to whose partitions the keys happen to go.
    EXPECT_GE(store->writers(), std::min<size_t>(workers, 2) + 1);
    EXPECT_LE(store->writers(), 2 * workers);
    at_the_end = store->syncs();
  }
  auto watched = std::make_unique<WatchedStore>(*kv::OpenKVStore("memory:", kv::OpenMode::kOwn));
  WatchedStore* const store = watched.get();
  store_ = std::move(watched);
  Say({{"checkpoint_interval", "0"}});
  RunJob();
  EXPECT_GT(store->syncs(), at_the_end);
}

}  // namespace
}  // namespace catena::streaming
