// SPDX-License-Identifier: Apache-2.0
// Uploads of one day again and again, some of which die and some of which go on at once, while
// readers ask: every answer is that of one upload that ended, and of the last that did in the end.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "catena/base/random.h"
#include "catena/batch/group_by_upload.h"
#include "catena/batch/warehouse_fixture.h"
#include "catena/fetch/fetcher.h"
#include "catena/fetch/online_state.h"
#include "catena/fetch/state_check.h"
#include "catena/kv/stores_under_test.h"

namespace catena::batch {
namespace {

constexpr char kDayText[] = "2026-03-04";
constexpr char kConf[] = R"json({"metaData": {"name": "gb", "outputNamespace": "t"},
  "keyColumns": ["key"], "accuracy": ACCURACY, "aggregations": [
    {"inputColumn": "amount", "operation": 7, "windows": [{"length": 2, "timeUnit": 1}]}],
  "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})json";
constexpr int64_t kKeys = 24;
constexpr int64_t kDies = 1'000'000;  // Uploads of such numbers die.

bool HasKey(int64_t upload, int64_t key) { return key == 0 || (upload * 7 + key * key) % 3 != 0; }

// Does something else before write number `at`, from 0, and writes that one unless it is to end.
class InterruptedStore : public kv::KVStore {
 public:
  explicit InterruptedStore(kv::KVStore* store) : store_(*store) {}
  std::vector<Result<std::vector<kv::TimedValue>>> MultiGet(
      std::span<const kv::GetRequest> requests) override {
    return store_.MultiGet(requests);
  }
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    return store_.GetMark(dataset, name);
  }
  Result<std::vector<kv::Mark>> ListMarks(std::string_view dataset,
                                          std::string_view prefix) override {
    return store_.ListMarks(dataset, prefix);
  }
  Status Apply(const kv::WriteBatch& batch, bool durable) override {
    if (at-- == 0) CATENA_RETURN_IF_ERROR(then());
    return store_.Apply(batch, durable);
  }
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    return store_.SetHorizon(dataset, horizon);
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const kv::TimedValue&)>& visit) override {
    return store_.Scan(dataset, visit);
  }
  Result<std::vector<std::string>> ListDatasets() override { return store_.ListDatasets(); }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    return store_.ApproximateBytes(dataset);
  }
  Status DropDataset(std::string_view dataset) override { return store_.DropDataset(dataset); }
  Status Sync() override { return store_.Sync(); }

  int64_t at = -1;
  std::function<Status()> then;

 private:
  kv::KVStore& store_;
};

class UploadAgainTest : public testing::TestWithParam<kv::StoreKind>, protected TemporaryWarehouse {
 protected:
  // As if amounts had changed and keys had come and gone since the last one.
  Status Upload(const conf::Conf& conf, int64_t number) {
    std::vector<Row> rows;
    for (int64_t key = 0; key < kKeys; ++key) {
      if (HasKey(number, key)) rows.push_back({std::to_string(key), number, At(kDayText, 1)});
    }
    Write("t.events", kDayText, "key STRING, amount LONG, ts LONG", rows);
    UploadOptions options;
    options.chunk_bytes = 1;
    RunReport report;
    return RunUpload(context_, conf, Day(kDayText), &store_, options, &report);
  }
  // Number of the upload whose values are served.
  static int64_t Served(fetch::Fetcher* fetcher) {
    types::BatchBuilder keys(SchemaOf("key STRING"));
    for (int64_t key = 0; key < kKeys; ++key) OrStop(keys.AppendRow(Row{std::to_string(key)}));
    const std::vector<Timestamp> as_of(kKeys, Day(kDayText).End());
    const auto answer = fetcher->FetchGroupBy("gb", keys.Build(), as_of);
    EXPECT_TRUE(answer.ok());
    const int64_t number = std::get<int64_t>(answer->features.Row(0)[0].data);
    for (int64_t key = 0; key < kKeys; ++key) {
      const Value value = answer->features.Row(static_cast<size_t>(key))[0];
      EXPECT_EQ(value, HasKey(number, key) ? Value(number) : Value()) << key << " of " << number;
    }
    return number;
  }

  kv::StoreUnderTest under_test_{GetParam()};
  InterruptedStore store_{under_test_.store.get()};
};

TEST_P(UploadAgainTest, ReadersSeeOneThatEnded) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::string json = kConf;
  json.replace(json.find("ACCURACY"), 8, random.OneIn(2) ? "0" : "1");
  const conf::Conf conf = ConfOf(json);
  OrStop(Upload(conf, 1));
  fetch::Fetcher fetcher(under_test_.store.get());
  fetcher.AddConf(conf);
  std::atomic<bool> is_over = false;
  std::atomic<int64_t> last = 1;  // That ended.
  std::thread reader([&] {
    while (!is_over) {
      const int64_t before = last;
      const int64_t number = Served(&fetcher);
      EXPECT_TRUE(before <= number && number < kDies) << before << ", " << number;
    }
  });
  for (int64_t number = 2; number < 40; number += 2) {
    const int64_t outer = random.OneIn(2) ? number : kDies + number;
    int64_t writes = 1;  // The last one publishes.
    for (int64_t key = 0; key < kKeys; ++key) writes += HasKey(outer, key) ? 1 : 0;
    store_.at = static_cast<int64_t>(random.Below(static_cast<uint64_t>(writes)));
    store_.then = [&] {
      return outer == number ? Upload(conf, number + 1) : Status(Unavailable("killed"));
    };
    EXPECT_EQ(Upload(conf, outer).ok(), outer == number);
    if (outer == number) last = number;
    EXPECT_EQ(Served(&fetcher), last);
  }
  is_over = true;
  reader.join();
  const auto check =
      fetch::CheckState(&store_, std::get<std::shared_ptr<const conf::GroupBy>>(conf.definition));
  EXPECT_EQ(check.value().problems, 0u);
}

INSTANTIATE_TEST_SUITE_P(Stores, UploadAgainTest,
                         testing::Values(kv::StoreKind::kMemory, kv::StoreKind::kRocksDB,
                                         kv::StoreKind::kRemote, kv::StoreKind::kRedis),
                         [](const auto& test) { return kv::StoreKindName(test.param); });

// As the first versions wrote it, whose one slot is batchEnd itself.
TEST_P(UploadAgainTest, AGenerationWithoutASlotIsRead) {
  const conf::Conf conf =
      ConfOf(std::string(kConf).replace(std::string(kConf).find("ACCURACY"), 8, "1"));
  OrStop(Upload(conf, 1));
  const std::string dataset = fetch::UploadDataset("gb");
  auto generations = fetch::ReadGenerations(&store_, "gb").value();
  kv::WriteBatch old;
  OrStop(store_.Scan(dataset, [&](std::string_view key, const kv::TimedValue& value) {
    old.puts.push_back({dataset, std::string(key), {generations[0].batch_end, 0, value.value}});
    return true;
  }));
  generations[0].slot = 0;
  OrStop(store_.DropDataset(dataset));
  OrStop(Upload(conf, 2));  // What it wrote is not read.
  old.marks.push_back(fetch::GenerationsMark("gb", generations));
  EXPECT_EQ(old.marks[0].value.find("slot"), std::string::npos);
  OrStop(store_.Apply(old, false));
  fetch::Fetcher fetcher(&store_);
  fetcher.AddConf(conf);
  EXPECT_EQ(Served(&fetcher), 1);
  OrStop(Upload(conf, 3));
  EXPECT_EQ(Served(&fetcher), 3);
}

}  // namespace
}  // namespace catena::batch
