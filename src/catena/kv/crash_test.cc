// SPDX-License-Identifier: Apache-2.0
// What is left of a store whose writer was killed: every acknowledged batch, and no half of any.

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "catena/base/random.h"
#include "catena/kv/child_process.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

constexpr int kKills = 25;
constexpr int kPutsPerBatch = 5;
constexpr uint64_t kLargeBytes = 30'000;  // A batch of such values is written as a file.

std::string Url(const std::string& folder) {
  // Small buffers, so that kills also hit flushes and compactions.
  return "rocksdb:" + folder + "/state?write_buffer_mb=1&cache_mb=4";
}

int64_t LastBatch(KVStore* store) {
  const auto mark = store->GetMark("D0", "last").value();
  return mark ? std::stoll(*mark) : 0;
}

// As one file of the store: those of a dataset stand together, keys ascend.
Status ApplyAsFile(KVStore* store, const WriteBatch& batch) {
  return store->ApplySorted(SortedBatch(batch), batch.marks);
}

// Batches 1, 2, 3, ... of values in two datasets and a mark, each told to the parent when applied.
int WriteForEver(const std::string& folder) {
  auto store = OpenKVStore(Url(folder), OpenMode::kOwn).value();
  KVStore* const behind = store->AnswerThrough(nullptr);
  Random random(static_cast<uint64_t>(getpid()));
  for (int64_t i = LastBatch(store.get()) + 1;; ++i) {
    WriteBatch batch;
    const bool is_large = random.OneIn(20);
    for (int p = 0; p < kPutsPerBatch; ++p) {
      const std::string bytes(is_large ? kLargeBytes : random.Below(4000),
                              static_cast<char>(random.Next()));
      // Every hundredth batch begins a dataset.
      const std::string dataset = p == 0 ? "born" + std::to_string(i / 100) : "D0";
      batch.puts.push_back({dataset, "k" + std::to_string(p), {FromMillis(i), 0, bytes}});
    }
    batch.marks.push_back({"D0", "last", std::to_string(i)});
    const Status applied =
        is_large ? ApplyAsFile(behind, batch) : store->Apply(batch, random.OneIn(200));
    if (!applied.ok()) return 1;
    if (!TellParent(std::to_string(i))) return 1;
  }
}

const bool kRegistered = RegisterChildRole("write for ever", WriteForEver);

void ExpectWholeBatches(KVStore* store, int64_t last) {
  for (int p = 0; p < kPutsPerBatch; ++p) {
    int64_t expected = 0;
    const std::string key = "k" + std::to_string(p);
    for (int64_t born = 0; born <= (p == 0 ? last / 100 : 0); ++born) {
      const std::string dataset = p == 0 ? "born" + std::to_string(born) : "D0";
      const GetRequest request{dataset, key};
      const std::vector<TimedValue> values = store->MultiGet({&request, 1})[0].value();
      for (const TimedValue& value : values) ASSERT_EQ(ToMillis(value.time), ++expected) << key;
    }
    ASSERT_EQ(expected, last) << key;
  }
  // A batch after the last one that is marked must have left nothing in a new dataset either.
  ASSERT_EQ(store->ListDatasets().value().size(), static_cast<size_t>(last / 100) + 2);
}

TEST(CrashTest, NothingAcknowledgedIsLostAndNothingIsHalf) {
  ASSERT_TRUE(kRegistered);
  ScratchFolder folder;
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  int64_t acknowledged = 0;
  for (int round = 0; round < kKills; ++round) {
    {
      ChildProcess child("write for ever", folder.path);
      const int64_t goal = acknowledged + 1 + static_cast<int64_t>(random.Below(300));
      while (acknowledged < goal) {
        const std::string line = child.ReadLine();
        ASSERT_FALSE(line.empty()) << "the writer ended by itself";
        acknowledged = std::stoll(line);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(random.Below(3000)));
      child.Signal(SIGKILL);
      for (std::string line = child.ReadLine(); !line.empty(); line = child.ReadLine()) {
        acknowledged = std::stoll(line);
      }
    }
    auto store = OpenKVStore(Url(folder.path), OpenMode::kOwn).value();
    const int64_t last = LastBatch(store.get());
    ASSERT_GE(last, acknowledged) << "round " << round;
    ASSERT_LE(last, acknowledged + 1) << "round " << round;
    ExpectWholeBatches(store.get(), last);
    acknowledged = last;
  }
}

}  // namespace
}  // namespace catena::kv
