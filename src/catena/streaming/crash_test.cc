// SPDX-License-Identifier: Apache-2.0
// kill -9 of a streaming process in the middle of its writes: with state and offset in one write
// every record counts once. The controls write the two apart, and must fail.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "catena/base/random.h"
#include "catena/fetch/fetcher.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/child_process.h"
#include "catena/streaming/job.h"
#include "catena/streaming/wrapped_store.h"
#include "catena/topic/topic.h"

namespace catena::streaming {
namespace {

// How many there are in between follows from the stream: once all is folded nothing is left to hit.
constexpr int kKillsLeast = 4;
constexpr int kKillsMost = 16;
constexpr int64_t kRecords = 60'000;
constexpr int64_t kUsers = 7;
constexpr int kPartitions = 3;
constexpr int64_t kStart = 1'790'000'000'000;
// How long a control is between its two writes: as long as a disk may take.
constexpr std::chrono::milliseconds kBetweenWrites{2};

constexpr char kConf[] = R"json({
  "metaData": {"name": "spend.v1"}, "keyColumns": ["user"],
  "aggregations": [{"inputColumn": "amount", "operation": 6},
                   {"inputColumn": "amount", "operation": 7},
                   {"inputColumn": "note", "operation": 3}],
  "sources": [{"events": {"table": "t.tx", "topic": "tx", "query": {"timeColumn": "ts"}}}],
  "catena": {"schemas": {"t.tx": [["user", "LONG"], ["amount", "LONG"], ["note", "STRING"],
                                 ["ts", "LONG"]]}}})json";
// So long that a megabyte of state is written many times.
const std::string kNote(800, 'n');

struct ScratchFolder {
  ScratchFolder() { std::filesystem::create_directory(path); }
  ~ScratchFolder() { std::filesystem::remove_all(path); }
  const std::string path = testing::TempDir() + "catena_stream_crash_" + std::to_string(getpid());
};

enum class Writing : uint8_t { kTogether, kStateFirst, kOffsetFirst };

std::string TopicsURL(const std::string& folder) { return "file:" + folder + "/topics"; }
std::string StoreURL(const std::string& folder) { return "rocksdb:" + folder + "/state"; }

// Tells the parent of every write of rows: before a whole one, between the halves of others.
class ToldStore : public WrappedStore {
 public:
  ToldStore(std::unique_ptr<kv::KVStore> store, Writing writing)
      : WrappedStore(std::move(store)), writing_(writing) {}

  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    const bool is_fold = !batch.puts.empty();
    if (!is_fold || writing_ == Writing::kTogether) {
      if (is_fold) kv::TellParent("writes");
      return WrappedStore::Apply(batch, durable);
    }
    const kv::WriteBatch state{batch.puts, {}};
    const kv::WriteBatch offset{{}, batch.marks};
    const bool is_state_first = writing_ == Writing::kStateFirst;
    CATENA_RETURN_IF_ERROR(WrappedStore::Apply(is_state_first ? state : offset, durable));
    kv::TellParent("writes");
    std::this_thread::sleep_for(kBetweenWrites);
    return WrappedStore::Apply(is_state_first ? offset : state, durable);
  }

 private:
  const Writing writing_;
};

conf::Conf SpendConf() { return *conf::ParseConf(*ParseJson(kConf, "spend"), "spend"); }

// Until it fails, or `caught_up`, called once when all is folded, asks it to stop.
Status Stream(const std::string& folder, kv::KVStore* store,
              const std::function<void(std::stop_source*)>& caught_up) {
  CATENA_TRY(auto database, sql::Database::Open({}));
  StreamJobOptions options;
  options.topics_default = TopicsURL(folder);
  options.stream.gate = GateKind::kWatermark;
  options.stream.state_cache_mb = 1;
  options.stream.raw_retention = options.stream.as_of_retention = std::chrono::days{4000};
  const auto no_table = [](const std::string& table) {
    return Result<types::Schema>(NotFound("no table: " + table));
  };
  CATENA_TRY(auto job, StreamJob::Open({SpendConf()}, options, no_table, store, database.get(),
                                       &SystemClock()));
  std::stop_source stop;
  Status ended;
  std::atomic<bool> has_ended = false;
  std::jthread thread([&] {
    ended = job->Run(stop.get_token());
    has_ended = true;
  });
  while (!job->CaughtUp() && !has_ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!has_ended) caught_up(&stop);
  thread.join();
  return ended;
}

// "<how it writes> <folder>"
int StreamForEver(const std::string& argument) {
  const auto writing = static_cast<Writing>(argument[0] - '0');
  const std::string folder = argument.substr(2);
  // What is held back goes through the one that tells.
  kv::FrontedStore store(std::make_unique<ToldStore>(
      kv::OpenKVStore(StoreURL(folder), kv::OpenMode::kOwn).value(), writing));
  const Status ended =
      Stream(folder, &store, [](std::stop_source*) { kv::TellParent("caught up"); });
  return ended.ok() ? 0 : 1;
}

