// SPDX-License-Identifier: Apache-2.0
// What confs say about their sources: cumulative events, sources that hand over to each other, skew
// keys, and how far back a backfill goes by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kColumns[] = "user STRING, amount LONG, ts LONG";

class SourcesTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
      Write("t.queries", day, "user STRING, number LONG, ts LONG",
            {{"a", 7, At(day, 12)}, {"b", 8, At(day, 12)}, {Value(), 9, At(day, 12)}});
    }
  }
  static std::string GroupBy(const std::string& sources, const std::string& more = "") {
    return R"({"metaData": {"name": "gb", "outputNamespace": "t"}, "keyColumns": ["user"],
               "accuracy": 0, "aggregations": [{"inputColumn": "amount", "operation": 7}],
               "sources": [)" +
           sources + "]" + more + "}";
  }
  static std::string Join(const std::string& group_by, const std::string& more = "",
                          const std::string& metadata = "") {
    return R"({"metaData": {"name": "j", "outputNamespace": "t")" + metadata + R"(},
      "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": )" +
           group_by + "}]" + more + "}";
  }
  std::string Answers(const std::string& join) {
    const auto report = Backfill(context_, ConfOf(join), {std::nullopt, Day("2026-03-03")});
    if (!report.ok()) return report.error().message;
    notes_ = report->steps.back().notes;
    return PrintRows(ReadTable("t.j", {"user", "gb_amount_sum"}));
  }
  std::vector<std::string> notes_;
};

constexpr char kEvents[] = R"({"events": {"table": "t.events", "query": {"timeColumn": "ts"}}})";
constexpr char kCumulative[] =
    R"({"events": {"table": "t.all", "isCumulative": true, "query": {"timeColumn": "ts"}}})";

TEST_F(SourcesTest, OfCumulativeEventsOnePartitionIsRead) {
  std::vector<Row> so_far;
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    so_far.push_back({"a", 1, At(day, 6)});
    so_far.push_back({"b", 10, At(day, 18)});
    Write("t.all", day, kColumns, so_far);
  }
  constexpr char kSums[] =
      "[\"a\",1]\n[\"b\",null]\n[null,null]\n[\"a\",2]\n[\"b\",10]\n[null,null]\n"
      "[\"a\",3]\n[\"b\",20]\n[null,null]\n";
  EXPECT_EQ(Answers(Join(GroupBy(kCumulative))), kSums);
  // The table keeps its newest partition alone, which came after the range.
  Write("t.all", "2026-03-05", kColumns, so_far);
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    OrStop(warehouse_->Find("t.all")->DropPartition(Day(day)));
  }
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    OrStop(warehouse_->Find("t.j")->DropPartition(Day(day)));
  }
  EXPECT_EQ(Answers(Join(GroupBy(kCumulative))), kSums);
}

TEST_F(SourcesTest, DaysMayStandInAnotherColumnAndSpelling) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    Write("t.events", day, kColumns, {{"a", 1, At(day, 6)}});
  }
  const std::string expected = Answers(Join(GroupBy(kEvents)));
  OrStop(warehouse_->Find("t.j")->DropPartition(Day("2026-03-03")));
  const std::string directory = warehouse_->Find("t.events")->directory();
  for (const std::string day : {"01", "02", "03"}) {
    std::filesystem::rename(directory + "/ds=2026-03-" + day, directory + "/dt=202603" + day);
  }
  constexpr char kDt[] = R"({"events": {"table": "t.events", "query": {"timeColumn": "ts",
      "partitionColumn": "dt", "partitionFormat": "yyyyMMdd", "wheres": ["dt"],
      "selects": {"user": "user", "amount": "amount"}}}})";
  std::string conf = Join(GroupBy(kDt));
  conf.insert(1, R"("catena": {"version": 1, "sql": {"dt": "\"dt\" >= '20260301'"}}, )");
  EXPECT_EQ(Answers(conf), expected);
}

TEST_F(SourcesTest, CumulativeEventsHaveAllDaysSinceTheirStart) {
  Write("t.all", "2026-03-03", kColumns,
        {{"a", 1, At("2026-03-01", 6)}, {"a", 2, At("2026-03-03", 6)}});
  std::string source = kCumulative;
  source.insert(source.find("\"timeColumn\""), R"("startPartition": "2026-03-01", )");
  const auto report =
      Backfill(context_, ConfOf(GroupBy(source)), {std::nullopt, Day("2026-03-03")});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_THAT(report->steps[0].computed,
              ElementsAre(Day("2026-03-01"), Day("2026-03-02"), Day("2026-03-03")));
  EXPECT_EQ(PrintRows(ReadTable("t.gb", {"user", "amount_sum"})),
            "[\"a\",1]\n[\"a\",1]\n[\"a\",3]\n");
  source.erase(source.find(R"(, "timeColumn": "ts")"), 20);
  EXPECT_THAT(Answers(Join(GroupBy(source))), HasSubstr("isCumulative needs a timeColumn"));
}

