// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/freshness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/conf/output_names.h"
#include "catena/plan/backfill_plan.h"

namespace catena::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// t.final: t.spine x user_risk (2 days) over t.parent; t.parent: t.tx x scores (a day), and
// profiles as of the day before.
constexpr char kFinal[] = R"json({
  "metaData": {"name": "t.final", "outputNamespace": "t"},
  "left": {"events": {"table": "t.spine", "query": {"timeColumn": "ts"}}},
  "joinParts": [{"groupBy": {
    "metaData": {"name": "t.user_risk", "outputNamespace": "t"}, "keyColumns": ["user"],
    "accuracy": 0, "aggregations": [
      {"inputColumn": "risk", "operation": 8, "windows": [{"length": 2, "timeUnit": 1}]}],
    "sources": [{"joinSource": {
      "query": {"selects": {"user": "user", "risk": "scores_score_last_1d"}, "timeColumn": "ts"},
      "join": {"metaData": {"name": "t.parent", "outputNamespace": "t"},
        "left": {"events": {"table": "t.tx", "query": {"timeColumn": "ts"}}},
        "joinParts": [
          {"groupBy": {"metaData": {"name": "scores"}, "keyColumns": ["merchant"],
            "accuracy": 0, "aggregations": [{"inputColumn": "score", "operation": 3,
              "windows": [{"length": 1, "timeUnit": 1}]}],
            "sources": [{"events": {"table": "t.scores", "query": {"timeColumn": "ts"}}}]}},
          {"groupBy": {"metaData": {"name": "profiles"}, "keyColumns": ["merchant"], "accuracy": 1,
            "sources": [{"entities": {"snapshotTable": "t.profiles",
              "query": {"selects": {"merchant": "merchant", "tier": "tier"}}}}]}}]}}}]}}
  ]})json";

Date Day(int day) { return *ParseDate("2026-03-01") + (day - 1); }

std::vector<Date> Days(int first, int last) {
  std::vector<Date> days;
  for (int day = first; day <= last; ++day) days.push_back(Day(day));
  return days;
}

class FreshnessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    conf_ = *conf::ParseConf(*ParseJson(kFinal, "test"), "test");
    for (const char* table : {"t.spine", "t.tx", "t.scores", "t.profiles"}) {
      for (const Date day : Days(1, 20)) Put(table, day, "files");
    }
    Run(11, 20);
  }

  void Put(const std::string& table, Date day, const std::string& print) {
    TableState& state = inventory_[table];
    if (!state.prints.contains(day)) {
      state.days.insert(std::lower_bound(state.days.begin(), state.days.end(), day), day);
    }
    state.prints[day] = print;
  }
  void Take(const std::string& table, Date day) {
    std::erase(inventory_[table].days, day);
    inventory_[table].prints.erase(day);
  }
  BackfillPlan Plan(int first, int last, bool recompute = false) {
    DaysAsked asked{Day(first), Day(last)};
    asked.recompute = recompute;
    auto plan = PlanBackfill(conf_, asked, inventory_);
    EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message);
    return plan.ok() ? *plan : BackfillPlan{};
  }
  // What running the plan leaves in the inventory; every run writes other files.
  BackfillPlan Run(int first, int last) {
    BackfillPlan plan = Plan(first, last);
    for (const auto& [table, marks] : plan.adopted) {
      for (const auto& [day, mark] : marks) inventory_[table].marks[day] = mark;
    }
    for (const Step& step : plan.steps) {
      for (const PlannedDay& planned : step.compute) {
        Put(step.table, planned.day, "run " + std::to_string(++runs_));
        inventory_[step.table].marks[planned.day] = step.marks.at(planned.day);
      }
    }
    return plan;
  }
  // "parent 13 14 (t.scores); final 14 (t.t_parent)" of everything but missing days.
  static std::string Again(const BackfillPlan& plan) {
    std::string text;
    for (const Step& step : plan.steps) {
      if (step.compute.empty()) continue;
      text += (text.empty() ? "" : "; ") + step.name.substr(step.name.find(".") + 1);
      for (const PlannedDay& planned : step.compute) {
        text += " " + std::to_string(planned.day.days - Day(1).days + 1);
        text += planned.why == Why::kInputsChanged ? "(" + PrintNames(planned.changed) + ")"
                                                   : "(" + std::string(WhyName(planned.why)) + ")";
      }
    }
    return text;
  }

  conf::Conf conf_;
  Inventory inventory_;
  int runs_ = 0;
};

