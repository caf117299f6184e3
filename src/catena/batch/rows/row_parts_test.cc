// SPDX-License-Identifier: Apache-2.0
// The twin takes the rows of one part after the other.
#include "catena/batch/rows/row_parts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "catena/base/random.h"
#include "catena/testing/property.h"

namespace catena::batch {
namespace {

using types::Column;

TEST(RowPartsTest, TellRowsApartAndPutThemBack) {
  testing::ForSeeds(20, [&](Random& random) {
    const size_t rows = random.Below(200);
    const size_t parts = 1 + random.Below(5);
    std::vector<uint16_t> part_of_row;
    std::vector<std::vector<uint32_t>> rows_of(parts);
    for (uint32_t row = 0; row < rows; ++row) {
      const auto part = static_cast<uint16_t>(random.Below(parts));
      part_of_row.push_back(random.OneIn(5) ? RowParts::kNone : part);
      if (part_of_row.back() != RowParts::kNone) rows_of[part].push_back(row);
    }
    const RowParts told(part_of_row, parts);
    for (const char* type : {"BOOLEAN", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "STRING"}) {
      Column column(types::ParseType(type).value());
      for (size_t row = 0; row < rows; ++row) {
        if (random.OneIn(4)) {
          column.AppendNull();
        } else if (column.type().IsText()) {
          column.AppendText(std::string(random.Below(20), 'x'));
        } else {
          const types::Value value = column.type().kind == types::Kind::kBool
                                         ? types::Value(random.OneIn(2))
                                         : types::Value(random.Between(-100, 100));
          ASSERT_TRUE(column.AppendValue(value).ok());
        }
      }
      const Column parted = told.Part(column);
      ASSERT_EQ(parted.size(), told.size());
      std::vector<types::ColumnPtr> pieces;
      for (size_t part = 0; part < parts; ++part) {
        pieces.push_back(std::make_shared<Column>(column.Take(rows_of[part])));
        ASSERT_EQ(told.begin(part + 1) - told.begin(part), rows_of[part].size());
        for (size_t i = 0; i < rows_of[part].size(); ++i) {
          ASSERT_EQ(parted.ValueAt(told.begin(part) + i), column.ValueAt(rows_of[part][i]));
        }
      }
      if (!HasFixedWidth(column.type())) continue;
      const size_t first = random.Below(rows + 1);
      const size_t last = first + random.Below(rows - first + 1);
      Column united(column.type());
      united.ResizeNulls(last - first);
      told.Unite(pieces, first, told.PlacesOf(first, last), &united);
      size_t nulls = 0;
      for (size_t row = first; row < last; ++row) {
        const bool none = part_of_row[row] == RowParts::kNone;
        ASSERT_EQ(united.ValueAt(row - first), none ? types::Value() : column.ValueAt(row));
        nulls += united.IsNull(row - first) ? 1 : 0;
      }
      ASSERT_EQ(united.null_count(), nulls);
    }
  });
}

TEST(RowPartsTest, PlacesOfManyRowsAreThoseOfAWalk) {
  Random random(20'000'000);
  std::vector<uint16_t> part_of_row((size_t{2} << 20) + 1000);
  for (uint16_t& part : part_of_row) {
    part = random.OneIn(9) ? RowParts::kNone : static_cast<uint16_t>(random.Below(50));
  }
  const RowParts told(part_of_row, 50);
  std::vector<uint32_t> walked(part_of_row.size(), RowParts::kNowhere);
  told.Walk([&](size_t row, size_t at) { walked[row] = static_cast<uint32_t>(at); });
  for (const size_t first : {size_t{0}, size_t{1} << 20, (size_t{1} << 20) - 7, size_t{1500000}}) {
    const size_t last = std::min(first + 700000, walked.size());
    EXPECT_EQ(told.PlacesOf(first, last),
              std::vector<uint32_t>(walked.begin() + static_cast<ptrdiff_t>(first),
                                    walked.begin() + static_cast<ptrdiff_t>(last)));
  }
}

}  // namespace
}  // namespace catena::batch
