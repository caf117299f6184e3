// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/element_wise_lengths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using types::ValueList;

class ElementWiseLengthsTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  ElementWiseLengthsTest()
      : conf_(ConfOf(R"({
          "metaData": {"name": "gb", "outputNamespace": "t"}, "keyColumns": ["key"], "accuracy": 1,
          "aggregations": [{"inputColumn": "v", "operation": 7, "elementWise": true}],
          "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})")) {
    Write("t.events", "2026-03-04", kColumns,
          {{"a", ValueList{1, 2, Value()}, At("2026-03-04", 1)},
           {"b", ValueList{5}, At("2026-03-04", 2)},
           {"a", ValueList(), At("2026-03-04", 3)},
           {"a", Value(), At("2026-03-04", 4)},
           {"a", ValueList{10, 20, Value()}, At("2026-03-04", 5)}});
  }
  static constexpr char kColumns[] = "key STRING, v LIST<LONG>, ts LONG";
  conf::Conf conf_;
};

TEST_F(ElementWiseLengthsTest, AreThoseOfOneKey) {
  Backfilled(conf_, "2026-03-04", "2026-03-04");
  EXPECT_EQ(PrintRows(ReadTable("t.gb", {"key", "v_sum"})), "[\"a\",[11,22,null]]\n[\"b\",[5]]\n");
}

TEST_F(ElementWiseLengthsTest, AnotherLengthIsAnErrorThatNamesTheColumn) {
  Write("t.events", "2026-03-05", kColumns, {{"a", ValueList{1, 2}, At("2026-03-05", 6)}});
  const auto report = batch::Backfill(context_, conf_, {Day("2026-03-05"), Day("2026-03-05")});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(report.error().message,
              ::testing::AllOf(::testing::HasSubstr("column v: 3 elements at 2026-03-04T01:00"),
                               ::testing::HasSubstr(", 2 at 2026-03-05T06:00"),
                               ::testing::HasSubstr("gb")));
}

}  // namespace
}  // namespace catena::batch
