// SPDX-License-Identifier: Apache-2.0
// Rows that land in a day whose parent Join is there already.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/base/file.h"
#include "catena/batch/partition_facts.h"
#include "catena/batch/warehouse_fixture.h"
#include "catena/fetch/online_state.h"
#include "catena/kv/memory_store.h"

namespace catena::batch {
namespace {

constexpr char kParent[] = R"json({"metaData": {"name": "parent", "outputNamespace": "t"},
  "left": {"events": {"table": "t.payments", "topic": "payments", "query": {"timeColumn": "ts"}}},
  "joinParts": [{"groupBy": {"metaData": {"name": "shop"}, "keyColumns": ["shop"], "accuracy": 0,
    "aggregations": [{"inputColumn": "risk", "operation": 3}],
    "sources": [{"events": {"table": "t.risks", "query": {"timeColumn": "ts"}}}]}}]})json";

std::string Chained() {
  return R"json({"metaData": {"name": "gb", "outputNamespace": "t"}, "keyColumns": ["user"],
    "accuracy": 0, "aggregations": [{"inputColumn": "risk", "operation": 7,
                                     "windows": [{"length": 3, "timeUnit": 1}]}],
    "sources": [{"joinSource": {"query": {"selects": {"user": "user", "risk": "shop_risk_last"},
      "timeColumn": "ts"}, "join": )json" +
         std::string(kParent) + "}}]}";
}

constexpr const char* kDays[] = {"2026-03-03", "2026-03-04", "2026-03-05"};

class LeftPartitionTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      Write("t.risks", kDays[i], "shop STRING, risk LONG, ts LONG", {{"s", 1, At(kDays[i], 1)}});
      Land(i, {Payment(i, 2, 10 * i)});
    }
  }
  static Row Payment(int day, int hour, int64_t offset) {
    return {"u", "s", At(kDays[day], hour), 0, offset};
  }
  // As an archive does: the whole day again.
  void Land(int day, const std::vector<Row>& rows) {
    Write("t.payments", kDays[day],
          "user STRING, shop STRING, ts LONG, _topic_partition INT, _offset LONG", rows);
  }
  RunReport Upload() {
    return OrStop(UploadGroupBy(context_, ConfOf(Chained()), Day("2026-03-05"), &store_));
  }
  fetch::Generation Generation() { return OrStop(fetch::ReadGenerations(&store_, "gb")).back(); }
  std::string MarksPath() { return warehouse_->Find("t.parent")->directory() + "/_catena.json"; }

  kv::MemoryKVStore store_;
};

TEST_F(LeftPartitionTest, ARewrittenDayIsComputedAgainAndNoOtherAndTheUploadHoldsItsLateRow) {
  RunReport report = Upload();
  EXPECT_EQ(report.steps[0].computed.size(), 3u);
  EXPECT_EQ(Generation().cut, (std::map<int32_t, int64_t>{{0, 21}}));
  const table::Table parent = *warehouse_->Find("t.parent");
  const auto before = *FactsOf(parent, table::PartitionRange::All());

  // A late row of 03-04 comes after all others, and 03-05 goes on after it.
  Land(1, {Payment(1, 2, 10), Payment(1, 3, 21)});
  Land(2, {Payment(2, 2, 20), Payment(2, 5, 22)});
  Land(2, {Payment(2, 2, 20)});  // Back to what it was: the same rows, other files.
  report = Upload();
  EXPECT_EQ(report.steps[0].computed, (std::vector<Date>{Day("2026-03-04"), Day("2026-03-05")}));
  EXPECT_EQ(report.steps[0].reused, std::vector<Date>{Day("2026-03-03")});
  EXPECT_THAT(PrintReport(report),
              ::testing::HasSubstr("their left partition changed: 2026-03-04..2026-03-05"));
  EXPECT_EQ(PrintRows(ReadTable("t.parent", {"_offset"})), "[0]\n[10]\n[21]\n[20]\n");
  EXPECT_EQ(Generation().cut, (std::map<int32_t, int64_t>{{0, 22}}));
  EXPECT_EQ(report.steps[1].rows_read, 4u);
  const auto after = *FactsOf(parent, table::PartitionRange::All());
  EXPECT_EQ(after.at(Day("2026-03-03")).print, before.at(Day("2026-03-03")).print);

  Land(1, {Payment(1, 2, 10), Payment(1, 3, 21), Payment(1, 4, 22)});
  report = Upload();
  EXPECT_EQ(report.steps[0].computed, std::vector<Date>{Day("2026-03-04")});
  EXPECT_EQ(report.steps[0].reused.size(), 2u);
  report = Upload();
  EXPECT_TRUE(report.steps[0].computed.empty());
  EXPECT_EQ(report.steps[0].reused.size(), 3u);
}

TEST_F(LeftPartitionTest, ARowThatLandsBetweenTheParentAndItsUploadIsNotClaimed) {
  plan::BackfillPlan plan = OrStop(PlanUpload(context_, ConfOf(Chained()), Day("2026-03-05")));
  RunReport done;
  OrStop(RunPlan(context_, {{plan.steps[0]}}, nullptr, {}, &done));
  Land(1, {Payment(1, 2, 10), Payment(1, 3, 15)});
  const Status upload = RunPlan(context_, {{plan.steps[1]}}, &store_, {}, &done);
  ASSERT_FALSE(upload.ok());
  EXPECT_EQ(upload.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(upload.error().message, ::testing::HasSubstr("(t.parent): 2026-03-04"));
}

TEST_F(LeftPartitionTest, MarksOfVersionOneAreComputedAgainOnce) {
  Upload();
  const Json now = OrStop(ParseJson(OrStop(ReadFile(MarksPath())), "marks"));
  EXPECT_EQ(now["version"], 3);
  Json old = {{"days", Json::object()}, {"version", 1}};
  for (const auto& [day, mark] : now["days"].items()) old["days"][day] = mark["meaning"];
  OrStop(ReplaceFile(MarksPath(), PrettyJson(old)));
  const RunReport report = Upload();
  EXPECT_EQ(report.steps[0].computed.size(), 3u);
  EXPECT_THAT(PrintReport(report), ::testing::HasSubstr("not recorded which left partition"));
  EXPECT_TRUE(Upload().steps[0].computed.empty());
}

TEST_F(LeftPartitionTest, ALeftThatIsAJoinFollowsItsParent) {
  std::string text = kParent;
  text.replace(text.find("\"parent\""), 8, "\"child\"");
  const size_t left = text.find("{\"events\"");
  text.replace(left, text.find(",\n  \"joinParts\"") - left,
               R"({"joinSource": {"query": {"selects": {"shop": "shop"}, "timeColumn": "ts"},
                   "join": )" +
                   std::string(kParent) + "}}");
  const conf::Conf child = ConfOf(text);
  Backfilled(child, "2026-03-03", "2026-03-05");
  RunReport report = Backfilled(child, "2026-03-03", "2026-03-05");
  EXPECT_EQ(report.steps.back().reused.size(), 3u);
  Land(1, {Payment(1, 2, 10), Payment(1, 3, 21)});
  report = Backfilled(child, "2026-03-03", "2026-03-05");
  ASSERT_EQ(report.steps.size(), 2u);
  for (const StepReport& step : report.steps) {
    EXPECT_EQ(step.computed, std::vector<Date>{Day("2026-03-04")}) << step.name;
  }
  EXPECT_EQ(ReadTable("t.child", {"shop"}).size(), 4u);
}

}  // namespace
}  // namespace catena::batch
