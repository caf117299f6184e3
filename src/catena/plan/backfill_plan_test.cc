// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/backfill_plan.h"

#include <gtest/gtest.h>

#include "catena/conf/semantic_hash.h"

namespace catena::plan {
namespace {

// final: spine x user_risk (7 days, TEMPORAL) <- JoinSource <- parent: tx x scores.
constexpr char kFinal[] = R"json({
  "metaData": {"name": "t.final", "outputNamespace": "t"},
  "left": {"events": {"table": "t.spine", "query": {"timeColumn": "ts"}}},
  "joinParts": [{"groupBy": {
    "metaData": {"name": "t.user_risk", "outputNamespace": "t"}, "keyColumns": ["user"],
    "accuracy": 0, "aggregations": [
      {"inputColumn": "risk", "operation": 8, "windows": [{"length": 7, "timeUnit": 1}]}],
    "sources": [{"joinSource": {
      "query": {"selects": {"user": "user", "risk": "scores_score_last"}, "timeColumn": "ts"},
      "join": {"metaData": {"name": "t.parent", "outputNamespace": "t"},
        "left": {"events": {"table": "t.tx", "topic": "tx", "query": {"timeColumn": "ts"}}},
        "joinParts": [{"groupBy": {"metaData": {"name": "scores"}, "keyColumns": ["merchant"],
          "accuracy": 0, "aggregations": [{"inputColumn": "score", "operation": 3}],
          "sources": [{"events": {"table": "t.scores", "query": {"timeColumn": "ts"}}}]}}]}}}]}}
  ]})json";

conf::Conf Final() { return *conf::ParseConf(*ParseJson(kFinal, "test"), "test"); }

const conf::Join& Parent(const conf::Conf& final) {
  return *conf::ChainOf(*final.join()->join_parts[0].group_by)->join;
}

Date Day(const std::string& text) { return *ParseDate(text); }

std::vector<Date> Days(const std::string& first, const std::string& last) {
  std::vector<Date> days;
  for (Date day = Day(first); day <= Day(last); day = day + 1) days.push_back(day);
  return days;
}

constexpr char kPrint[] = "print";  // Of every day that nothing happened to.

TableState Holding(const std::vector<Date>& days) {
  TableState state{days};
  for (const Date day : days) state.prints[day] = kPrint;
  return state;
}

Inventory Sources() {
  return {{"t.spine", Holding(Days("2026-03-05", "2026-03-10"))},
          {"t.tx", Holding(Days("2026-02-01", "2026-03-12"))},
          {"t.scores", Holding(Days("2026-02-01", "2026-03-12"))}};
}

TableState Made(const std::vector<Date>& days, const std::string& meaning) {
  TableState state = Holding(days);
  for (const Date day : days) state.marks[day] = {meaning, kPrint};
  return state;
}

std::vector<Date> ComputedDays(const Step& step) {
  std::vector<Date> days;
  for (const PlannedDay& planned : step.compute) days.push_back(planned.day);
  return days;
}

TEST(BackfillPlanTest, ComesParentsFirstThroughTheLastDayItself) {
  const auto plan = PlanBackfill(Final(), {Day("2026-03-08"), Day("2026-03-10")}, Sources());
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  ASSERT_EQ(plan->steps.size(), 2u);
  EXPECT_EQ(plan->steps[0].table, "t.t_parent");
  // 7 days before 03-08, and two for rounded tails and late partitions.
  EXPECT_EQ(ComputedDays(plan->steps[0]), Days("2026-02-27", "2026-03-10"));
  EXPECT_EQ(plan->steps[0].because, "JoinSource of t.user_risk");
  EXPECT_EQ(ComputedDays(plan->steps[1]), Days("2026-03-08", "2026-03-10"));
  EXPECT_EQ(plan->steps[1].because, "asked for");
}

