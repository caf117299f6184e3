// SPDX-License-Identifier: Apache-2.0
// Days whose sources change after they were computed: running again gives what computing everything
// from nothing gives, whatever changed in whatever order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "catena/base/file.h"
#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kChain[] = R"json({"metaData": {"name": "final", "outputNamespace": "t"},
  "left": {"events": {"table": "t.spine", "query": {"timeColumn": "ts"}}},
  "joinParts": [{"groupBy": {"metaData": {"name": "risk"}, "keyColumns": ["user"], "accuracy": 0,
    "aggregations": [{"inputColumn": "risk", "operation": 7,
                      "windows": [{"length": 2, "timeUnit": 1}]}],
    "sources": [{"joinSource": {"query": {"selects": {"user": "user", "risk": "s_risk_sum_1d"},
      "timeColumn": "ts"}, "join": {
      "metaData": {"name": "parent", "outputNamespace": "t"},
      "left": {"events": {"table": "t.payments", "query": {"timeColumn": "ts"}}},
      "joinParts": [
        {"groupBy": {"metaData": {"name": "s"}, "keyColumns": ["shop"], "accuracy": 0,
          "aggregations": [{"inputColumn": "risk", "operation": 7,
                            "windows": [{"length": 1, "timeUnit": 1}]}],
          "sources": [{"events": {"table": "t.risks", "query": {"timeColumn": "ts"}}}]}},
        {"groupBy": {"metaData": {"name": "e"}, "keyColumns": ["shop"], "accuracy": 1,
          "sources": [{"entities": {"snapshotTable": "t.shops",
            "query": {"selects": {"shop": "shop", "tier": "tier"}}}}]}}]}}}]}}]})json";

constexpr int kDays = 7;
constexpr int kFirst = 3;  // Of the final Join, so that windows are full.

std::string DayText(int day) { return FormatDate(Day("2026-03-01") + day); }

class ChangedInputsTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    for (int day = 0; day < kDays; ++day) {
      for (const char* table : {"t.spine", "t.payments", "t.risks", "t.shops"}) Fill(table, day);
    }
  }

  // A partition of random rows of its day.
  void Fill(const std::string& table, int day) {
    const auto below = [&](int64_t n) { return static_cast<int64_t>(random_() % n); };
    const auto at = [&] { return At(DayText(day), static_cast<int>(below(24)), 0, below(999)); };
    std::vector<Row> rows;
    for (int64_t i = 0; i < 6; ++i) {
      if (table == "t.spine") rows.push_back({below(3), at()});
      if (table == "t.payments") rows.push_back({below(3), below(3), at()});
      if (table == "t.risks") rows.push_back({below(3), below(100), at()});
      if (table == "t.shops" && i < 3) rows.push_back({i, below(100)});
    }
    const std::map<std::string, std::string> columns = {
        {"t.spine", "user LONG, ts LONG"},
        {"t.payments", "user LONG, shop LONG, ts LONG"},
        {"t.risks", "shop LONG, risk LONG, ts LONG"},
        {"t.shops", "shop LONG, tier LONG"}};
    Write(table, DayText(day), columns.at(table), rows);
  }
  std::string Final() {
    return PrintRows(ReadTable("t.final", {"user", "ts", "risk_risk_sum_2d", "ds"}));
  }
  std::string Parent() {
    return PrintRows(
        ReadTable("t.parent", {"user", "shop", "ts", "s_risk_sum_1d", "e_tier", "ds"}));
  }
  RunReport Run(bool recompute = false) {
    plan::DaysAsked asked{Day(DayText(kFirst)), Day(DayText(kDays - 1))};
    asked.recompute = recompute;
    return OrStop(Backfill(context_, conf_, asked));
  }
  void Drop(const std::string& table) {
    std::filesystem::remove_all(warehouse_->Find(table)->directory());
  }

  const conf::Conf conf_ = ConfOf(kChain);
  uint64_t seed_ = std::random_device()();
  std::mt19937_64 random_{seed_};
};

TEST_F(ChangedInputsTest, RunningAgainGivesWhatComputingEverythingGives) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  const std::vector<std::string> tables = {"t.spine", "t.payments", "t.risks", "t.shops"};
  size_t reused = 0;
  for (int round = 0; round < 8; ++round) {
    Run();
    const int changes = static_cast<int>(random_() % 3);
    for (int i = 0; i < changes; ++i) {
      Fill(tables[random_() % tables.size()], static_cast<int>(random_() % kDays));
    }
    // Now and then a parent that is there no more, or was made again by itself.
    if (round % 4 == 3) Drop("t.parent");
    if (round % 4 == 1) {
      conf::Conf parent;
      parent.definition = conf::ChainOf(*conf_.join()->join_parts[0].group_by)->join;
      Backfilled(parent, DayText(random_() % kDays), DayText(kDays - 1));
    }
    for (const StepReport& step : Run().steps) reused += step.reused.size();
    EXPECT_TRUE(Run().steps.back().computed.empty());
    const std::string final = Final();
    const std::string parent = round % 4 == 3 ? "" : Parent();
    Drop("t.final");
    Drop("t.parent");
    Run();
    EXPECT_EQ(final, Final()) << "round " << round;
    // One that was dropped is made again only for the days that a changed child looks at.
    if (!parent.empty()) {
      EXPECT_EQ(parent, Parent()) << "round " << round;
    }
  }
  EXPECT_GT(reused, 0u);
}

