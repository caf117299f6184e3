// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/held_log.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "catena/base/random.h"

namespace catena::kv {
namespace {

// Written again and again, in place or as a new record, it lists what a map of the places holds.
TEST(HeldLogTest, ListsWhatAMapHolds) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::vector<std::string_view> names = {"C", "A", "B"};
  HeldLog log;
  for (int round = 0; round < 200; ++round) {
    using Place = std::tuple<uint32_t, std::string, Timestamp, uint64_t>;
    std::map<Place, std::string> twin;
    std::map<Place, uint32_t> newest;
    std::map<std::string, HeldLog::Owner> owners;
    log.Clear();
    for (uint64_t n = random.Below(300); n > 0; --n) {
      // Equal in their first eight bytes or not, with zero bytes, prefixes of each other.
      std::string key(random.Below(12), random.OneIn(2) ? '\0' : 'k');
      key.append(std::to_string(random.Below(9)));
      const auto dataset = static_cast<uint32_t>(random.Below(names.size()));
      const Place place(dataset, key, FromMillis(random.Between(-2, 2)), random.Below(2));
      const std::string value(random.Below(30), static_cast<char>('a' + random.Below(26)));
      if (!owners.contains(key)) owners[key] = log.AddOwner(key);
      if (newest.contains(place) && random.OneIn(2)) {
        log.Replace(newest[place], value);
      } else {
        newest[place] =
            log.Append(owners[key], dataset, std::get<2>(place), std::get<3>(place), value);
      }
      twin[place] = value;
    }
    const HeldLog::Sorted sorted(log, names);
    ASSERT_GE(sorted.size(), twin.size());
    auto expected = twin.begin();
    for (size_t dataset = 0; dataset < sorted.datasets(); ++dataset) {
      const auto check = [&](const PutView& put) -> Status {
        if (expected == twin.end()) return Corruption("more than there are");
        const auto& [place, value] = *expected++;
        EXPECT_EQ(put.dataset, names[std::get<0>(place)]);
        EXPECT_EQ(put.dataset, sorted.NameOf(dataset));
        EXPECT_EQ(std::tuple(std::string(put.key), put.time, put.sequence),
                  std::tuple(std::get<1>(place), std::get<2>(place), std::get<3>(place)));
        EXPECT_EQ(put.value, value);
        return Status();
      };
      const auto begin = expected;
      ASSERT_TRUE(sorted.VisitEach(dataset, check).ok());
      ASSERT_NE(begin, expected) << "a dataset without puts";
    }
    ASSERT_EQ(expected, twin.end());
    for (const auto& [key, owner] : owners) {
      size_t records = 0;
      for (uint32_t i = log.NewestOf(owner); i != HeldLog::kNone; i = log[i].before) {
        ++records;
      }
      ASSERT_GT(records, 0u);
    }
    size_t memory = 0;
    for (uint32_t dataset = 0; dataset < names.size(); ++dataset) memory += log.MemoryOf(dataset);
    ASSERT_LE(memory, log.memory());
  }
}

}  // namespace
}  // namespace catena::kv
