// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "catena/base/random.h"

namespace catena::kv {
namespace {

struct Numbered {
  std::string key;
  int number = 0;
  void Prefetch() const {}
};

struct Keyed {
  std::string_view key;
};

// After those of the first `before` texts had been found, with one that is no longer asked for.
void ExpectFoundTogether(const KeyTable<Numbered>& table, const std::vector<std::string>& texts,
                         size_t before) {
  std::vector<Keyed> all(texts.begin(), texts.end());
  std::vector<Keyed> some(all.begin(), all.begin() + static_cast<ptrdiff_t>(before));
  some.push_back({"another"});
  const FoundTogether<Numbered> first(table, std::span<const Keyed>(some));
  FoundTogether<Numbered> found(table, std::span<const Keyed>(all), first);
  for (const Keyed& each : all) ASSERT_EQ(found.Next(each.key), table.Find(each.key));
}

TEST(KeyTableTest, HoldsWhatAMapHolds) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  KeyTable<Numbered> table;
  std::map<std::string, Numbered*> twin;
  for (int round = 0; round < 50'000; ++round) {
    // Grows to a few hundred keys, and shrinks again.
    const std::string key = std::to_string(random.Below(round < 25'000 ? 600 : 60));
    const auto known = twin.find(key);
    Numbered* const found = table.Find(key);
    ASSERT_EQ(found, known == twin.end() ? nullptr : known->second) << "stays where it is";
    if (found == nullptr) {
      Numbered* const added = table.Add(key);
      added->number = round;
      twin[key] = added;
    } else if (random.OneIn(2)) {
      const size_t cell = random.Below(table.cells());
      if (table.At(cell) == nullptr) continue;
      twin.erase(table.At(cell)->key);
      table.Erase(cell);
    }
    ASSERT_EQ(table.size(), twin.size());
    if (!random.OneIn(1000)) continue;
    std::vector<std::string> texts(random.Below(100));
    for (std::string& text : texts) text = std::to_string(random.Below(700));
    std::vector<Numbered*> all;
    table.FindMany(std::vector<std::string_view>(texts.begin(), texts.end()), &all);
    ASSERT_EQ(all.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(all[i], table.Find(texts[i]));
    ExpectFoundTogether(table, texts, random.Below(texts.size() + 1));
  }
  size_t seen = 0;
  for (size_t cell = 0; cell < table.cells(); ++cell) {
    const Numbered* entry = table.At(cell);
    if (entry == nullptr) continue;
    ++seen;
    EXPECT_EQ(twin.at(entry->key), entry);
  }
  EXPECT_EQ(seen, twin.size());
  table.Clear();
  EXPECT_EQ(table.Find("1"), nullptr);
}

}  // namespace
}  // namespace catena::kv
