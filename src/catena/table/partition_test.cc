// SPDX-License-Identifier: Apache-2.0
#include "catena/table/partition.h"

#include <gtest/gtest.h>

namespace catena::table {
namespace {

Date Day(const char* text) { return ParseDate(text).value(); }

TEST(PartitionRange, CountsAndWalksDays) {
  const auto range = PartitionRange::Parse("2024-02-28", "2024-03-01").value();
  std::string days;
  for (const Date day : range) days += FormatDate(day) + " ";
  EXPECT_EQ(days, "2024-02-28 2024-02-29 2024-03-01 ");
  EXPECT_EQ(range.size(), 3);
  EXPECT_EQ(range.ToString(), "2024-02-28..2024-03-01");
  EXPECT_TRUE(range.Contains(Day("2024-02-29")));
  EXPECT_FALSE(range.Contains(Day("2024-03-02")));
  EXPECT_EQ(range.Shift(-1).ToString(), "2024-02-27..2024-02-29");
}

TEST(PartitionRange, EmptyAndAll) {
  const PartitionRange empty =
      PartitionRange::Of(Day("2024-01-01")).Intersect(PartitionRange::Of(Day("2024-01-03")));
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.size(), 0);
  EXPECT_TRUE(empty.begin() == empty.end());
  EXPECT_FALSE(PartitionRange::Parse("2024-01-02", "2024-01-01").ok());
  EXPECT_FALSE(PartitionRange::Parse("yesterday", "2024-01-01").ok());
  EXPECT_EQ(FormatDate(PartitionRange::All().first), "0001-01-01");
  EXPECT_EQ(FormatDate(PartitionRange::All().last), "9999-12-31");
}

TEST(PartitionRange, RangesAndHoles) {
  const std::vector<Date> days = {Day("2024-01-01"), Day("2024-01-02"), Day("2024-01-03"),
                                  Day("2024-01-05")};
  ASSERT_EQ(ToRanges(days).size(), 2u);
  EXPECT_EQ(ToRanges(days)[0].ToString(), "2024-01-01..2024-01-03");
  EXPECT_EQ(ToRanges(days, 2).size(), 3u);
  const auto missing = MissingDays(PartitionRange::Parse("2023-12-31", "2024-01-06").value(), days);
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(FormatDate(missing[1]), "2024-01-04");
}

}  // namespace
}  // namespace catena::table