TEST(BackfillPlanTest, ReusesWhatIsThereAndAsksParentsOnlyForTheRest) {
  const conf::Conf final = Final();
  Inventory inventory = Sources();
  inventory["t.t_final"] = Made(Days("2026-03-05", "2026-03-09"), conf::MeaningOf(*final.join()));
  inventory["t.t_parent"] = Made(Days("2026-02-20", "2026-03-09"), conf::MeaningOf(Parent(final)));
  auto plan = PlanBackfill(final, {std::nullopt, Day("2026-03-10")}, inventory);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(ComputedDays(plan->steps[0]), Days("2026-03-10", "2026-03-10"));
  EXPECT_EQ(plan->steps[0].reuse, Days("2026-03-01", "2026-03-09"));
  EXPECT_EQ(ComputedDays(plan->steps[1]), Days("2026-03-10", "2026-03-10"));
  EXPECT_EQ(plan->steps[1].reuse, Days("2026-03-05", "2026-03-09"));

  inventory["t.t_final"] = Made(Days("2026-03-05", "2026-03-10"), conf::MeaningOf(*final.join()));
  plan = PlanBackfill(final, {std::nullopt, Day("2026-03-10")}, inventory);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->steps.size(), 1u) << PrintPlan(*plan);
  EXPECT_TRUE(plan->steps[0].compute.empty());
}

TEST(BackfillPlanTest, AnotherDefinitionMakesDaysStale) {
  Inventory inventory = Sources();
  inventory["t.t_final"] = Made(Days("2026-03-05", "2026-03-10"), "0123456789abcdef");
  const auto plan = PlanBackfill(Final(), {Day("2026-03-09"), Day("2026-03-10")}, inventory);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->steps[1].compute.size(), 2u);
  EXPECT_EQ(plan->steps[1].compute[0].why, Why::kStale);
  EXPECT_NE(PrintPlan(*plan).find("2026-03-09..2026-03-10 (stale"), std::string::npos);
  EXPECT_EQ(PlanToJson(*plan)["steps"][1]["compute"][0]["why"], "stale");
}

TEST(BackfillPlanTest, ADayWhoseLeftPartitionIsOtherFilesIsStaleAndNoOther) {
  const conf::Conf final = Final();
  conf::Conf conf;
  conf.definition = final.join()->join_parts[0].group_by;
  Inventory inventory = Sources();
  inventory["t.t_parent"] = Made(Days("2026-03-02", "2026-03-10"), conf::MeaningOf(Parent(final)));
  auto plan = PlanUpload(conf, Day("2026-03-10"), inventory);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_TRUE(plan->steps[0].compute.empty()) << PrintPlan(*plan);

  inventory["t.tx"].prints[Day("2026-03-08")] = "rewritten";
  inventory["t.t_parent"].marks[Day("2026-03-04")].left = "";
  plan = PlanUpload(conf, Day("2026-03-10"), inventory);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->steps[0].compute,
            (std::vector<PlannedDay>{{Day("2026-03-04"), Why::kLeftUnknown},
                                     {Day("2026-03-08"), Why::kLeftChanged}}));
  EXPECT_EQ(plan->steps[0].reuse.size(), 7u);
  EXPECT_NE(PrintPlan(*plan).find("2026-03-08 (stale: left partition changed)"), std::string::npos)
      << PrintPlan(*plan);
  EXPECT_EQ(PlanToJson(*plan)["steps"][0]["compute"][1]["why"], "left_changed");
}

