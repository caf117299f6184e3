// SPDX-License-Identifier: Apache-2.0
// What is a CachedStore's own: what it asks the store behind, and what it must not remember.

#include "catena/kv/cache/cached_store.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <map>
#include <random>

#include "catena/base/random.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

WriteBatch PutOf(const std::string& dataset, const std::string& key, int64_t millis,
                 const std::string& value) {
  return {{{dataset, key, {FromMillis(millis), 0, value}}}, {}};
}

class CachedStoreTest : public testing::Test {
 protected:
  std::string Newest(const std::string& dataset, const std::string& key, int64_t after) {
    const GetRequest request{dataset, key, FromMillis(after)};
    const auto values = store_.MultiGet({&request, 1})[0].value();
    return values.empty() ? "" : values.back().value;
  }

  StoreBehind behind_;
  CachedStore store_{&behind_, 20'000};
};

TEST_F(CachedStoreTest, WhatWasReadOrWrittenIsNotAskedForAgain) {
  ASSERT_TRUE(store_.Apply(PutOf("D", "k", 10, "a"), false).ok());
  EXPECT_EQ(Newest("D", "k", 5), "a");
  EXPECT_EQ(behind_.asked, 1u);
  ASSERT_TRUE(store_.Apply(PutOf("D", "k", 20, "b"), false).ok());
  EXPECT_EQ(Newest("D", "k", 5), "b");
  EXPECT_EQ(Newest("D", "k", 15), "b");
  EXPECT_EQ(Newest("D", "absent", 5), "");
  EXPECT_EQ(Newest("D", "absent", 5), "");
  EXPECT_EQ(behind_.asked, 2u);
  EXPECT_EQ(Newest("D", "k", 1), "b");  // All of a key was asked for.
  EXPECT_EQ(behind_.asked, 2u);
}

TEST_F(CachedStoreTest, WhatOthersWriteIsNotRemembered) {
  ASSERT_TRUE(behind_.Apply(PutOf("uploaded", "k", 10, "a")).ok());
  EXPECT_EQ(Newest("uploaded", "k", 0), "a");
  ASSERT_TRUE(behind_.Apply(PutOf("uploaded", "k", 10, "b")).ok());
  EXPECT_EQ(Newest("uploaded", "k", 0), "b");
}

TEST_F(CachedStoreTest, AfterALostAnswerEverythingIsReadAnew) {
  ASSERT_TRUE(store_.Apply(PutOf("D", "k", 10, "a"), false).ok());
  EXPECT_EQ(Newest("D", "k", 0), "a");
  behind_.loses_answers = true;
  EXPECT_EQ(store_.Apply(PutOf("D", "k", 20, "b"), false).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Newest("D", "k", 0), "b");
}

TEST_F(CachedStoreTest, WhatIsUsedStaysAndTheRestMakesRoom) {
  ASSERT_TRUE(store_.Apply(PutOf("D", "used", 10, "a"), false).ok());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Newest("D", std::to_string(i), 0), "");
    EXPECT_EQ(Newest("D", "used", 0), "a");
  }
  const size_t asked = behind_.asked;
  EXPECT_LT(asked, 1050u);  // Once, or a few times when the sweep met it.
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Newest("D", std::to_string(i), 0), "");
  EXPECT_GT(behind_.asked, asked + 500);
}

