// SPDX-License-Identifier: Apache-2.0
// The twin takes the rows of one part after the other.
#include "catena/batch/rows/row_parts.h"

#include <gtest/gtest.h>

#include "catena/base/random.h"
#include "catena/testing/property.h"

namespace catena::batch {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;

// Where each row goes when part after part is looked for.
std::vector<uint32_t> PlacesOf(const std::vector<uint16_t>& part_of_row, size_t parts) {
  std::vector<uint32_t> places(part_of_row.size(), kNowhere);
  uint32_t next = 0;
  for (size_t part = 0; part < parts; ++part) {
    for (size_t row = 0; row < part_of_row.size(); ++row) {
      if (part_of_row[row] == part) places[row] = next++;
    }
  }
  return places;
}

void ExpectPlaces(const RowParts& told, size_t first, size_t last,
                  const std::vector<uint32_t>& expected) {
  std::vector<uint32_t> places(last - first, kNowhere);
  told.Walk(first, last, [&](size_t row, uint32_t at) { places[row - first] = at; });
  EXPECT_EQ(places, std::vector<uint32_t>(expected.begin() + static_cast<ptrdiff_t>(first),
                                          expected.begin() + static_cast<ptrdiff_t>(last)));
}

TEST(RowPartsTest, TellRowsApart) {
  testing::ForSeeds(20, [&](Random& random) {
    const size_t parts = 1 + random.Below(5);
    std::vector<uint16_t> part_of_row(random.Below(200));
    std::vector<size_t> sizes(parts, 0);
    for (uint16_t& part : part_of_row) {
      part = random.OneIn(5) ? RowParts::kNone : static_cast<uint16_t>(random.Below(parts));
      if (part != RowParts::kNone) ++sizes[part];
    }
    const RowParts told(part_of_row, parts);
    for (size_t part = 0; part < parts; ++part) {
      ASSERT_EQ(told.begin(part + 1) - told.begin(part), sizes[part]);
    }
    const size_t first = random.Below(told.rows() + 1);
    const size_t last = first + random.Below(told.rows() - first + 1);
    ExpectPlaces(told, first, last, PlacesOf(part_of_row, parts));
  });
}

TEST(RowPartsTest, AWalkMayBeginAnywhere) {
  Random random(20'000'000);
  constexpr size_t kStride = RowParts::kStride;
  std::vector<uint16_t> part_of_row(2 * kStride + 1000);
  for (uint16_t& part : part_of_row) {
    part = random.OneIn(9) ? RowParts::kNone : static_cast<uint16_t>(random.Below(50));
  }
  const RowParts told(part_of_row, 50);
  const std::vector<uint32_t> expected = PlacesOf(part_of_row, 50);
  for (const size_t first : {size_t{0}, kStride, kStride - 7, kStride + kStride / 2}) {
    ExpectPlaces(told, first, std::min(first + kStride, expected.size()), expected);
  }
}

}  // namespace
}  // namespace catena::batch
