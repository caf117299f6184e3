// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/kept_values.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "catena/base/random.h"

namespace catena::kv {
namespace {

struct Kept {
  std::string bytes;
  uint64_t held = 0;
};
using Twin = std::map<std::tuple<uint32_t, Timestamp, uint64_t>, Kept>;

void ExpectSame(const KeptValues& values, const Twin& twin) {
  ASSERT_EQ(values.all().size(), twin.size());
  size_t bytes = 0;
  auto expected = twin.begin();
  for (const KeptValue& value : values.all()) {
    const auto& [place, kept] = *expected++;
    ASSERT_EQ(std::tuple(static_cast<uint32_t>(value.dataset), value.time, value.sequence), place);
    ASSERT_EQ(values.BytesOf(value), kept.bytes);
    ASSERT_EQ(uint64_t{value.held}, kept.held);
    bytes += kept.bytes.size();
  }
  ASSERT_LE(values.memory(), twin.size() * sizeof(KeptValue) + 2 * bytes + 64) << "holes";
}

TEST(KeptValuesTest, AreThoseOfAMap) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  KeptValues values;
  Twin twin;
  for (int round = 0; round < 5000; ++round) {
    const auto dataset = static_cast<uint32_t>(random.Below(3));
    if (random.OneIn(50)) {
      const uint64_t held = random.Below(4);
      values.Erase(dataset, [&](const KeptValue& value) { return value.held == held; });
      std::erase_if(twin, [&](const auto& each) {
        return std::get<0>(each.first) == dataset && each.second.held == held;
      });
    } else {
      const std::tuple place(dataset, FromMillis(random.Between(-4, 4)), random.Below(3));
      const Kept kept{std::string(random.Below(90), static_cast<char>('a' + random.Below(26))),
                      random.Below(4)};
      const auto before = twin.find(place);
      EXPECT_EQ(values.Has(dataset, std::get<1>(place), std::get<2>(place)), before != twin.end());
      KeptValue& put = values.Put(dataset, std::get<1>(place), std::get<2>(place), kept.bytes);
      EXPECT_EQ(uint64_t{put.held}, before == twin.end() ? 0 : before->second.held);
      put.held = kept.held;
      twin[place] = kept;
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(values, twin));
    for (uint32_t of = 0; of < 4; ++of) {
      const auto count = std::count_if(twin.begin(), twin.end(), [of](const auto& each) {
        return std::get<0>(each.first) == of;
      });
      EXPECT_EQ(values.Of(of).size(), static_cast<size_t>(count));
      const Timestamp time = FromMillis(random.Between(-5, 5));
      const KeptValue* const first = values.FirstFrom(of, time);
      const auto expected = twin.lower_bound({of, time, 0});
      const bool is_there = expected != twin.end() && std::get<0>(expected->first) == of;
      ASSERT_EQ(first != nullptr, is_there);
      if (!is_there) continue;
      ASSERT_EQ(std::tuple(of, first->time, first->sequence), expected->first);
      const auto next = std::next(expected);
      ASSERT_EQ(values.IsLast(*first), next == twin.end() || std::get<0>(next->first) != of);
    }
  }
}

}  // namespace
}  // namespace catena::kv