TEST_F(FreshnessTest, NothingChangedNothingIsComputed) {
  EXPECT_EQ(Again(Plan(11, 20)), "");
  // Days behind what was computed are new, not a change.
  for (const char* table : {"t.spine", "t.tx", "t.scores", "t.profiles"}) {
    Put(table, Day(21), "files");
  }
  EXPECT_EQ(Again(Plan(11, 21)), "parent 21(missing); final 21(missing)");
}

TEST_F(FreshnessTest, ARightPartitionThatChangedReachesTheDaysThatLookAtIt) {
  Put("t.scores", Day(15), "rewritten");
  // Its own day, and the windows of a day (and one day for late rows) behind it; final looks at
  // the parent two days back.
  EXPECT_EQ(Again(Plan(18, 18)),
            "parent 15(t.scores) 16(t.scores) 17(t.scores) 18(t.scores); "
            "final 18(t.t_parent)");
  const BackfillPlan plan = Run(11, 20);
  EXPECT_THAT(PrintPlan(plan), HasSubstr("(stale: changed: t.scores)"));
  EXPECT_EQ(PlanToJson(plan)["steps"][0]["compute"][0]["why"], "inputs_changed");
  EXPECT_EQ(PlanToJson(plan)["steps"][0]["compute"][0]["changed"], Json::array({"t.scores"}));
  EXPECT_EQ(Again(Plan(11, 20)), "");
}

TEST_F(FreshnessTest, ASnapshotThatChangedReachesTheDayAfterIt) {
  Put("t.profiles", Day(19), "rewritten");
  EXPECT_EQ(Again(Plan(11, 20)), "parent 20(t.profiles); final 20(t.t_parent)");
}

TEST_F(FreshnessTest, APartitionThatLandsLateIsAChange) {
  Take("t.scores", Day(20));
  Put("t.spine", Day(21), "files");
  Put("t.tx", Day(21), "files");
  Put("t.profiles", Day(21), "files");
  Run(21, 21);  // Without the scores of 20 and 21: noted.
  Put("t.scores", Day(20), "files");
  Put("t.scores", Day(21), "files");
  EXPECT_EQ(Again(Plan(21, 21)), "parent 20(t.scores) 21(t.scores); final 21(t.t_parent)");
}

TEST_F(FreshnessTest, AParentThatWasMadeAgainFromTheSameChangesNothing) {
  inventory_.erase("t.t_parent");
  EXPECT_EQ(Again(Plan(11, 20)), "");
  Put("t.spine", Day(21), "files");
  Put("t.tx", Day(21), "files");
  Put("t.scores", Day(21), "files");
  Put("t.profiles", Day(21), "files");
  Run(21, 21);
  EXPECT_EQ(Again(Plan(11, 21)), "");
  // A parent that is made anew by a run of its own is no secret to its child.
  Put("t.tx", Day(20), "rewritten");
  const conf::Conf child = conf_;
  conf_.definition = conf::ChainOf(*conf_.join()->join_parts[0].group_by)->join;
  EXPECT_EQ(Again(Run(20, 21)), "parent 20(left_changed)");
  conf_ = child;
  EXPECT_EQ(Again(Plan(11, 21)), "parent 16(missing); final 20(t.t_parent) 21(t.t_parent)");
}

TEST_F(FreshnessTest, WhatIsNoLongerThereKeepsTheDay) {
  for (const Date day : Days(1, 14)) Take("t.scores", day);
  const BackfillPlan plan = Plan(11, 20);
  EXPECT_EQ(Again(plan), "");
  const conf::Conf child = conf_;
  conf_.definition = conf::ChainOf(*conf_.join()->join_parts[0].group_by)->join;
  Put("t.profiles", Day(15), "rewritten too");
  EXPECT_THAT(Plan(11, 20).steps[0].notes,
              ElementsAre(HasSubstr("no longer has all partitions that they were made from; "
                                    "--recompute makes them from those that it has: t.scores: "
                                    "2026-03-11..2026-03-17")));
  EXPECT_EQ(Again(Plan(16, 17, true)), "parent 16(asked) 17(asked)");
}

TEST_F(FreshnessTest, DaysOfBeforeInputsWereRecordedAreAdoptedAndItIsSaid) {
  for (auto& [table, state] : inventory_) {
    for (auto& [day, mark] : state.marks) mark.inputs.reset();
  }
  const BackfillPlan plan = Run(11, 20);
  EXPECT_EQ(Again(plan), "");
  EXPECT_THAT(
      plan.steps.back().notes,
      ElementsAre(HasSubstr("--recompute makes them anew: t.t_final: 2026-03-11..2026-03-20"),
                  HasSubstr("--recompute makes them anew: t.t_parent: ")));
  EXPECT_THAT(Plan(11, 20).adopted, IsEmpty());
  Put("t.scores", Day(20), "rewritten");
  EXPECT_EQ(Again(Plan(11, 20)), "parent 20(t.scores); final 20(t.t_parent)");
}

