// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join_backfill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

constexpr char kEvents[] = "key STRING, amount LONG, ts LONG";
constexpr char kQueries[] = "qid LONG, key STRING, ts LONG";

std::string Aggregations(const std::string& windows) {
  const std::string in = windows.empty() ? "" : ", \"windows\": [" + windows + "]";
  return R"("aggregations": [{"inputColumn": "amount", "operation": 7)" + in +
         R"(}, {"inputColumn": "amount", "operation": 6)" + in +
         R"(}, {"inputColumn": "amount", "operation": 3)" + in + "}]";
}
constexpr char kHour[] = R"({"length": 1, "timeUnit": 0})";
constexpr char kDays2[] = R"({"length": 2, "timeUnit": 1})";

std::string EventPart(int accuracy, const std::string& windows, const std::string& extra = "") {
  return R"({"groupBy": {"metaData": {"name": "gb"}, "keyColumns": ["key"], "accuracy": )" +
         std::to_string(accuracy) + "," + Aggregations(windows) +
         R"(, "sources": [{"events": {"table": "t.events",
             "query": {"selects": {"key": "key", "amount": "amount"}, "timeColumn": "ts"}}}]})" +
         extra + "}";
}

std::string JoinOf(const std::string& parts) {
  return R"({"metaData": {"name": "join.v1", "outputNamespace": "t"},
             "left": {"events": {"table": "t.queries", "query": {
               "selects": {"qid": "qid", "key": "key"}, "timeColumn": "ts"}}},
             "joinParts": [)" +
         parts + "]}";
}

class JoinBackfillTest : public ::testing::Test, protected TemporaryWarehouse {};

TEST_F(JoinBackfillTest, SeesAnEventAMillisecondBeforeTheQueryAndNotAtIt) {
  const int64_t q = At("2026-03-05", 12, 3);
  Write("t.events", "2026-03-05", kEvents,
        {{"a", 1, q - 1},
         {"a", 10, q},
         {"a", 100, q + 1},
         // The tail of an hour is rounded down to five minutes and is inside.
         {"a", 1000, At("2026-03-05", 11, 0)},
         {"a", 10000, At("2026-03-05", 11, 0, -1)}});
  Write("t.queries", "2026-03-05", kQueries, {{1, "a", q}});
  Backfilled(ConfOf(JoinOf(EventPart(0, kHour))), "2026-03-05", "2026-03-05");
  EXPECT_EQ(PrintRows(ReadTable("t.join_v1",
                                {"gb_amount_sum_1h", "gb_amount_count_1h", "gb_amount_last_1h"})),
            "[1001,2,1]\n");
}

TEST_F(JoinBackfillTest, KeepsEveryLeftRowInOrderWithNullsWhereNothingIs) {
  Write("t.events", "2026-03-04", kEvents,
        {{"a", 5, At("2026-03-04", 8)}, {{}, 7, At("2026-03-04")}});
  Write("t.events", "2026-03-05", kEvents, {{"a", {}, At("2026-03-05", 1)}});
  Write("t.queries", "2026-03-05", kQueries,
        {{1, "b", At("2026-03-05", 2)},
         {2, "a", At("2026-03-05", 2)},
         {3, {}, At("2026-03-05", 2)},
         {4, "a", At("2026-03-05", 2)},
         {5, "a", {}},
         {6, "a", At("2026-03-04", 7)}});
  Backfilled(ConfOf(JoinOf(EventPart(0, kDays2))), "2026-03-05", "2026-03-05");
  auto table = warehouse_->Find("t.join_v1");
  EXPECT_EQ(table->SchemaOf()->ToString(),
            "key STRING, ts LONG, qid LONG, gb_amount_sum_2d LONG, gb_amount_count_2d LONG, "
            "gb_amount_last_2d LONG");
  EXPECT_EQ(PrintRows(ReadTable("t.join_v1", {"qid", "gb_amount_sum_2d", "gb_amount_count_2d"})),
            "[1,null,null]\n[2,5,1]\n[3,null,null]\n[4,5,1]\n[5,null,null]\n[6,null,null]\n");
}

TEST_F(JoinBackfillTest, SnapshotStandsAtTheMidnightBeforeTheQuery) {
  Write("t.events", "2026-03-03", kEvents, {{"a", 1, At("2026-03-03", 0)}});
  Write("t.events", "2026-03-04", kEvents, {{"a", 10, At("2026-03-04", 23, 59)}});
  Write("t.events", "2026-03-05", kEvents, {{"a", 100, At("2026-03-05", 0)}});
  Write("t.queries", "2026-03-05", kQueries,
        {{1, "a", At("2026-03-05", 0)}, {2, "a", At("2026-03-05", 23, 59)}});
  Backfilled(ConfOf(JoinOf(EventPart(1, kDays2))), "2026-03-05", "2026-03-05");
  EXPECT_EQ(PrintRows(ReadTable("t.join_v1", {"gb_amount_sum_2d"})), "[11]\n[11]\n");
}