class RoleEnvironment : public testing::Environment {
 public:
  void SetUp() override { kv::RunChildRole(); }
};
const testing::Environment* const kRoles = testing::AddGlobalTestEnvironment(new RoleEnvironment);
const bool kRegistered = kv::RegisterChildRole("stream for ever", StreamForEver);

void Produce(const std::string& folder, Random* random, std::vector<int64_t>* sums,
             std::vector<int64_t>* counts) {
  const auto address = *topic::ParseTopicAddress("tx", TopicsURL(folder));
  ASSERT_TRUE(topic::CreateTopic(address, kPartitions).ok());
  auto writer = *topic::OpenTopicWriter(address, SystemClock());
  std::vector<topic::OutRecord> records;
  sums->resize(kUsers);
  counts->resize(kUsers);
  for (int64_t i = 0; i < kRecords; ++i) {
    const auto user = static_cast<int64_t>(random->Below(kUsers));
    const auto amount = static_cast<int64_t>(random->Below(1000));
    (*sums)[static_cast<size_t>(user)] += amount;
    ++(*counts)[static_cast<size_t>(user)];
    records.push_back({std::to_string(i),
                       "{\"user\":" + std::to_string(user) +
                           ",\"amount\":" + std::to_string(amount) + ",\"note\":\"" + kNote +
                           "\",\"ts\":" + std::to_string(kStart + i) + "}",
                       FromMillis(kStart + i)});
  }
  ASSERT_TRUE(writer->Append(records).ok());
}

// Killed at random writes, then left to catch up: whether all of it counts once.
bool CountsOnceAfterKills(Writing writing) {
  const ScratchFolder folder;
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::vector<int64_t> sums, counts;
  Produce(folder.path, &random, &sums, &counts);
  const std::string argument = std::to_string(static_cast<int>(writing)) + " " + folder.path;
  int kills = 0;
  for (bool is_done = false; kills < kKillsMost && !is_done; ++kills) {
    kv::ChildProcess child("stream for ever", argument);
    for (uint64_t left = 1 + random.Below(3); left > 0 && !is_done; --left) {
      const std::string line = child.ReadLine();
      EXPECT_FALSE(line.empty()) << "it ended by itself";
      is_done = line.empty() || line == "caught up";
    }
    if (random.OneIn(2)) {
      std::this_thread::sleep_for(std::chrono::microseconds(random.Below(1500)));
    }
    child.Signal(SIGKILL);
  }
  EXPECT_GE(kills, kKillsLeast) << "few writes to hit: give it more records";
  auto store = kv::OpenKVStore(StoreURL(folder.path), kv::OpenMode::kOwn).value();
  EXPECT_TRUE(
      Stream(folder.path, store.get(), [](std::stop_source* stop) { stop->request_stop(); }).ok());
  int64_t consumed = 0;
  for (const auto& [partition, checkpoint] : *fetch::ReadCheckpoints(store.get(), "spend.v1")) {
    EXPECT_EQ(checkpoint.Consumed(), checkpoint.Accounted());
    consumed += checkpoint.Consumed();
  }
  EXPECT_EQ(consumed, kRecords);
  fetch::Fetcher fetcher(store.get());
  fetcher.AddConf(SpendConf());
  bool is_once = true;
  for (int64_t user = 0; user < kUsers; ++user) {
    types::BatchBuilder keys(types::Schema{{{"user", types::Kind::kLong}}});
    EXPECT_TRUE(keys.AppendRow(std::vector<types::Value>{user}).ok());
    // From tiles: raw rows that are written again are the same rows.
    const Timestamp after = FromMillis(kStart + kRecords) + kHour;
    const auto answer = fetcher.FetchGroupBy("spend.v1", keys.Build(), {&after, 1});
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    const std::vector<types::Value> expected = {counts[static_cast<size_t>(user)],
                                                sums[static_cast<size_t>(user)], kNote};
    is_once = is_once && answer->features.Row(0) == expected;
  }
  return is_once;
}

TEST(StreamCrashTest, EveryRecordCountsOnceAfterKillsInTheMiddleOfWrites) {
  ASSERT_TRUE(kRegistered && kRoles != nullptr);
  EXPECT_TRUE(CountsOnceAfterKills(Writing::kTogether));
}

TEST(StreamCrashTest, ControlAnOffsetWrittenAfterTheStateDoublesRecords) {
  EXPECT_FALSE(CountsOnceAfterKills(Writing::kStateFirst));
}

TEST(StreamCrashTest, ControlAnOffsetWrittenBeforeTheStateLosesRecords) {
  EXPECT_FALSE(CountsOnceAfterKills(Writing::kOffsetFirst));
}

}  // namespace
}  // namespace catena::streaming
