// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/asked_lately.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "catena/base/random.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

TEST(AskedLatelyTest, IsWhatWasAskedForInTheLastTwoRounds) {
  AskedLately asked;
  const auto from = [&asked](uint32_t dataset) { return asked.From(dataset); };
  asked.Note(1, FromMillis(30));
  EXPECT_EQ(from(1), Timestamp::min());  // Before the first round ended nobody knows.
  asked.Turn();
  EXPECT_EQ(from(1), FromMillis(30));
  EXPECT_EQ(from(0), Timestamp::min());
  asked.Note(1, FromMillis(50));
  asked.Note(1, FromMillis(40));
  asked.Note(1, FromMillis(60));
  EXPECT_EQ(from(1), FromMillis(30));
  asked.Turn();
  EXPECT_EQ(from(1), FromMillis(40));
  asked.Note(1, FromMillis(35));
  EXPECT_EQ(from(1), FromMillis(35));
  asked.Turn();
  asked.Turn();
  EXPECT_EQ(from(1), Timestamp::min());
  asked.Note(64, FromMillis(1));
  asked.Turn();
  EXPECT_EQ(from(64), Timestamp::min());
}

// Rows of busy keys come without end, and the newest ten of each are read with every one that
// comes; what is kept of the quiet keys is a tenth of the memory.
TEST(AskedLatelyTest, OldRowsOfBusyKeysMakeRoomForOtherKeys) {
  constexpr int kRounds = 2000, kBusy = 20, kQuiet = 200, kQuietEvery = 20, kRead = 10;
  constexpr size_t kBytes = 500'000;  // The rows take five times as much.
  auto memory = std::make_unique<StoreBehind>();
  StoreBehind* const behind = memory.get();
  FrontedStore store(std::move(memory));
  CachedStore cached(&store, kBytes);
  const auto raw = cached.NumberOf("raw", CachedStore::ReadBack::kYes);
  const auto tiles = cached.NumberOf("tiles", CachedStore::ReadBack::kYes);
  const auto key = [](const std::string& kind, int i) { return kind + std::to_string(i); };
  for (int i = 0; i < kQuiet; ++i) {
    const std::string quiet = key("quiet", i);
    const CachedStore::HeldPut put{tiles, quiet, FromMillis(0), 0, "tile"};
    ASSERT_TRUE(cached.Hold({&put, 1}, {}).ok());
  }
  std::vector<std::string> keys;
  for (int i = 0; i < kBusy; ++i) keys.push_back(key("busy", i));
  size_t reads = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<CachedStore::HeldPut> puts;
    std::vector<GetRequest> requests;
    for (const std::string& busy : keys) {
      puts.push_back({raw, busy, FromMillis(round), 0, "a raw row of thirty-two bytes...."});
      requests.push_back({"raw", busy, FromMillis(round - kRead + 1)});
    }
    ASSERT_TRUE(cached.Hold(puts, {}).ok());
    std::vector<std::string> quiet;
    for (int i = round % kQuietEvery; i < kQuiet; i += kQuietEvery) {
      quiet.push_back(key("quiet", i));
    }
    for (const std::string& each : quiet) requests.push_back({"tiles", each, FromMillis(0)});
    const auto answers = cached.MultiGet(requests);
    for (size_t i = 0; i < answers.size(); ++i) {
      const auto expected = static_cast<size_t>(i < kBusy ? std::min(round + 1, kRead) : 1);
      ASSERT_EQ(answers[i]->size(), expected) << round << " " << requests[i].key;
    }
    reads += answers.size();
  }
  EXPECT_LT(behind->asked, reads / 100);
  const uint64_t misses = cached.TakeMisses();
  EXPECT_GT(misses, 0u);
  EXPECT_LE(misses, behind->asked);
  EXPECT_EQ(cached.TakeMisses(), 0u);
}

// Reads of rows of all ages, from so little memory that old rows of used keys go all the time.
TEST(AskedLatelyTest, AnswersAreThoseOfTheTwin) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  FrontedStore store(std::make_unique<MemoryKVStore>());
  CachedStore cached(&store, 60'000);
  MemoryKVStore twin;
  cached.NumberOf("D0", CachedStore::ReadBack::kYes);
  cached.NumberOf("D1", CachedStore::ReadBack::kYes);
  const auto any_key = [&random] {
    return "k" + std::to_string(random.Below(random.OneIn(3) ? 60 : 6));
  };
  for (int64_t now = 0; now < 4000; ++now) {
    WriteBatch batch;
    for (int i = 0; i < 6; ++i) {
      const int64_t time = random.OneIn(50) ? random.Between(0, now) : now;
      batch.puts.push_back({"D" + std::to_string(random.Below(2)),
                            any_key(),
                            {FromMillis(time), random.Below(2), std::to_string(now)}});
    }
    ASSERT_TRUE(twin.Apply(batch).ok());
    ASSERT_TRUE(cached.Apply(batch, /*durable=*/false).ok());
    if (random.OneIn(40)) {
      ASSERT_TRUE(cached.Commit().ok());
    }
    std::vector<std::string> keys;
    for (int i = 0; i < 8; ++i) keys.push_back(any_key());
    std::vector<GetRequest> requests;
    for (const std::string& key : keys) {
      const int64_t after =
          random.OneIn(100) ? random.Between(0, now) : now - random.Between(0, 99);
      const int64_t before = random.OneIn(3) ? INT32_MAX : after + random.Between(0, 50);
      requests.push_back({random.OneIn(2) ? "D0" : "D1", key, FromMillis(after), FromMillis(before),
                          random.OneIn(5) ? 3u : 0u});
    }
    FlatAnswers flat;
    cached.MultiGetFlat(requests, &flat);
    const auto answers = cached.MultiGet(requests);
    const auto expected = twin.MultiGet(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(flat[i].size(), expected[i]->size()) << now;
      ASSERT_EQ(answers[i]->size(), expected[i]->size()) << now;
      for (size_t v = 0; v < expected[i]->size(); ++v) {
        const TimedValue& value = (*expected[i])[v];
        EXPECT_EQ(std::string(flat[i][v].bytes), value.value) << now;
        EXPECT_EQ((*answers[i])[v].value, value.value) << now;
        EXPECT_EQ(flat[i][v].time, value.time) << now;
        EXPECT_EQ(flat[i][v].sequence, value.sequence) << now;
      }
    }
  }
}

}  // namespace
}  // namespace catena::kv