TEST(BackfillPlanTest, ALeftThatIsAJoinIsStaleWithItsParent) {
  const conf::Conf final = Final();
  auto parent = std::make_shared<conf::Join>(Parent(final));
  conf::Join child = *final.join();
  child.metadata.name = "t.child";
  child.left = conf::JoinSource{parent, {}};
  const auto days = Days("2026-03-08", "2026-03-10");
  Inventory inventory = Sources();
  inventory["t.t_parent"] = Made(days, conf::MeaningOf(*parent));
  inventory["t.t_child"] = Made(days, conf::MeaningOf(child));
  const auto computed = [&] {
    Freshness freshness(inventory);
    std::map<Date, Why> days_to_compute;
    for (const Date day : days) {
      const auto why = freshness.Of(child, day).compute;
      if (why) days_to_compute[day] = *why;
    }
    return days_to_compute;
  };
  EXPECT_TRUE(computed().empty());
  // The parent will be made again, or already was.
  inventory["t.tx"].prints[Day("2026-03-08")] = "rewritten";
  inventory["t.t_parent"].prints[Day("2026-03-10")] = "made again";
  EXPECT_EQ(computed(), (std::map<Date, Why>{{Day("2026-03-08"), Why::kLeftChanged},
                                             {Day("2026-03-09"), Why::kInputsChanged},
                                             {Day("2026-03-10"), Why::kLeftChanged}}));
}

TEST(BackfillPlanTest, RefusesHolesAndNamesThem) {
  Inventory inventory = Sources();
  std::erase(inventory["t.tx"].days, Day("2026-03-03"));
  auto plan = PlanBackfill(Final(), {Day("2026-03-08"), Day("2026-03-10")}, inventory);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::kNotFound);
  EXPECT_NE(plan.error().message.find("t.tx: 2026-03-03"), std::string::npos)
      << plan.error().message;

  plan = PlanBackfill(Final(), {Day("2026-03-04"), Day("2026-03-12")}, Sources());
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message.find("t.spine: 2026-03-04, 2026-03-11..2026-03-12"),
            std::string::npos)
      << plan.error().message;

  inventory = Sources();
  inventory.erase("t.spine");
  plan = PlanBackfill(Final(), {std::nullopt, Day("2026-03-10")}, inventory);
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message.find("no such tables"), std::string::npos);
}

TEST(BackfillPlanTest, TablesThatAreNotThereAreNamedTogether) {
  Inventory inventory = Sources();
  inventory.erase("t.scores");
  inventory.erase("t.tx");
  const auto plan = PlanBackfill(Final(), {Day("2026-03-08"), Day("2026-03-10"), true}, inventory);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::kNotFound);
  EXPECT_NE(plan.error().message.find("`catena table load FILE NS.TABLE`"), std::string::npos);
  EXPECT_NE(plan.error().message.find(": t.scores, t.tx"), std::string::npos)
      << plan.error().message;
}

TEST(BackfillPlanTest, HolesOfRightSidesAreRefusedOrAllowedAndAnEarlyEndIsSaid) {
  Inventory inventory = Sources();
  std::erase(inventory["t.scores"].days, Day("2026-03-03"));
  auto plan = PlanBackfill(Final(), {Day("2026-03-08"), Day("2026-03-10")}, inventory);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::kNotFound);
  EXPECT_NE(plan.error().message.find("t.parent: "), std::string::npos) << plan.error().message;
  EXPECT_NE(plan.error().message.find("--allow-holes"), std::string::npos);
  EXPECT_NE(plan.error().message.find("t.scores: 2026-03-03"), std::string::npos);

  plan = PlanBackfill(Final(), {Day("2026-03-08"), Day("2026-03-10"), true}, inventory);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  ASSERT_EQ(plan->steps[0].notes.size(), 1u);
  EXPECT_NE(PrintPlan(*plan).find("note    the table lacks days"), std::string::npos);

  inventory = Sources();
  inventory["t.scores"] = Holding(Days("2026-02-20", "2026-03-08"));
  plan = PlanBackfill(Final(), {Day("2026-03-08"), Day("2026-03-10")}, inventory);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->steps[0].notes,
            std::vector<std::string>{
                "the table ends 2026-03-08, 2026-03-10 would be read too: t.scores"});
}