TEST_F(CachedStoreTest, AKeyOfVeryManyValuesIsReadFromBehind) {
  CachedStore store(&behind_, 100'000);  // Room for as many as are kept of a key.
  const auto newest = [&store](int64_t after) {
    const GetRequest request{"D", "k", FromMillis(after)};
    return store.MultiGet({&request, 1})[0].value().back().value;
  };
  WriteBatch batch;
  for (int i = 0; i < 1000; ++i) batch.puts.push_back({"D", "k", {FromMillis(i), 0, "v"}});
  ASSERT_TRUE(store.Apply(batch, false).ok());
  const GetRequest all{"D", "k"};
  EXPECT_EQ(store.MultiGet({&all, 1})[0].value().size(), 1000u);
  EXPECT_EQ(store.MultiGet({&all, 1})[0].value().size(), 1000u);
  EXPECT_EQ(newest(990), "v");
  const size_t asked = behind_.asked;
  EXPECT_EQ(newest(995), "v");
  EXPECT_EQ(behind_.asked, asked);
  for (int i = 1000; i < 3000; ++i) {  // The newest stay known as more come.
    ASSERT_TRUE(store.Apply(PutOf("D", "k", i, std::to_string(i)), false).ok());
    ASSERT_EQ(newest(i - 100), std::to_string(i));
  }
  EXPECT_EQ(behind_.asked, asked);
  const GetRequest older{"D", "k", FromMillis(500)};
  EXPECT_EQ(store.MultiGet({&older, 1})[0].value().size(), 2500u);
}

// Counts the writes that come through; refuses them at will.
class WrittenBehind : public MemoryKVStore {
 public:
  Status Apply(const WriteBatch& batch, bool durable = false) override {
    if (is_full) return Unavailable("disk is full");
    ++writes;
    return MemoryKVStore::Apply(batch, durable);
  }
  int writes = 0;
  bool is_full = false;
};

class HeldBackTest : public testing::Test {
 protected:
  static std::string Newest(KVStore* store, const std::string& key) {
    const GetRequest request{"D", key};
    const auto values = store->MultiGet({&request, 1})[0].value();
    return values.empty() ? "" : values.back().value;
  }
  static WriteBatch PutAndMark(const std::string& key, int64_t millis, const std::string& value) {
    return {{{"D", key, {FromMillis(millis), 0, value}}}, {{"D", "mark " + key, value}}};
  }

  FrontedStore store_{std::make_unique<WrittenBehind>()};
  WrittenBehind* behind_ = static_cast<WrittenBehind*>(store_.AnswerThrough(nullptr));
  std::optional<CachedStore> cached_{std::in_place, &store_, 1 << 20};
};

TEST_F(HeldBackTest, EveryoneReadsWhatIsHeldAndOneWriteStoresIt) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(cached_->Apply(PutAndMark("k", 10, std::to_string(i)), false).ok());
    ASSERT_TRUE(cached_->Apply(PutAndMark("l", i, std::to_string(i)), false).ok());
  }
  EXPECT_EQ(behind_->writes, 0);
  EXPECT_EQ(Newest(behind_, "k"), "");
  for (KVStore* reader : {static_cast<KVStore*>(&store_), static_cast<KVStore*>(&*cached_)}) {
    EXPECT_EQ(Newest(reader, "k"), "9");
    EXPECT_EQ(reader->GetMark("D", "mark k").value(), "9");
    EXPECT_EQ(reader->ListMarks("D", "mark ").value().size(), 2u);
  }
  ASSERT_TRUE(store_.Sync().ok());
  EXPECT_EQ(behind_->writes, 1);
  EXPECT_EQ(Newest(behind_, "k"), "9");
  EXPECT_EQ(behind_->GetMark("D", "mark l").value(), "9");
  ASSERT_TRUE(store_.Sync().ok());
  EXPECT_EQ(behind_->writes, 1) << "nothing new";
}

TEST_F(HeldBackTest, WithoutMemoryEveryWriteIsPassedOn) {
  CachedStore none(&store_, 0);
  ASSERT_TRUE(none.Apply(PutAndMark("k", 10, "a"), false).ok());
  EXPECT_EQ(behind_->writes, 1);
  EXPECT_EQ(Newest(behind_, "k"), "a");
  EXPECT_EQ(Newest(&none, "k"), "a");
}

TEST_F(HeldBackTest, WhoScansOrListsFindsItStored) {
  ASSERT_TRUE(cached_->Apply(PutAndMark("k", 10, "a"), false).ok());
  EXPECT_EQ(store_.ListDatasets().value(), std::vector<std::string>{"D"});
  EXPECT_EQ(Newest(behind_, "k"), "a");
}

TEST_F(HeldBackTest, WhatIsHeldTakesBytesOfItsDataset) {
  ASSERT_TRUE(cached_->Apply(PutAndMark("k", 10, std::string(1000, 'v')), false).ok());
  EXPECT_GE(cached_->ApproximateBytes("D").value(), 1000u);
  EXPECT_EQ(cached_->ApproximateBytes("E").value(), 0u);
  EXPECT_EQ(behind_->writes, 0);
  EXPECT_GE(store_.ApproximateBytes("D").value(), 1000u);
  EXPECT_EQ(behind_->writes, 1) << "another asks what is stored";
  EXPECT_EQ(cached_->ApproximateBytes("D").value(), behind_->ApproximateBytes("D").value());
}