TEST_F(SourcesTest, SourcesHandOverToEachOther) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    Write("t.old", day, kColumns, {{"a", 1, At(day, 6)}});
    Write("t.new", day, kColumns, {{"a", 100, At(day, 6)}});
  }
  const std::string old_until_the_second =
      R"({"events": {"table": "t.old", "query": {"timeColumn": "ts",
                     "endPartition": "2026-03-02"}}})";
  const std::string new_from_the_third =
      R"({"events": {"table": "t.new", "query": {"timeColumn": "ts",
                     "startPartition": "2026-03-03"}}})";
  EXPECT_THAT(Answers(Join(GroupBy(old_until_the_second + "," + new_from_the_third))),
              HasSubstr("[\"a\",102]"));
}

TEST_F(SourcesTest, BeforeTheHandOverAParentJoinNeedNotBeThere) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    Write("t.old", day, kColumns, {{"a", 1, At(day, 6)}});
    Write("t.new", day, kColumns, {{"a", 100, At(day, 6)}});
  }
  const std::string parent = R"({"metaData": {"name": "parent", "outputNamespace": "t"},
    "left": {"events": {"table": "t.new", "query": {"timeColumn": "ts"}}}, "joinParts": []})";
  const std::string sources = R"({"joinSource": {"join": )" + parent + R"(, "query": {
      "timeColumn": "ts", "startPartition": "2026-03-03",
      "selects": {"user": "user", "amount": "amount"}}}},
    {"events": {"table": "t.old", "query": {"timeColumn": "ts", "endPartition": "2026-03-02"}}})";
  const conf::Conf join = ConfOf(Join(GroupBy(sources)));
  const auto before = Backfill(context_, join, {std::nullopt, Day("2026-03-02")});
  ASSERT_TRUE(before.ok()) << before.error().message;
  EXPECT_FALSE(warehouse_->Find("t.parent")->Exists());
  EXPECT_THAT(Answers(Join(GroupBy(sources))),
              HasSubstr("[\"a\",2]\n[\"b\",null]\n[null,null]\n[\"a\",102]"));
}

// The bits above partition 2047 are those that keep two sources, and mutations, apart.
TEST_F(SourcesTest, TopicPartitionsThatCannotBeOrderedAmongSourcesAreRefused) {
  constexpr char kPlaced[] =
      "user STRING, amount LONG, ts LONG, _topic_partition INT, _offset LONG";
  for (const int partition : {2047, 2048}) {
    for (const char* table : {"t.old", "t.new"}) {
      for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
        Write(table, day, kPlaced, {{"a", 1, At(day, 6), partition, 0}});
      }
    }
    const auto source = [](const std::string& table) {
      return R"({"events": {"table": ")" + table + R"(", "query": {"timeColumn": "ts"}}})";
    };
    const std::string alone = Answers(Join(GroupBy(source("t.old"))));
    EXPECT_THAT(alone, HasSubstr("[\"a\",3]"));
    const std::string both = Answers(Join(GroupBy(source("t.old") + "," + source("t.new"))));
    EXPECT_THAT(both, HasSubstr(partition == 2047 ? "[\"a\",6]" : "topic partition 2048"));
    std::string days = GroupBy(source("t.old") + "," + source("t.new"), R"(, "isIncremental": 1)");
    days.replace(days.find(R"("accuracy": 0)"), 13, R"("accuracy": 1)");
    days.replace(days.find(R"("operation": 7)"), 14,
                 R"("operation": 7, "windows": [{"length": 2, "timeUnit": 1}])");
    const auto daily = Backfill(context_, ConfOf(days), {std::nullopt, Day("2026-03-03")});
    EXPECT_EQ(daily.ok(), partition == 2047);
    EXPECT_THAT(daily.ok() ? "topic partition 2048" : daily.error().message,
                HasSubstr("topic partition 2048"));
  }
}

TEST_F(SourcesTest, RowsOfSkewKeysAreLeftOut) {
  Write("t.events", "2026-03-01", kColumns, {{"a", 1, At("2026-03-01", 6)}});
  Write("t.events", "2026-03-02", kColumns, {});
  Write("t.events", "2026-03-03", kColumns, {});
  const std::string group_by = GroupBy(kEvents);
  EXPECT_EQ(Answers(Join(group_by, R"(, "skewKeys": {"user": ["'b'", "'zz'"]})")),
            "[\"a\",1]\n[null,null]\n[\"a\",1]\n[null,null]\n[\"a\",1]\n[null,null]\n");
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("left out: 3")));
  EXPECT_EQ(Answers(Join(group_by, R"(, "skewKeys": {"user": ["a", "NULL"]})")),
            "[\"b\",null]\n[\"b\",null]\n[\"b\",null]\n");
  const auto refused =
      conf::ParseConf(*ParseJson(Join(group_by, R"(, "skewKeys": {"number": ["7"]})"), "j"), "j");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              HasSubstr("names no left key column of a join part: number"));
}

TEST_F(SourcesTest, WithoutHistoricalBackfillOnlyTheLastDayIsComputed) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    Write("t.events", day, kColumns, {{"a", 1, At(day, 6)}});
  }
  const std::string join = Join(GroupBy(kEvents), "", R"(, "historicalBackfill": 0)");
  EXPECT_EQ(Answers(join), "[\"a\",3]\n[\"b\",null]\n[null,null]\n");
  // A start that is asked for is meant.
  const auto report =
      OrStop(Backfill(context_, ConfOf(join), {Day("2026-03-02"), Day("2026-03-03")}));
  EXPECT_THAT(report.steps[0].computed, ElementsAre(Day("2026-03-02")));
}

}  // namespace
}  // namespace catena::batch