TEST_F(FreshnessTest, ADayIsNotAdoptedWhenItsParentIsKnownToHaveChanged) {
  for (auto& [table, state] : inventory_) {
    for (auto& [day, mark] : state.marks) mark.inputs.reset();
  }
  Put("t.tx", Day(19), "rewritten");
  EXPECT_EQ(Again(Plan(11, 20)), "parent 19(left_changed); final 19(t.t_parent) 20(t.t_parent)");
}

TEST_F(FreshnessTest, WhatIsAskedForAgainIsComputedOnceWithItsParents) {
  EXPECT_EQ(Again(Plan(20, 20, true)),
            "parent 16(asked) 17(asked) 18(asked) 19(asked) 20(asked); final 20(asked)");
  DaysAsked asked{Day(20), Day(20)};
  asked.recompute = true;
  asked.made["t.t_parent"] = {Day(16), Day(17), Day(18), Day(19)};
  EXPECT_EQ(Again(*PlanBackfill(conf_, asked, inventory_)), "parent 20(asked); final 20(asked)");
}

// One entity GroupBy, or one of cumulative events, over the left of the days.
conf::Conf JoinWith(const std::string& group_by) {
  return *conf::ParseConf(*ParseJson(R"json({
    "metaData": {"name": "j", "outputNamespace": "t"},
    "left": {"events": {"table": "t.tx", "query": {"timeColumn": "ts"}}},
    "joinParts": [{"groupBy": {"metaData": {"name": "g"}, "keyColumns": ["k"], )json" +
                                         group_by + "}}]}",
                                     "test"),
                          "test");
}

TEST_F(FreshnessTest, MutationsAreInputs) {
  conf_ = JoinWith(R"json("accuracy": 0, "aggregations": [{"inputColumn": "v", "operation": 3}],
    "sources": [{"entities": {"snapshotTable": "t.snapshots", "mutationTable": "t.mutations",
      "query": {"timeColumn": "ts"}}}])json");
  for (const Date day : Days(1, 20)) {
    Put("t.snapshots", day, "files");
    Put("t.mutations", day, "files");
  }
  Run(11, 20);
  EXPECT_EQ(Again(Plan(11, 20)), "");
  Put("t.mutations", Day(19), "rewritten");
  EXPECT_EQ(Again(Plan(11, 20)), "j 19(t.mutations) 20(t.mutations)");
  EXPECT_THAT(*TablesOf(conf_), ::testing::Contains("t.mutations"));
}

TEST_F(FreshnessTest, OfCumulativeEventsThePartitionOfTheDayCounts) {
  conf_ = JoinWith(R"json("accuracy": 0, "aggregations": [{"inputColumn": "v", "operation": 3}],
    "sources": [{"events": {"table": "t.all", "isCumulative": true,
      "query": {"timeColumn": "ts"}}}])json");
  for (const Date day : Days(1, 20)) Put("t.all", day, "files");
  Run(11, 20);
  Put("t.all", Day(21), "files");
  Put("t.all", Day(12), "rewritten");
  EXPECT_EQ(Again(Plan(11, 20)), "j 12(t.all)");
  for (const Date day : Days(1, 20)) Take("t.all", day);  // Only the newest is kept.
  EXPECT_EQ(Again(Plan(11, 20)), "");
}

TEST_F(FreshnessTest, AGroupBysTableIsMadeFromItsSources) {
  conf_ = *conf::ParseConf(*ParseJson(R"json({
    "metaData": {"name": "g", "outputNamespace": "t"}, "keyColumns": ["k"], "accuracy": 1,
    "aggregations": [{"inputColumn": "v", "operation": 7,
                      "windows": [{"length": 2, "timeUnit": 1}]}],
    "sources": [{"events": {"table": "t.scores", "query": {"timeColumn": "ts"}}}]})json",
                                      "test"),
                           "test");
  Run(11, 20);
  Put("t.scores", Day(15), "rewritten");
  EXPECT_EQ(Again(Plan(11, 20)), "g 15(t.scores) 16(t.scores) 17(t.scores)");
}

}  // namespace
}  // namespace catena::plan