TEST(BackfillPlanTest, HolesBeforeAWindowBeginsDoNotMatter) {
  std::string windowed = kFinal;
  const std::string last = R"("operation": 3)";
  windowed.replace(windowed.find(last), last.size(),
                   last + R"(, "windows": [{"length": 1, "timeUnit": 1}])");
  const std::string column = "scores_score_last";
  windowed.replace(windowed.find(column), column.size(), column + "_1d");
  const conf::Conf final = *conf::ParseConf(*ParseJson(windowed, "test"), "test");
  Inventory inventory = Sources();
  std::erase(inventory["t.scores"].days, Day("2026-02-10"));
  EXPECT_TRUE(PlanBackfill(final, {Day("2026-03-08"), Day("2026-03-10")}, inventory).ok());
  // Parent days from 02-27 on, a day's window and a day for what landed late.
  std::erase(inventory["t.scores"].days, Day("2026-02-25"));
  EXPECT_FALSE(PlanBackfill(final, {Day("2026-03-08"), Day("2026-03-10")}, inventory).ok());
}

TEST(BackfillPlanTest, StepDaysCutTheDaysThatThereAre) {
  const auto plan = PlanBackfill(Final(), {std::nullopt, Day("2026-03-10")}, Sources());
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  const DaysAsked asked{std::nullopt, Day("2026-03-10")};
  const auto runs = RunsOf({&*plan, 1}, asked, 4);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].asked.start, Day("2026-03-05"));
  EXPECT_EQ(runs[0].asked.end, Day("2026-03-08"));
  EXPECT_EQ(runs[1].asked.start, Day("2026-03-09"));
  EXPECT_EQ(runs[1].asked.end, Day("2026-03-10"));
  EXPECT_TRUE(RunsOf({}, asked, 4).empty());
}

TEST(BackfillPlanTest, StepDaysOfSeveralConfsGoOverTheDaysOfAll) {
  std::vector<BackfillPlan> plans;
  for (const auto& [start, end] :
       {std::pair("2026-03-07", "2026-03-10"), std::pair("2026-03-05", "2026-03-06")}) {
    plans.push_back(*PlanBackfill(Final(), {Day(start), Day(end)}, Sources()));
  }
  const auto runs = RunsOf(plans, {std::nullopt, Day("2026-03-10")}, 3);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].asked.start, Day("2026-03-05"));
  EXPECT_EQ(runs[0].asked.end, Day("2026-03-07"));
  EXPECT_EQ(runs[0].plans, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(runs[1].asked.end, Day("2026-03-10"));
  EXPECT_EQ(runs[1].plans, (std::vector<size_t>{0}));
}

TEST(BackfillPlanTest, StepDaysEndWhereTheLeftSideEnds) {
  conf::Join join = *Final().join();
  std::get<conf::EventSource>(join.left).query.end_partition = "2026-03-07";
  conf::Conf conf;
  conf.definition = std::make_shared<const conf::Join>(join);
  const DaysAsked asked{Day("2026-03-05"), Day("2026-03-10")};
  const auto plan = PlanBackfill(conf, asked, Sources());
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  for (const auto& run : RunsOf({&*plan, 1}, asked, 2)) {
    EXPECT_TRUE(PlanBackfill(conf, run.asked, Sources()).ok());
  }
}

TEST(BackfillPlanTest, TablesTakenForOwnKeepTheirDays) {
  Inventory inventory = Sources();
  inventory["t.t_final"] = Made(Days("2026-03-05", "2026-03-10"), "0123456789abcdef");
  inventory["t.t_final"].marks[Day("2026-03-07")].left = "rewritten since";
  inventory["t.t_parent"] = Holding(Days("2026-02-20", "2026-03-10"));  // Made by somebody else.
  ASSERT_TRUE(TakeForOwn(Final(), &inventory).ok());
  const auto plan = PlanBackfill(Final(), {Day("2026-03-05"), Day("2026-03-10")}, inventory);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->steps.size(), 2u);
  EXPECT_TRUE(plan->steps[0].compute.empty()) << PrintPlan(*plan);
  EXPECT_EQ(plan->steps[1].compute,
            (std::vector<PlannedDay>{{Day("2026-03-07"), Why::kLeftChanged}}));
}

