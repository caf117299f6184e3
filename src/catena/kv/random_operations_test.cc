// SPDX-License-Identifier: Apache-2.0
// Random operations on a store and on its twin in memory give the same answers, always.

#include <gtest/gtest.h>

#include <random>

#include "catena/base/random.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/rocksdb_store.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

using std::string_literals::operator""s;

constexpr int kOperations = 3000;
constexpr int kDatasets = 3;

std::string Describe(const std::vector<TimedValue>& values) {
  std::string text;
  for (const TimedValue& value : values) {
    text += std::to_string(ToMillis(value.time)) + "/" + std::to_string(value.sequence) + "=" +
            std::to_string(value.value.size()) + value.value.substr(0, 4) + " ";
  }
  return text;
}

class RandomOperations {
 public:
  explicit RandomOperations(uint64_t seed) : random_(seed) {}

  std::string Dataset() { return "D" + std::to_string(random_.Below(kDatasets)); }
  // Few enough to meet again, with zero bytes, 0xFF and prefixes of each other among them.
  std::string Key() {
    static constexpr char kBytes[] = {'\0', '\x01', 'a', '\xff'};
    std::string key;
    for (uint64_t n = random_.Below(4); n > 0; --n) key.push_back(kBytes[random_.Below(4)]);
    return key;
  }
  Timestamp Time() { return FromMillis(random_.Between(-20, 20)); }
  std::string Bytes() {
    return std::string(random_.OneIn(20) ? random_.Below(40'000) : random_.Below(20),
                       static_cast<char>('a' + random_.Below(26)));
  }
  WriteBatch Batch() {
    WriteBatch batch;
    for (uint64_t n = random_.Below(8); n > 0; --n) {
      batch.puts.push_back({Dataset(), Key(), {Time(), random_.Below(3), Bytes()}});
    }
    for (uint64_t n = random_.Below(3); n > 0; --n) {
      batch.marks.push_back({Dataset(), Key(), Bytes()});
    }
    return batch;
  }
  Random* random() { return &random_; }

 private:
  Random random_;
};

struct Comparison {
  RandomOperations* operations;
  KVStore* twin;
  KVStore* store;
  Timestamp horizons[kDatasets];
  FlatAnswers flat = {};

  void Reads() {
    Random* random = operations->random();
    std::vector<std::string> names;
    std::vector<GetRequest> requests(random->Below(7));
    names.reserve(2 * requests.size());
    for (GetRequest& request : requests) {
      request.dataset = names.emplace_back(operations->Dataset());
      request.key = names.emplace_back(operations->Key());
      if (random->OneIn(2)) request.after = operations->Time();
      if (random->OneIn(2)) request.before = operations->Time();
      if (random->OneIn(2)) request.limit = random->Below(4);
      // What is older may be forgotten or not.
      request.after = std::max(request.after, horizons[request.dataset[1] - '0']);
    }
    const auto expected = twin->MultiGet(requests);
    const auto actual = store->MultiGet(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(Describe(actual[i].value()), Describe(expected[i].value()));
    }
    store->MultiGetFlat(requests, &flat);  // The same memory again and again.
    ASSERT_EQ(flat.size(), requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_TRUE(flat.StatusOf(i).ok());
      std::vector<TimedValue> values;
      for (const FlatAnswers::Value& value : flat[i]) {
        values.push_back({value.time, value.sequence, std::string(value.bytes)});
      }
      ASSERT_EQ(Describe(values), Describe(expected[i].value()));
    }
  }
  void Marks() {
    const std::string dataset = operations->Dataset();
    const std::string name = operations->Key();
    ASSERT_EQ(store->GetMark(dataset, name).value(), twin->GetMark(dataset, name).value());
    const auto expected = twin->ListMarks(dataset, name).value();
    const auto actual = store->ListMarks(dataset, name).value();
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      ASSERT_EQ(actual[i].name, expected[i].name);
      ASSERT_EQ(actual[i].value, expected[i].value);
    }
  }
  std::string Scanned(KVStore* from, int dataset) {
    std::string text;
    EXPECT_TRUE(from->Scan("D" + std::to_string(dataset),
                           [&](std::string_view key, const TimedValue& value) {
                             if (value.time >= horizons[dataset])
                               text += std::string(key) + ":" + Describe({value});
                             return true;
                           })
                    .ok());
    return text;
  }
  void Everything() {
    Reads();
    Marks();
    if (operations->random()->OneIn(20)) {
      for (int d = 0; d < kDatasets; ++d) ASSERT_EQ(Scanned(store, d), Scanned(twin, d));
    }
  }
};

class RandomOperationsTest : public testing::TestWithParam<StoreKind> {};

TEST_P(RandomOperationsTest, TheStoreIsItsTwin) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomOperations operations(seed);
  StoreUnderTest under_test(GetParam());
  MemoryKVStore twin;
  Comparison comparison{&operations, &twin, under_test.store.get(), {}};
  std::fill_n(comparison.horizons, kDatasets, Timestamp::min());
  for (int i = 0; i < kOperations && !testing::Test::HasFatalFailure(); ++i) {
    if (operations.random()->OneIn(100)) {
      const uint64_t dataset = operations.random()->Below(kDatasets);
      Timestamp& horizon = comparison.horizons[dataset];
      horizon = std::max(horizon, operations.Time());
      for (KVStore* store : {static_cast<KVStore*>(&twin), under_test.store.get()}) {
        ASSERT_TRUE(store->SetHorizon("D" + std::to_string(dataset), horizon).ok());
      }
    }
    if (operations.random()->OneIn(300)) {
      const uint64_t dataset = operations.random()->Below(kDatasets);
      comparison.horizons[dataset] = Timestamp::min();
      for (KVStore* store : {static_cast<KVStore*>(&twin), under_test.store.get()}) {
        ASSERT_TRUE(store->DropDataset("D" + std::to_string(dataset)).ok());
      }
    }
    const WriteBatch batch = operations.Batch();
    ASSERT_TRUE(twin.Apply(batch).ok());
    ASSERT_TRUE(under_test.store->Apply(batch, operations.random()->OneIn(50)).ok());
    comparison.Everything();
  }
}

INSTANTIATE_TEST_SUITE_P(EveryStore, RandomOperationsTest, testing::ValuesIn(kStoreKinds),
                         [](const auto& info) { return StoreKindName(info.param); });

// The reader beside the owner, through flushes, compactions and restarts of the owner.
TEST(RandomOperationsTest, TheReaderIsTheTwinAfterEveryWrite) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomOperations operations(seed);
  ScratchFolder folder;
  const RocksDBPlace place{folder.path + "/state", 4, 1};
  auto owner = OpenRocksDBOwner(place).value();
  const auto reader = OpenRocksDBReader(place).value();
  MemoryKVStore twin;
  Comparison comparison{&operations, &twin, reader.get(), {}};
  std::fill_n(comparison.horizons, kDatasets, Timestamp::min());
  for (int i = 0; i < kOperations && !testing::Test::HasFatalFailure(); ++i) {
    if (operations.random()->OneIn(300)) {
      owner.reset();
      owner = OpenRocksDBOwner(place).value();
    }
    if (operations.random()->OneIn(300)) {
      for (KVStore* store : {static_cast<KVStore*>(&twin), owner.get()}) {
        ASSERT_TRUE(store->DropDataset("D1").ok());
      }
    }
    const WriteBatch batch = operations.Batch();
    ASSERT_TRUE(twin.Apply(batch).ok());
    ASSERT_TRUE(owner->Apply(batch).ok());
    comparison.Everything();
  }
  EXPECT_EQ(reader->Apply({}).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace catena::kv
