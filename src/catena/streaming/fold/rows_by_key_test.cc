// SPDX-License-Identifier: Apache-2.0
// Random rows with random keys, again and again, against a map.

#include "catena/streaming/fold/rows_by_key.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "catena/base/random.h"

namespace catena::streaming {
namespace {

TEST(RowsByKeyTest, IsWhatAMapOfRowsIs) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  RowsByKey rows;
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, std::vector<uint32_t>> expected;
    const auto count = static_cast<uint32_t>(random.Below(300));
    const uint64_t distinct = 1 + random.Below(300);
    rows.Begin(count);
    for (uint32_t row = 0; row < count; ++row) {
      if (random.OneIn(5)) continue;  // A row that is not folded.
      const std::string key(random.Below(3), static_cast<char>(random.Below(distinct)));
      expected[key].push_back(row);
      rows.Add(row, key);
    }
    rows.Group();
    ASSERT_EQ(rows.keys(), expected.size());
    for (size_t key = 0; key < rows.keys(); ++key) {
      const auto of_key =
          rows.rows().subspan(rows.begin(key), rows.begin(key + 1) - rows.begin(key));
      ASSERT_EQ(std::vector<uint32_t>(of_key.begin(), of_key.end()),
                expected.at(std::string(rows.Key(key))));
    }
  }
}

}  // namespace
}  // namespace catena::streaming
