// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/rocksdb/commit_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>

#include "catena/base/random.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/rocksdb_store.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

constexpr int kDatasets = 3, kKeys = 40;

// A write, sorted as ApplySorted wants it; the datasets in any order.
struct SortedWrite {
  explicit SortedWrite(Random* random) {
    const uint64_t first = random->Below(kDatasets);
    for (uint64_t d = 0; d < kDatasets; ++d) {
      const std::string dataset = "D" + std::to_string((first + d) % kDatasets);
      std::map<std::tuple<std::string, int64_t, uint64_t>, std::string> values;
      const uint64_t bytes_max = random->OneIn(3) ? 3000 : 20;  // Some are large enough for a file.
      for (uint64_t n = random->Below(80); n > 0; --n) {
        std::string key(random->Below(3), '\0');
        key += std::to_string(random->Below(kKeys));
        values[{key, random->Between(-5, 5), random->Below(2)}] =
            std::string(random->Below(bytes_max), static_cast<char>('a' + random->Below(26)));
      }
      for (const auto& [place, value] : values) {
        const auto& [key, millis, sequence] = place;
        batch.puts.push_back({dataset, key, {FromMillis(millis), sequence, value}});
      }
      batch.marks.push_back({dataset, "mark", std::to_string(random->Next())});
    }
  }
  WriteBatch batch;
};

std::map<std::string, std::string> Everything(KVStore* store) {
  std::map<std::string, std::string> all;
  for (int d = 0; d < kDatasets; ++d) {
    const std::string dataset = "D" + std::to_string(d);
    all[dataset] = store->GetMark(dataset, "mark").value().value_or("none");
    const auto visit = [&](std::string_view key, const TimedValue& value) {
      all[dataset + "/" + std::string(key) + "/" + std::to_string(ToMillis(value.time)) + "/" +
          std::to_string(value.sequence)] = value.value;
      return true;
    };
    EXPECT_TRUE(store->Scan(dataset, visit).ok());
  }
  return all;
}

// Writes as files, and as batches between them, are those of the twin: to the owner, to the owner
// after it, and to a reader beside them.
TEST(CommitFileTest, WritesAsFilesAreWrites) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const ScratchFolder folder;
  const RocksDBPlace place{folder.path + "/state", 4, 1};
  auto owner = OpenRocksDBOwner(place).value();
  const auto reader = OpenRocksDBReader(place).value();
  MemoryKVStore twin;
  for (int round = 0; round < 150; ++round) {
    const SortedWrite write(&random);
    ASSERT_TRUE(twin.Apply(write.batch).ok());
    ASSERT_TRUE((random.OneIn(5) ? owner->Apply(write.batch)
                                 : owner->ApplySorted(SortedBatch(write.batch), write.batch.marks))
                    .ok());
    if (random.OneIn(30)) {
      owner.reset();
      owner = OpenRocksDBOwner(place).value();
    }
    if (!random.OneIn(5)) continue;
    const auto expected = Everything(&twin);
    ASSERT_EQ(Everything(owner.get()), expected);
    ASSERT_EQ(Everything(reader.get()), expected);
  }
  EXPECT_FALSE(std::filesystem::exists(place.path + "/commit.file"));
}

// Nothing lies where the file comes to lie, so RocksDB counts no write.
TEST(CommitFileTest, TheFirstWriteOfAllIsSeenByWhoLookedBefore) {
  const ScratchFolder folder;
  const auto owner = OpenRocksDBOwner({folder.path + "/state", 4, 1}).value();
  EXPECT_EQ(owner->GetMark("D0", "mark").value(), std::nullopt);
  WriteBatch batch;
  batch.puts.push_back({"D0", "a", {FromMillis(1), 0, std::string(200'000, 'v')}});
  batch.marks.push_back({"D0", "mark", "1"});
  ASSERT_TRUE(owner->ApplySorted(SortedBatch(batch), batch.marks).ok());
  EXPECT_EQ(owner->GetMark("D0", "mark").value(), "1");
}

// A kill between the two names of a file that is ingested leaves both.
TEST(CommitFileTest, WhatAKillLeftIsNotWrittenInto) {
  const ScratchFolder folder;
  const RocksDBPlace place{folder.path + "/state", 4, 1};
  auto owner = OpenRocksDBOwner(place).value();
  const auto apply = [&owner](const std::string& key) {
    WriteBatch batch;
    batch.puts.push_back({"D0", key, {FromMillis(1), 0, std::string(200'000, key[0])}});
    return owner->ApplySorted(SortedBatch(batch), {});
  };
  ASSERT_TRUE(apply("a").ok());
  owner.reset();
  size_t linked = 0;
  for (const auto& file : std::filesystem::directory_iterator(place.path)) {
    if (file.path().extension() != ".sst" || linked++ > 0) continue;
    std::filesystem::create_hard_link(file.path(), place.path + "/commit.file");
  }
  ASSERT_EQ(linked, 1u);
  for (const std::string key : {"b", "c"}) {
    owner = OpenRocksDBOwner(place).value();
    ASSERT_TRUE(apply(key).ok());
    owner.reset();
  }
  owner = OpenRocksDBOwner(place).value();
  const auto all = Everything(owner.get());
  for (const std::string key : {"a", "b", "c"}) {
    EXPECT_EQ(all.at("D0/" + key + "/1/0"), std::string(200'000, key[0]));
  }
}

TEST(CommitFileTest, WhatIsNotSortedIsRefusedAndNothingOfItIsStored) {
  const ScratchFolder folder;
  const auto owner = OpenRocksDBOwner({folder.path + "/state", 4, 1}).value();
  const std::string value(100'000, 'v');
  WriteBatch batch;
  for (const char* key : {"b", "a"}) batch.puts.push_back({"D0", key, {FromMillis(1), 0, value}});
  EXPECT_FALSE(owner->ApplySorted(SortedBatch(batch), {}).ok());
  EXPECT_EQ(Everything(owner.get()).size(), static_cast<size_t>(kDatasets)) << "marks";
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/state/commit.file"));
  std::swap(batch.puts[0], batch.puts[1]);
  EXPECT_TRUE(owner->ApplySorted(SortedBatch(batch), {}).ok())
      << "what was refused does not stay in the way";
}

}  // namespace
}  // namespace catena::kv