TEST_F(HeldBackTest, WhatIsHeldIsGoneWithItsWriter) {
  ASSERT_TRUE(cached_->Apply(PutAndMark("k", 10, "a"), false).ok());
  ASSERT_TRUE(store_.Sync().ok());
  ASSERT_TRUE(cached_->Apply(PutAndMark("k", 10, "b"), false).ok());
  EXPECT_EQ(Newest(&store_, "k"), "b");
  cached_.reset();
  EXPECT_EQ(Newest(&store_, "k"), "a");
}

TEST_F(HeldBackTest, ManyBytesAreStoredUnasked) {
  const std::string value(1000, 'v');
  for (int i = 0; i < 10'000; ++i) {  // Ten times what may be held.
    ASSERT_TRUE(cached_->Apply(PutAndMark(std::to_string(i), 10, value), false).ok());
  }
  EXPECT_GT(behind_->writes, 5);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(Newest(&store_, std::to_string(i)), value);
}

TEST_F(HeldBackTest, AfterAFailedCommitNothingIsTakenUntilResume) {
  ASSERT_TRUE(cached_->Apply(PutAndMark("k", 10, "a"), false).ok());
  behind_->is_full = true;
  EXPECT_EQ(store_.Sync().error().code, ErrorCode::kUnavailable);
  behind_->is_full = false;
  EXPECT_EQ(cached_->Apply(PutAndMark("k", 11, "b"), false).error().message, "disk is full");
  EXPECT_EQ(Newest(&store_, "k"), "a") << "reads go on";
  ASSERT_TRUE(cached_->Resume().ok());
  EXPECT_EQ(Newest(&store_, "k"), "") << "its writer begins where the store is";
  ASSERT_TRUE(cached_->Apply(PutAndMark("k", 11, "b"), false).ok());
  ASSERT_TRUE(store_.Sync().ok());
  EXPECT_EQ(Newest(behind_, "k"), "b");
}

// What of a dataset was never written is known, where there was nothing when it was named.
class NeverWrittenTest : public testing::Test {
 protected:
  std::string Value(CachedStore::DatasetNumber dataset, const std::string& key) {
    std::string found = "none";
    const CachedStore::Place place{dataset, key, FromMillis(10)};
    const auto visit = [&found](size_t, const std::string_view* value, bool) {
      if (value != nullptr) found = *value;
      return Status();
    };
    EXPECT_TRUE(cached_.ReadEach({&place, 1}, visit).ok());
    return found;
  }
  static WriteBatch PutsOf(const std::string& dataset, int keys) {
    WriteBatch batch;
    for (int i = 0; i < keys; ++i) {
      batch.puts.push_back({dataset, std::to_string(i), {FromMillis(10), 0, std::to_string(i)}});
    }
    return batch;
  }

  FrontedStore store_{std::make_unique<StoreBehind>()};
  StoreBehind* behind_ = static_cast<StoreBehind*>(store_.AnswerThrough(nullptr));
  CachedStore cached_{&store_, 20'000};
};

TEST_F(NeverWrittenTest, OfANewDatasetNothingIsAskedFor) {
  const auto tiles = cached_.NumberOf("tiles", CachedStore::ReadBack::kYes);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Value(tiles, std::to_string(i)), "none");
  ASSERT_TRUE(cached_.Apply(PutsOf("tiles", 10), false).ok());
  ASSERT_TRUE(cached_.Commit().ok());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Value(tiles, std::to_string(i)), std::to_string(i));
  const GetRequest absent{"tiles", "absent"};
  EXPECT_TRUE(cached_.MultiGet({&absent, 1})[0].value().empty());
  FlatAnswers flat;
  cached_.MultiGetFlat({&absent, 1}, &flat);
  EXPECT_TRUE(flat[0].empty());
  EXPECT_EQ(behind_->asked, 0u);
}