TEST_F(ChangedInputsTest, TheReportSaysWhatChangedAndRecomputeForces) {
  Run();
  Fill("t.risks", kDays - 1);
  const std::string changed = PrintReport(Run());
  EXPECT_THAT(changed, HasSubstr("what they were made from changed: t.risks: 2026-03-07"));
  EXPECT_THAT(changed, HasSubstr("what they were made from changed: t.parent: 2026-03-07"));
  EXPECT_THAT(PrintReport(Run()), Not(HasSubstr("computed again")));
  const RunReport all = Run(true);
  EXPECT_EQ(all.steps.back().computed.size(), static_cast<size_t>(kDays - kFirst));
  EXPECT_TRUE(all.steps.front().reused.empty());
}

// A job that died between a day and its mark, while the sources went back to what they had been.
TEST_F(ChangedInputsTest, ADayThatIsWrittenAgainHasNoMarkUntilItIsThere) {
  Run();
  const std::string marks = warehouse_->Find("t.final")->directory() + "/_catena.json";
  Fill("t.spine", kDays - 1);
  plan::BackfillPlan plan =
      OrStop(PlanBackfill(context_, conf_, {Day(DayText(kFirst)), Day(DayText(kDays - 1))}));
  plan.steps.back().marks.clear();
  // A conf that fails when rows are read: marks of its days are gone by then.
  auto broken = std::make_shared<conf::Join>(*conf_.join());
  broken->join_parts[0].key_mapping = {{"absent", "user"}};
  plan.steps.back().join = broken;
  RunReport report;
  ASSERT_FALSE(RunPlan(context_, plan, nullptr, {}, &report).ok());
  const Json left = OrStop(ParseJson(OrStop(ReadFile(marks)), marks));
  EXPECT_FALSE(left["days"].contains(DayText(kDays - 1)));
  EXPECT_TRUE(left["days"].contains(DayText(kFirst)));
}

TEST_F(ChangedInputsTest, MarksOfVersionTwoAreAdoptedWithANote) {
  Run();
  for (const char* table : {"t.final", "t.parent"}) {
    const std::string path = warehouse_->Find(table)->directory() + "/_catena.json";
    Json marks = OrStop(ParseJson(OrStop(ReadFile(path)), path));
    for (auto& [day, mark] : marks["days"].items()) mark.erase("inputs");
    marks["version"] = 2;
    OrStop(ReplaceFile(path, PrettyJson(marks)));
  }
  const RunReport adopted = Run();
  EXPECT_TRUE(adopted.steps.back().computed.empty());
  EXPECT_THAT(PrintReport(adopted), HasSubstr("taken as made from today's, --recompute makes them "
                                              "anew: t.final: 2026-03-04..2026-03-07"));
  EXPECT_THAT(PrintReport(Run()), Not(HasSubstr("--recompute")));
  Fill("t.shops", kDays - 2);
  EXPECT_EQ(Run().steps.front().computed, std::vector<Date>{Day(DayText(kDays - 1))});
}

TEST_F(ChangedInputsTest, WhatHangsBelowAFailedStepIsSkippedAndNamed) {
  plan::BackfillPlan plan =
      OrStop(PlanBackfill(context_, conf_, {Day(DayText(kFirst)), Day(DayText(kDays - 1))}));
  auto broken = std::make_shared<conf::Join>(*plan.steps[0].join);
  broken->join_parts[0].key_mapping = {{"absent", "shop"}};
  plan.steps[0].join = broken;
  RunReport report;
  ASSERT_FALSE(RunPlan(context_, plan, nullptr, {}, &report).ok());
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_THAT(report.steps[0].reason, HasSubstr("no such key column"));
  EXPECT_THAT(PrintReport(report), HasSubstr("join final -> t.final: skipped: parent failed\n"));
  const Json json = ReportToJson(report);
  EXPECT_EQ(json["steps"][0]["outcome"], "failed");
  EXPECT_EQ(json["steps"][1]["outcome"], "skipped");
  EXPECT_EQ(json["steps"][1]["computed"], Json::array());
}

TEST_F(ChangedInputsTest, AColumnThatIsNotThereIsSaidBeforeTheFirstStep) {
  std::string text = kChain;
  text.replace(text.find(R"("tier": "tier")"), 14, R"("tier": "level")");
  const auto refused = Backfill(context_, ConfOf(text), {Day(DayText(kFirst)), Day(DayText(4))});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("parent: table t.shops: select tier: no such "
                                                 "column: level"));
  EXPECT_FALSE(warehouse_->Find("t.parent")->Exists());
}

}  // namespace
}  // namespace catena::batch
