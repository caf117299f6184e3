// SPDX-License-Identifier: Apache-2.0
// A plan and the run of it refuse the same Joins, in the same words.
#include "catena/batch/preview/plan_binding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using ::testing::HasSubstr;

constexpr char kPart[] = R"({"groupBy": {"metaData": {"name": "gb"}, "keyColumns": ["user"],
  "accuracy": 0, "aggregations": [{"inputColumn": "amount", "operation": 7}],
  "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]}MORE})";
constexpr char kEntities[] = R"({"groupBy": {"metaData": {"name": "e"}, "keyColumns": ["user"],
  "accuracy": 0, "aggregations": [{"inputColumn": "amount", "operation": 7}],
  "sources": [{"entities": {"snapshotTable": "t.cards", "mutationTable": "t.changes",
                            "query": {"timeColumn": "ts"}}}]}})";

class PlanBindingTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    Write("t.queries", "2026-03-02", "user STRING, number LONG, ts LONG",
          {{"a", 7, At("2026-03-02", 12)}});
    Write("t.events", "2026-03-02", "user STRING, amount LONG, ts LONG",
          {{"a", 1, At("2026-03-02", 10)}});
    Write("t.cards", "2026-03-01", "user STRING, amount LONG, ts LONG",
          {{"a", 5, At("2026-03-01", 10)}});
    Write("t.changes", "2026-03-02",
          "user STRING, amount LONG, ts LONG, mutation_ts LONG, is_before BOOLEAN",
          {{"a", 6, At("2026-03-01", 11), At("2026-03-02", 11), false}});
  }
  static std::string Part(const std::string& more = "") {
    std::string part = kPart;
    return part.replace(part.find("MORE"), 4, more);
  }
  static std::string Join(
      const std::string& parts, const std::string& more = "",
      const std::string& left =
          R"({"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}})") {
    return R"({"metaData": {"name": "j", "outputNamespace": "t"}, "left": )" + left +
           R"(, "joinParts": [)" + parts + "]" + more + "}";
  }
  Status Bound(const std::string& json) {
    const plan::DaysAsked asked{Day("2026-03-02"), Day("2026-03-02")};
    return BindPlan(context_, OrStop(PlanBackfill(context_, ConfOf(json), asked)));
  }
  Status Run(const std::string& json) {
    return Backfill(context_, ConfOf(json), {Day("2026-03-02"), Day("2026-03-02")}).status();
  }
  void ExpectRefused(const std::string& json, const std::string& part) {
    const Status bound = Bound(json);
    ASSERT_FALSE(bound.ok()) << json;
    EXPECT_THAT(bound.error().message, HasSubstr(part));
    const Status run = Run(json);
    ASSERT_FALSE(run.ok()) << json;
    EXPECT_EQ(bound.error().message, run.error().message);
    EXPECT_EQ(bound.error().code, run.error().code);
  }
};

TEST_F(PlanBindingTest, WhatARunRefusesAPlanRefuses) {
  ExpectRefused(Join(Part() + "," + Part()), "two output columns have one name");
  ExpectRefused(Join(Part(R"(, "keyMapping": {"nobody": "user"})")), "no such key column");
  ExpectRefused(Join(Part(R"(, "keyMapping": {"number": "user"})")), "number");
  ExpectRefused(Join(Part(), R"(, "rowIds": ["number", "nope"])"),
                "rowIds names a column that the left side does not give; select it there: nope");
  ExpectRefused(Join(Part(), R"(, "derivations": [{"name": "d", "expression": "gone"}])"), "gone");
}

TEST_F(PlanBindingTest, WhatRunsIsBound) {
  std::string parent =
      R"({"joinSource": {"join": )" + Join(Part()) + R"(, "query": {"timeColumn": "ts"}}})";
  parent.replace(parent.find("\"j\""), 3, "\"parent\"");
  for (const std::string& json :
       {Join(Part() + "," + Part(R"(, "prefix": "again", "keyMapping": {"user": "user"})") + "," +
                 kEntities,
             R"(, "rowIds": ["number", "ds"], "derivations": [{"name": "*", "expression": "*"},
                 {"name": "d", "expression": "gb_amount_sum"}])"),
        Join(Part(R"(, "prefix": "again")"), R"(, "rowIds": ["gb_amount_sum"])", parent)}) {
    const Status bound = Bound(json);
    EXPECT_TRUE(bound.ok()) << bound.error().message;
    const Status run = Run(json);
    EXPECT_TRUE(run.ok()) << run.error().message;
    std::filesystem::remove_all(root_ + "/t.db/j");
  }
}

}  // namespace
}  // namespace catena::batch