TEST_F(JoinBackfillTest, EntitiesAreThoseOfTheDayBefore) {
  const char* columns = "key STRING, tier INT, name STRING";
  Write("t.shops", "2026-03-03", columns, {{"a", 3, "three"}});
  Write("t.shops", "2026-03-04", columns, {{"a", 4, "four"}, {{}, 9, "nobody"}});
  Write("t.shops", "2026-03-05", columns, {{"a", 5, "five"}, {"b", 6, "six"}});
  Write("t.queries", "2026-03-05", kQueries,
        {{1, "a", At("2026-03-05", 12)},
         {2, "b", At("2026-03-05", 12)},
         {3, "a", At("2026-03-04", 12)},
         {4, {}, At("2026-03-05", 12)}});
  const std::string source = R"("sources": [{"entities": {"snapshotTable": "t.shops", "query":
      {"selects": {"key": "key", "tier": "tier", "name": "name"}}}}]}})";
  const std::string head = R"("keyColumns": ["key"], "accuracy": 1,)";
  Backfilled(ConfOf(JoinOf(R"({"groupBy": {"metaData": {"name": "pass"},)" + head + source + "," +
                           R"({"groupBy": {"metaData": {"name": "agg"}, "aggregations": [
                     {"inputColumn": "name", "operation": 3}],)" +
                           head + source)),
             "2026-03-05", "2026-03-05");
  EXPECT_EQ(PrintRows(ReadTable("t.join_v1", {"pass_tier", "pass_name", "agg_name_last"})),
            "[4,\"four\",\"four\"]\n[null,null,null]\n[3,\"three\",\"three\"]\n"
            "[null,null,null]\n");
}

TEST_F(JoinBackfillTest, MapsKeysPrefixesColumnsAndCarriesSourceOrder) {
  Write("t.events", "2026-03-05", kEvents, {{"a", 1, At("2026-03-05", 1)}});
  Write("t.queries", "2026-03-05", "who STRING, ts LONG, _topic_partition INT, _offset LONG",
        {{"a", At("2026-03-05", 2), 3, 70}});
  Backfilled(ConfOf(R"({"metaData": {"name": "join.v1", "outputNamespace": "t"},
                        "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
                        "joinParts": [)" +
                    EventPart(0, kHour, R"(, "prefix": "p", "keyMapping": {"who": "key"})") + "]}"),
             "2026-03-05", "2026-03-05");
  EXPECT_EQ(warehouse_->Find("t.join_v1")->SchemaOf()->ToString(),
            "who STRING, ts LONG, p_gb_amount_sum_1h LONG, p_gb_amount_count_1h LONG, "
            "p_gb_amount_last_1h LONG, _topic_partition INT, _offset LONG");
  EXPECT_EQ(PrintRows(ReadTable("t.join_v1", {"p_gb_amount_sum_1h", "_offset"})), "[1,70]\n");
}

TEST_F(JoinBackfillTest, TiesBreakByTopicPartitionAndOffset) {
  const int64_t t = At("2026-03-05", 1);
  Write("t.events", "2026-03-05",
        "key STRING, amount LONG, ts LONG, _topic_partition INT, _offset LONG",
        {{"a", 1, t, 1, 0}, {"a", 2, t, 0, 9}, {"a", 3, t, 0, 8}});
  Write("t.queries", "2026-03-05", kQueries, {{1, "a", t + 1}});
  Backfilled(ConfOf(JoinOf(EventPart(0, kHour))), "2026-03-05", "2026-03-05");
  EXPECT_EQ(PrintRows(ReadTable("t.join_v1", {"gb_amount_last_1h"})), "[3]\n");
}

// parent: payments enriched with their shop's risk; child: a user's risk over two days.
constexpr char kChain[] = R"json({"metaData": {"name": "final", "outputNamespace": "t"},
  "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
  "joinParts": [{"groupBy": {"metaData": {"name": "user"}, "keyColumns": ["key"], "accuracy": 0,
    "aggregations": [{"inputColumn": "risk", "operation": 7,
                      "windows": [{"length": 3, "timeUnit": 1}]}],
    "sources": [{"joinSource": {
      "query": {"selects": {"key": "user", "risk": "shop_risk_last"}, "timeColumn": "ts"},
      "join": {"metaData": {"name": "parent", "outputNamespace": "t"},
        "left": {"events": {"table": "t.payments", "query": {"timeColumn": "ts"}}},
        "joinParts": [{"groupBy": {"metaData": {"name": "shop"}, "keyColumns": ["shop"],
          "accuracy": 0, "aggregations": [{"inputColumn": "risk", "operation": 3}],
          "sources": [{"events": {"table": "t.risks", "query": {"timeColumn": "ts"}}}]}}]}}}]}}
  ]})json";

class ChainBackfillTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    for (const char* day : {"2026-03-03", "2026-03-04", "2026-03-05"}) {
      Write("t.risks", day, "shop STRING, risk LONG, ts LONG",
            {{"s", Day(day).days % 100, At(day, 1)}});
      Write("t.payments", day, "user STRING, shop STRING, ts LONG",
            {{"u", "s", At(day, 2)}, {"u", "x", At(day, 3)}});
      Write("t.queries", day, kQueries, {{1, "u", At(day, 4)}});
    }
  }
};

TEST_F(ChainBackfillTest, ChildSeesTheParentOfItsOwnDay) {
  const conf::Conf conf = ConfOf(kChain);
  const RunReport report = Backfilled(conf, "2026-03-05", "2026-03-05");
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_EQ(report.steps[0].table, "t.parent");
  EXPECT_EQ(report.steps[0].rows, 6u);
  const int64_t last = Day("2026-03-05").days % 100;
  EXPECT_EQ(PrintRows(ReadTable("t.final", {"user_risk_sum_3d"})),
            "[" + std::to_string(last + last - 1 + last - 2) + "]\n");
}

TEST_F(ChainBackfillTest, SecondRunReusesAndAChangedParentInvalidatesWhatHangsBelowIt) {
  Backfilled(ConfOf(kChain), "2026-03-04", "2026-03-05");
  RunReport again = Backfilled(ConfOf(kChain), "2026-03-04", "2026-03-05");
  ASSERT_EQ(again.steps.size(), 1u);
  EXPECT_TRUE(again.steps[0].computed.empty());
  EXPECT_EQ(again.steps[0].reused.size(), 2u);
  EXPECT_NE(PrintReport(again).find("reused as they are: 2026-03-04..2026-03-05"),
            std::string::npos);

  // One day more: the parent gives what it has and adds the day.
  again = Backfilled(ConfOf(kChain), "2026-03-03", "2026-03-05");
  EXPECT_EQ(again.steps.back().computed, std::vector<Date>{Day("2026-03-03")});
  EXPECT_TRUE(again.steps[0].computed.empty());

  std::string changed = kChain;
  changed.replace(changed.find(R"("operation": 3)"), 14, R"("operation": 2)");
  changed.replace(changed.find("shop_risk_last"), 14, "shop_risk_first");
  again = Backfilled(ConfOf(changed), "2026-03-05", "2026-03-05");
  ASSERT_EQ(again.steps.size(), 2u);
  EXPECT_EQ(again.steps[0].computed.size(), 3u);
  EXPECT_NE(PrintReport(again).find("another definition had made them"), std::string::npos);
  const int64_t first = Day("2026-03-03").days % 100;
  EXPECT_EQ(PrintRows(ReadTable("t.final", {"user_risk_sum_3d"})).substr(0, 3),
            "[" + std::to_string(first));
  EXPECT_EQ(ReadTable("t.final", {"user_risk_sum_3d"}).back()[0], Value(3 * first));
}

TEST_F(ChainBackfillTest, TellsWhatIsWrongInOneLine) {
  const auto error_of = [&](std::string json, const std::string& from, const std::string& to) {
    const size_t at = json.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    json.replace(at, from.size(), to);
    auto report = Backfill(context_, ConfOf(json), {Day("2026-03-05"), Day("2026-03-05")});
    EXPECT_FALSE(report.ok());
    return report.ok() ? "" : report.error().message;
  };
  EXPECT_THAT(error_of(kChain, "t.payments", "t.absent"), ::testing::HasSubstr("t.absent"));
  EXPECT_THAT(error_of(kChain, "\"shop_risk_last\"", "\"shop_risk_lost\""),
              ::testing::HasSubstr("shop_risk_lost"));
  EXPECT_THAT(error_of(kChain, R"("risk": "shop)", R"("rosk": "shop)"),
              ::testing::HasSubstr("unknown column"));
  EXPECT_THAT(error_of(kChain, R"("left": {"events": {"table": "t.queries")",
                       R"("derivations": [{"name": "d", "expression": "e"}],
                          "left": {"events": {"table": "t.queries")"),
              ::testing::HasSubstr("derivation d: no such column: e"));
  EXPECT_THAT(error_of(kChain, R"("keyColumns": ["key"])", R"("keyColumns": ["risk"])"),
              ::testing::HasSubstr("the left side has no such key column"));
}

}  // namespace
}  // namespace catena::batch
