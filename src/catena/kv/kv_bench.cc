// SPDX-License-Identifier: Apache-2.0
// Latencies of the calls that streaming and serving make: one micro-batch applied, one row fetched.
//
// Each benchmark reports p50_us and p99_us of single calls. Arg 0 is the owner, 1 goes through the
// owner's socket, 2 reads the files beside it.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "catena/base/random.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

constexpr int kKeys = 20'000;
constexpr int kValuesPerKey = 10;

std::string KeyOf(uint64_t i) { return "user_" + std::to_string(i * 7919 % 1'000'003); }

struct Stores {
  ScratchFolder folder;
  std::unique_ptr<KVStore> owner;
  std::unique_ptr<KVStore> other;

  explicit Stores(int64_t way) {
    const std::string url = "rocksdb:" + folder.path + "/state";
    owner = OpenKVStore(url, OpenMode::kOwn).value();
    if (way == 1) other = OpenKVStore(url, OpenMode::kJoin).value();
  }
  KVStore* store() { return other ? other.get() : owner.get(); }
};

class Latencies {
 public:
  void Begin() { begin_ = std::chrono::steady_clock::now(); }
  void End() {
    micros_.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin_)
            .count());
  }
  void Report(benchmark::State* state) {
    std::sort(micros_.begin(), micros_.end());
    state->counters["p50_us"] = micros_[micros_.size() / 2];
    state->counters["p99_us"] = micros_[micros_.size() * 99 / 100];
  }

 private:
  std::chrono::steady_clock::time_point begin_;
  std::vector<double> micros_;
};

WriteBatch MicroBatch(Random* random, int64_t i) {
  WriteBatch batch;
  for (int p = 0; p < 10; ++p) {
    batch.puts.push_back({"USER_STATS_STREAMING",
                          KeyOf(random->Below(kKeys)) + "\x02",
                          {FromMillis(i / 100 * 300'000), 0, std::string(48, 'v')}});
  }
  batch.marks.push_back({"USER_STATS_STREAMING", "offset/0", std::to_string(i)});
  return batch;
}

void BM_ApplyTenPutsAndAMark(benchmark::State& state) {
  Stores stores(state.range(0));
  Random random(1);
  Latencies latencies;
  int64_t i = 0;
  for (auto _ : state) {
    const WriteBatch batch = MicroBatch(&random, i++);
    latencies.Begin();
    if (!stores.store()->Apply(batch, state.range(1) != 0).ok()) std::abort();
    latencies.End();
  }
  latencies.Report(&state);
}
BENCHMARK(BM_ApplyTenPutsAndAMark)
    ->ArgNames({"way", "durable"})
    ->Args({0, 0})
    ->Args({1, 0})
    ->Args({0, 1})
    ->UseRealTime();

void BM_MultiGetFourRangesOfTen(benchmark::State& state) {
  Stores stores(state.range(0));
  for (int k = 0; k < kKeys; ++k) {
    WriteBatch batch;
    for (int v = 0; v < kValuesPerKey; ++v) {
      batch.puts.push_back({"USER_STATS_STREAMING",
                            KeyOf(static_cast<uint64_t>(k)),
                            {FromMillis(v * 300'000), 0, std::string(48, 'v')}});
    }
    if (!stores.owner->Apply(batch).ok()) std::abort();
  }
  if (state.range(0) == 2) {
    const std::string url = "rocksdb:" + stores.folder.path + "/state";
    stores.owner.reset();
    stores.other = OpenKVStore(url, OpenMode::kReadOnly).value();
  }
  Random random(2);
  Latencies latencies;
  for (auto _ : state) {
    std::vector<std::string> keys;
    std::vector<GetRequest> requests;
    for (int r = 0; r < 4; ++r) keys.push_back(KeyOf(random.Below(kKeys)));
    for (const std::string& key : keys) {
      requests.push_back({"USER_STATS_STREAMING", key, FromMillis(0), FromMillis(1e12)});
    }
    latencies.Begin();
    const auto answers = stores.store()->MultiGet(requests);
    latencies.End();
    if (answers[3].value().size() != kValuesPerKey) std::abort();
  }
  latencies.Report(&state);
}
BENCHMARK(BM_MultiGetFourRangesOfTen)->ArgName("way")->DenseRange(0, 2)->UseRealTime();

}  // namespace
}  // namespace catena::kv