TEST(PrintBytesTest, RoundsDownToATenth) {
  EXPECT_EQ(PrintBytes(0), "0 bytes");
  EXPECT_EQ(PrintBytes(999), "999 bytes");
  EXPECT_EQ(PrintBytes(1299), "1.2 KB");
  EXPECT_EQ(PrintBytes(999'999), "999.9 KB");
  EXPECT_EQ(PrintBytes(1'000'000), "1.0 MB");
  EXPECT_EQ(PrintBytes(7'250'000'000'000'000), "7250.0 TB");
}

TEST(BackfillPlanTest, AnUploadWantsItsLastDayAndItsParent) {
  const conf::Conf final = Final();
  conf::Conf conf;
  conf.definition = final.join()->join_parts[0].group_by;
  const auto plan = PlanUpload(conf, Day("2026-03-10"), Sources());
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  ASSERT_EQ(plan->steps.size(), 2u);
  EXPECT_EQ(ComputedDays(plan->steps[0]), Days("2026-03-02", "2026-03-10"));
  EXPECT_EQ(plan->steps[1].kind, StepKind::kUpload);
  EXPECT_FALSE(PlanUpload(conf, Day("2026-03-20"), Sources()).ok());
  EXPECT_FALSE(PlanUpload(final, Day("2026-03-10"), Sources()).ok());
}

TEST(BackfillPlanTest, AnUploadRefusesHolesWithinItsWindowsAndNamesThem) {
  conf::Conf conf = *conf::ParseConf(*ParseJson(R"json({
    "metaData": {"name": "g"}, "keyColumns": ["merchant"], "accuracy": 0,
    "aggregations": [{"inputColumn": "score", "operation": 7,
                      "windows": [{"length": 3, "timeUnit": 1}]}],
    "sources": [{"events": {"table": "t.scores", "query": {"timeColumn": "ts"}}}]})json",
                                                "test"),
                                     "test");
  Inventory inventory = Sources();
  std::erase(inventory["t.scores"].days, Day("2026-03-01"));
  ASSERT_TRUE(PlanUpload(conf, Day("2026-03-10"), inventory).ok());  // Behind the window.
  std::erase(inventory["t.scores"].days, Day("2026-03-09"));
  auto plan = PlanUpload(conf, Day("2026-03-10"), inventory);
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message.find("--allow-holes"), std::string::npos);
  EXPECT_NE(plan.error().message.find("t.scores: 2026-03-09"), std::string::npos);
  plan = PlanUpload(conf, Day("2026-03-10"), inventory, /*allow_holes=*/true);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->steps.back().notes.size(), 1u);
}

TEST(BackfillPlanTest, ExactWindowsAreBackfilledAndNotUploaded) {
  const conf::Conf final = Final();
  auto group_by = std::make_shared<conf::GroupBy>(*final.join()->join_parts[0].group_by);
  group_by->exact_windows = true;
  conf::Conf conf;
  conf.definition = std::shared_ptr<const conf::GroupBy>(group_by);
  EXPECT_TRUE(PlanBackfill(conf, {Day("2026-03-10"), Day("2026-03-10")}, Sources()).ok());
  const auto upload = PlanUpload(conf, Day("2026-03-10"), Sources());
  ASSERT_FALSE(upload.ok());
  EXPECT_EQ(upload.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(upload.error().message.find("drop exact_windows of the GroupBy: t.user_risk"),
            std::string::npos)
      << upload.error().message;
}

TEST(PrintDaysTest, WritesRuns) {
  auto days = Days("2026-03-01", "2026-03-03");
  days.push_back(Day("2026-03-05"));
  EXPECT_EQ(PrintDays(days), "2026-03-01..2026-03-03, 2026-03-05");
  EXPECT_EQ(PrintDays(days, 1), "2026-03-01..2026-03-03 and 1 more days");
  EXPECT_EQ(PrintDays({}), "none");
}

}  // namespace
}  // namespace catena::plan