TEST_F(NeverWrittenTest, WhatWasLetGoOfIsAskedFor) {
  const auto tiles = cached_.NumberOf("tiles", CachedStore::ReadBack::kYes);
  WriteBatch batch = PutsOf("tiles", 1000);
  for (const Put& put : batch.puts) {
    ASSERT_TRUE(cached_.Apply({{put}, {}}, false).ok());
    if (put.key.ends_with('0')) {
      ASSERT_TRUE(cached_.Commit().ok());
    }
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(Value(tiles, std::to_string(i)), std::to_string(i));
  EXPECT_GT(behind_->asked, 500u);
}

TEST_F(NeverWrittenTest, WhatWasThereBeforeIsAskedFor) {
  ASSERT_TRUE(behind_->Apply(PutsOf("tiles", 1)).ok());
  const auto tiles = cached_.NumberOf("tiles", CachedStore::ReadBack::kYes);
  EXPECT_EQ(Value(tiles, "0"), "0");
  EXPECT_EQ(Value(tiles, "1"), "none");
  EXPECT_EQ(behind_->asked, 2u);
}

TEST_F(NeverWrittenTest, AfterResumeNothingIsKnown) {
  const auto tiles = cached_.NumberOf("tiles", CachedStore::ReadBack::kYes);
  ASSERT_TRUE(cached_.Apply(PutsOf("tiles", 1), false).ok());
  ASSERT_TRUE(cached_.Commit().ok());
  ASSERT_TRUE(cached_.Resume().ok());
  EXPECT_EQ(Value(tiles, "0"), "0");
}

// Takes all and keeps nothing, so that what memory is in use is the cache's.
class StoreThatForgets : public MemoryKVStore {
 public:
  Status Apply(const WriteBatch&, bool = false) override { return Status(); }
};

TEST(MemoryTest, KeysThatAreWrittenBeforeEveryCommitKeepWhatThereIsRoomFor) {
  constexpr size_t kBytes = 4 << 20;
  constexpr int kKeys = 1000;
  FrontedStore store(std::make_unique<StoreThatForgets>());
  CachedStore cached(&store, kBytes);
  const auto raw = cached.NumberOf("raw", CachedStore::ReadBack::kYes);
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.push_back("a key " + std::to_string(i));
  const size_t before = mallinfo2().uordblks;
  for (int round = 0; round < 500; ++round) {
    std::vector<CachedStore::HeldPut> puts;
    for (const std::string& key : keys) {
      puts.push_back({raw, key, FromMillis(round), 0, "a raw row of thirty-two bytes...."});
    }
    ASSERT_TRUE(cached.Hold(puts, {}).ok());
    ASSERT_TRUE(cached.Commit().ok());
  }
  EXPECT_LT(mallinfo2().uordblks - before, 2 * kBytes);
}

// What ReadEach visits is what MultiGet answers of the twin, from memory, held or behind.
TEST(ReadEachTest, VisitsWhatTheTwinHolds) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  FrontedStore store(std::make_unique<MemoryKVStore>());
  std::optional<CachedStore> opened;
  MemoryKVStore twin;
  CachedStore::DatasetNumber datasets[2] = {};
  for (int round = 0; round < 3000; ++round) {
    if (round % 1000 == 0) {  // First over an empty store.
      ASSERT_TRUE(!opened || opened->Sync().ok());
      opened.emplace(&store, 20'000);
      datasets[0] = opened->NumberOf("D0", CachedStore::ReadBack::kYes);
      datasets[1] = opened->NumberOf("D1");
    }
    CachedStore& cached = *opened;
    if (random.OneIn(500)) {
      ASSERT_TRUE(twin.DropDataset("D0").ok());
      ASSERT_TRUE(cached.DropDataset("D0").ok());
    }
    WriteBatch batch;
    std::vector<std::string> keys;
    for (int i = 0; i < 8; ++i) {  // More than there is room for, some of them often.
      keys.push_back(std::to_string(random.Below(random.OneIn(2) ? 20 : 300)));
    }
    for (const std::string& key : keys) {
      batch.puts.push_back({"D" + std::to_string(random.Below(2)),
                            key,
                            {FromMillis(random.Between(0, 9)), 0, std::to_string(round)}});
    }
    ASSERT_TRUE(twin.Apply(batch).ok());
    ASSERT_TRUE(cached.Apply(batch, /*durable=*/false).ok());
    if (random.OneIn(30)) {
      ASSERT_TRUE(cached.Commit().ok());
    }
    std::vector<CachedStore::Place> places;
    for (const std::string& key : keys) {
      places.push_back({datasets[random.Below(2)], key, FromMillis(random.Between(0, 9))});
    }
    size_t visited = 0;
    const auto visit = [&](size_t i, const std::string_view* value, bool is_newest) {
      ++visited;
      const GetRequest request{places[i].dataset == datasets[0] ? "D0" : "D1", places[i].key,
                               places[i].time};
      const auto values = twin.MultiGet({&request, 1})[0].value();
      const bool is_there = !values.empty() && values[0].time == places[i].time;
      EXPECT_EQ(value != nullptr ? std::string(*value) : "none",
                is_there ? values[0].value : "none");
      EXPECT_EQ(is_newest, values.size() == (is_there ? 1u : 0u));
      return Status();
    };
    ASSERT_TRUE(cached.ReadEach(places, visit).ok());
    ASSERT_EQ(visited, places.size());
  }
}

TEST(HeldBackProcessTest, ReadersThroughTheOwnerSeeWhatItHolds) {
  const ScratchFolder folder;
  const std::string url = "rocksdb:" + folder.path + "/state";
  const auto owner = OpenKVStore(url, OpenMode::kOwn).value();
  const auto reader = OpenKVStore(url, OpenMode::kReadOnly).value();
  CachedStore cached(owner.get(), 1 << 20);
  ASSERT_TRUE(cached.Apply(PutOf("D", "k", 10, "a"), false).ok());
  const GetRequest request{"D", "k"};
  for (KVStore* store : {owner.get(), reader.get()}) {
    EXPECT_EQ(store->MultiGet({&request, 1})[0].value().at(0).value, "a");
  }
}

// As a fold does: reads its keys and writes them, through a cache too small for all of them, while
// others write in between.
TEST(FoundTest, WhatWasFoundIsWhereItIsHeld) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  FrontedStore behind(std::make_unique<MemoryKVStore>());
  CachedStore store(&behind, 20'000);
  const auto dataset = store.NumberOf("D", CachedStore::ReadBack::kYes);
  std::map<std::pair<std::string, int64_t>, std::string> twin;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> keys(1 + random.Below(8));
    for (std::string& key : keys) key = std::to_string(random.Below(300));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    std::vector<CachedStore::Place> places;
    for (const std::string& key : keys) {
      places.push_back({dataset, key, FromMillis(random.Between(0, 3))});
    }
    CachedStore::Found found;
    const auto check = [&](size_t i, const std::string_view* value, bool) -> Status {
      const auto at = twin.find({keys[i], ToMillis(places[i].time)});
      EXPECT_EQ(value == nullptr, at == twin.end());
      if (value != nullptr && at != twin.end()) {
        EXPECT_EQ(*value, at->second);
      }
      return Status();
    };
    ASSERT_TRUE(store.ReadEach(places, check, &found).ok());
    if (random.OneIn(3)) {
      const std::string other = "other " + std::to_string(random.Below(300));
      ASSERT_TRUE(store.Apply(PutOf("E", other, 0, "value"), false).ok());
    }
    if (random.OneIn(10)) {
      ASSERT_TRUE(store.Commit().ok());
    }
    std::vector<std::string> values;
    for (size_t i = 0; i < keys.size(); ++i) values.push_back(std::to_string(round));
    std::vector<CachedStore::HeldPut> puts;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (random.OneIn(5)) continue;
      puts.push_back({dataset, keys[i], places[i].time, 0, values[i]});
      twin[{keys[i], ToMillis(places[i].time)}] = values[i];
    }
    ASSERT_TRUE(store.Hold(puts, {}, &found).ok());
  }
  ASSERT_TRUE(store.Commit().ok());
  size_t stored = 0;
  ASSERT_TRUE(behind
                  .Scan("D",
                        [&](std::string_view key, const TimedValue& value) {
                          ++stored;
                          EXPECT_EQ(twin.at({std::string(key), ToMillis(value.time)}), value.value);
                          return true;
                        })
                  .ok());
  EXPECT_EQ(stored, twin.size());
}

}  // namespace
}  // namespace catena::kv
