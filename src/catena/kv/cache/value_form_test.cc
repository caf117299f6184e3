// SPDX-License-Identifier: Apache-2.0
// A CachedStore over datasets whose writer has a form of its own, against a store without a cache.

#include "catena/kv/cache/value_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "catena/base/random.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/memory_store.h"

namespace catena::kv {
namespace {

// Held: a letter, and the bytes; those of the writer's own have another letter, and come backward.
class Backward : public ValueForm {
 public:
  static std::string HeldOf(std::string_view stored) {
    return "b" + std::string(stored.rbegin(), stored.rend());
  }
  void ToStored(std::string_view held, Timestamp, std::string* stored) const override {
    std::string bytes(held.substr(1));
    if (held[0] == 'b') std::reverse(bytes.begin(), bytes.end());
    stored->append(bytes);
  }
  void ToHeld(std::string_view stored, std::string* held) const override {
    held->push_back('f');
    held->append(stored);
  }
};

WriteBatch PutOf(const std::string& dataset, const std::string& key, int64_t millis,
                 const std::string& value) {
  return {{{dataset, key, {FromMillis(millis), 0, value}}}, {}};
}

using Contents = std::map<std::pair<std::string, Timestamp>, std::string>;

Contents ContentsOf(KVStore* store, const std::string& dataset) {
  Contents all;
  const Status scanned = store->Scan(dataset, [&](std::string_view key, const TimedValue& value) {
    all[{std::string(key), value.time}] = value.value;
    return true;
  });
  EXPECT_TRUE(scanned.ok());
  return all;
}

// The first two of the datasets have the form; the first is not empty.
struct Pair {
  Pair(KVStore* behind, Random* random) : behind(behind), random(random) {
    for (KVStore* each : {behind, static_cast<KVStore*>(&twin)}) {
      EXPECT_TRUE(each->Apply(PutOf("D", "7", 2, "from before")).ok());
    }
    store.emplace(behind, 20'000);
    for (const std::string& name : names) {
      numbers.push_back(name == "F" ? store->NumberOf(name)
                                    : store->NumberOf(name, CachedStore::ReadBack::kYes, form));
    }
  }

  void Choose() {
    which = random->Below(names.size());
    key = std::to_string(random->Below(150));
    time = random->Between(0, 4);
  }
  void Read() {
    const GetRequest request{names[which], key, FromMillis(random->Between(-1, 4)),
                             FromMillis(random->Between(0, 5)), random->Below(3)};
    const auto expected = twin.MultiGet({&request, 1})[0].value();
    KVStore& asked = random->OneIn(2) ? static_cast<KVStore&>(*store) : *behind;
    const auto values = asked.MultiGet({&request, 1})[0].value();
    FlatAnswers answers;
    store->MultiGetFlat({&request, 1}, &answers);
    ASSERT_EQ(values.size(), expected.size());
    ASSERT_EQ(answers[0].size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(values[i].time, expected[i].time);
      EXPECT_EQ(values[i].value, expected[i].value);
      EXPECT_EQ(answers[0][i].time, expected[i].time);
      EXPECT_EQ(answers[0][i].bytes, expected[i].value);
    }
  }
  void ReadAsWriter() {
    const CachedStore::Place place{numbers[which], key, FromMillis(time)};
    const GetRequest one{names[which], key, FromMillis(time), FromMillis(time + 1)};
    const auto there = twin.MultiGet({&one, 1})[0].value();
    const auto check = [&](size_t, const std::string_view* held, bool) -> Status {
      EXPECT_EQ(held == nullptr, there.empty());
      if (held == nullptr || there.empty()) return Status();
      std::string stored;
      if (which == 2) {
        stored = *held;
      } else {
        form->ToStored(*held, FromMillis(time), &stored);
      }
      EXPECT_EQ(stored, there[0].value);
      return Status();
    };
    ASSERT_TRUE(store->ReadEach({&place, 1}, check).ok());
  }
  void Write(const std::string& value) {
    ASSERT_TRUE(twin.Apply(PutOf(names[which], key, time, value)).ok());
    if (random->OneIn(2)) {
      ASSERT_TRUE(store->Apply(PutOf(names[which], key, time, value), false).ok());
      return;
    }
    const std::string held = which == 2 ? value : Backward::HeldOf(value);
    const CachedStore::HeldPut put{numbers[which], key, FromMillis(time), 0, held};
    ASSERT_TRUE(store->Hold({&put, 1}, {}).ok());
  }

  KVStore* behind;
  Random* random;
  MemoryKVStore twin;
  std::optional<CachedStore> store;
  const std::shared_ptr<const Backward> form = std::make_shared<Backward>();
  const std::vector<std::string> names = {"D", "E", "F"};
  std::vector<CachedStore::DatasetNumber> numbers;
  size_t which = 0;  // Of the datasets.
  std::string key;
  int64_t time = 0;
};

// All others see what a store without a cache would show, however they ask.
TEST(ValueFormTest, OnlyTheWriterSeesIt) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (const bool holds_back : {true, false}) {
    FrontedStore fronted(std::make_unique<MemoryKVStore>());
    MemoryKVStore plain;
    Pair pair(holds_back ? static_cast<KVStore*>(&fronted) : &plain, &random);
    for (int round = 0; round < 4000; ++round) {
      pair.Choose();
      if (random.OneIn(3)) {
        ASSERT_NO_FATAL_FAILURE(pair.Read());
      }
      if (random.OneIn(3)) {
        ASSERT_NO_FATAL_FAILURE(pair.ReadAsWriter());
      }
      if (random.OneIn(2)) {
        ASSERT_NO_FATAL_FAILURE(pair.Write("value " + std::to_string(round)));
      }
      if (random.OneIn(100)) {
        ASSERT_TRUE(pair.store->Commit().ok());
      }
    }
    ASSERT_TRUE(pair.store->Commit().ok());
    for (const std::string& name : pair.names) {
      EXPECT_EQ(ContentsOf(pair.behind, name), ContentsOf(&pair.twin, name));
    }
  }
}

}  // namespace
}  // namespace catena::kv
