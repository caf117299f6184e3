// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/staging_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/table_meanings.h"
#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTotals[] =
    R"(SELECT \"user\", SUM(amount) AS total, ds FROM t.events WHERE ds BETWEEN )"
    R"('{{ start_date }}' AND '{{ end_date }}' GROUP BY 1, ds ORDER BY 1)";

class StagingQueryTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-04"}) {
      Write("t.events", day, "user STRING, amount LONG", {{"a", 1}, {"a", 2}, {"b", 3}});
    }
  }
  conf::StagingQuery Query(const std::string& duckdb, const std::string& more = "",
                           const std::string& tables = R"("t.events")") {
    return OrStop(conf::ParseStagingQuery(
        OrStop(ParseJson(R"({"metaData": {"name": "s.v1", "outputNamespace": "t"},
                             "query": "q", "startPartition": "2026-03-01")" +
                             more + R"(, "catena": {"query": {"duckdb": ")" + duckdb +
                             R"(", "tables": [)" + tables + R"(], "own_day": [)" + own_day_ +
                             "]}}}",
                         "test")),
        "test"));
  }
  Result<StepReport> Run(const conf::StagingQuery& query, const std::string& end,
                         int32_t step_days = 0, std::optional<Date> start = std::nullopt) {
    RunReport report;
    CATENA_RETURN_IF_ERROR(RunStagingQuery(context_, query, {start, Day(end)}, step_days, &report));
    return report.steps.back();
  }
  std::string Refusal(const conf::StagingQuery& query) {
    const auto report = Run(query, "2026-03-02");
    return report.ok() ? "it ran" : report.error().message;
  }
  std::string own_day_ = R"("t.events")";
  std::vector<std::string> notes_;
};

TEST_F(StagingQueryTest, ComputesHolesAndNothingElse) {
  const auto query = Query(kTotals);
  auto report = Run(query, "2026-03-02");
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_THAT(report->computed, ElementsAre(Day("2026-03-01"), Day("2026-03-02")));
  EXPECT_EQ(PrintRows(ReadTable("t.s_v1", {"user", "total"})),
            "[\"a\",3]\n[\"b\",3]\n[\"a\",3]\n[\"b\",3]\n");
  EXPECT_EQ(warehouse_->Find("t.s_v1")->SchemaOf()->ToString(), "user STRING, total LONG");

  OrStop(warehouse_->Find("t.s_v1")->DropPartition(Day("2026-03-01")));
  report = Run(query, "2026-03-04", 2);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_THAT(report->computed, ElementsAre(Day("2026-03-01"), Day("2026-03-04")));
  EXPECT_THAT(report->reused, ElementsAre(Day("2026-03-02")));
  EXPECT_THAT(report->notes, ::testing::Contains(HasSubstr("stay holes: 2026-03-03")));

  // What came late is computed when it is there.
  Write("t.events", "2026-03-03", "user STRING, amount LONG", {{"c", 9}});
  report = Run(query, "2026-03-04");
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_THAT(report->computed, ElementsAre(Day("2026-03-03")));

  std::string changed = kTotals;
  changed.replace(changed.find("SUM"), 3, "MAX");
  report = Run(Query(changed), "2026-03-02");
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->computed.size(), 2u);
}

TEST_F(StagingQueryTest, DaysWhoseTablesChangedAreComputedAgain) {
  own_day_ = "";
  auto query = Query(kTotals);
  const auto days = [&] {
    const auto report = Run(query, "2026-03-04");
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().message);
    notes_ = report->notes;
    return report->computed;
  };
  EXPECT_EQ(days().size(), 3u);
  EXPECT_THAT(days(), ElementsAre());
  // A day that comes later is nothing to those before it; one that is replaced is to all after it.
  Write("t.events", "2026-03-05", "user STRING, amount LONG", {{"a", 1}});
  EXPECT_THAT(days(), ElementsAre());
  Write("t.events", "2026-03-02", "user STRING, amount LONG", {{"a", 50}});
  EXPECT_THAT(days(), ElementsAre(Day("2026-03-02"), Day("2026-03-04")));
  EXPECT_THAT(notes_, ::testing::Contains(HasSubstr("what they were made from changed: t.events")));
  EXPECT_EQ(PrintRows(ReadTable("t.s_v1", {"user", "total"})),
            "[\"a\",3]\n[\"b\",3]\n[\"a\",50]\n[\"a\",3]\n[\"b\",3]\n");
  // Its rows are gone, and so is its day.
  Write("t.events", "2026-03-04", "user STRING, amount LONG", {});
  EXPECT_THAT(days(), ElementsAre());
  EXPECT_THAT(*warehouse_->Find("t.s_v1")->Partitions(),
              ElementsAre(Day("2026-03-01"), Day("2026-03-02")));
  // What retention took cannot be computed again.
  OrStop(warehouse_->Find("t.events")->DropPartition(Day("2026-03-01")));
  EXPECT_THAT(days(), ElementsAre());
  EXPECT_THAT(notes_, ::testing::Contains(HasSubstr("no longer has all partitions")));
  own_day_ = R"("t.events")";
  query = Query(kTotals);
  OrStop(warehouse_->Find("t.s_v1")->DropPartition(Day("2026-03-02")));
  Write("t.events", "2026-03-04", "user STRING, amount LONG", {{"d", 1}});
  EXPECT_THAT(days(), ElementsAre(Day("2026-03-02"), Day("2026-03-04")));
  Write("t.events", "2026-03-02", "user STRING, amount LONG", {{"d", 2}});
  EXPECT_THAT(days(), ElementsAre(Day("2026-03-02")));
}

TEST_F(StagingQueryTest, DaysOfBeforeInputsWereRecordedAreAdopted) {
  const auto query = Query(kTotals);
  ASSERT_TRUE(Run(query, "2026-03-02").ok());
  const table::Table table = OrStop(warehouse_->Find("t.s_v1"));
  auto marks = OrStop(ReadMarks(table));
  const auto made = marks;
  for (auto& [day, mark] : marks) mark.inputs.reset();
  OrStop(WriteMarks(table, marks));
  EXPECT_THAT(Run(query, "2026-03-02")->computed, ElementsAre());
  EXPECT_EQ(OrStop(ReadMarks(table)), made);
}

TEST_F(StagingQueryTest, FillsItsMacros) {
  const auto report =
      Run(Query("SELECT '{{start_date}}' AS s, '{{ end_date }}' AS e, '{{ latest_date }}' AS l, "
                "'{{ max_date(table=t.events) }}' AS m, ds FROM t.events WHERE ds BETWEEN "
                "'{{ start_date }}' AND '{{ end_date }}' LIMIT 1"),
          "2026-03-02", 1);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(PrintRows(ReadTable("t.s_v1", {"s", "e", "l", "m"})),
            "[\"2026-03-01\",\"2026-03-01\",\"2026-03-02\",\"2026-03-04\"]\n"
            "[\"2026-03-02\",\"2026-03-02\",\"2026-03-02\",\"2026-03-04\"]\n");
}

TEST_F(StagingQueryTest, BeginsWhereItIsToldTo) {
  const auto days = [&](const conf::StagingQuery& query, std::optional<Date> start) {
    const auto plan = OrStop(PlanStagingQuery(context_, query, {start, Day("2026-03-04")}));
    return plan.steps.front().compute.size();
  };
  EXPECT_EQ(days(Query(kTotals), std::nullopt), 4u);
  EXPECT_EQ(days(Query(kTotals), Day("2026-03-03")), 2u);
  auto query = Query(kTotals);
  query.metadata.historical_backfill = false;
  EXPECT_EQ(days(query, std::nullopt), 1u);
  query = Query(kTotals);
  query.start_partition = "";
  EXPECT_THAT(Refusal(query), HasSubstr("give it a startPartition"));
}

TEST_F(StagingQueryTest, TellsWhatIsWrongInOneLine) {
  EXPECT_THAT(Refusal(Query("SELECT amount FROM t.events")),
              HasSubstr("the partition of its rows as the column ds; it gives amount"));
  EXPECT_THAT(Refusal(Query("SELECT amount, ds FROM t.events")),
              HasSubstr("rows of days that it was not asked for"));
  EXPECT_THAT(Refusal(Query("SELECT amount, 'soon' AS ds FROM t.events")),
              HasSubstr("a date like 2026-03-10: soon"));
  EXPECT_THAT(Refusal(Query("SELECT amount, '{{ ds }}' AS ds FROM t.events")),
              HasSubstr("unknown macro"));
  EXPECT_THAT(Refusal(Query("SELECT a, ds FROM t.absent", "", R"("t.absent")")),
              HasSubstr("t.absent"));
  EXPECT_THAT(Refusal(Query("SELECT nope, ds FROM t.events")), HasSubstr("nope"));
  EXPECT_THAT(Refusal(Query("WITH e AS (SELECT * FROM t.events) SELECT amount, 1 AS Amount, ds "
                            "FROM e -- last")),
              HasSubstr("two columns one name (of any case); rename one: Amount"));
  EXPECT_THAT(Refusal(Query("", "")), HasSubstr("never translated"));
  EXPECT_THAT(Refusal(Query(kTotals, R"(, "setups": ["CREATE TEMPORARY FUNCTION f AS 'x'"])")),
              HasSubstr(".setups: they run in Spark only"));
  EXPECT_THAT(Refusal(Query(kTotals, R"(, "createView": 1)")), HasSubstr(".createView: "));
}

TEST_F(StagingQueryTest, AQueryReadsItsTablesAndNothingElse) {
  for (const char* hostile :
       {"SELECT 1 AS a, ds FROM t.other", "SELECT 1 AS a, '2026-03-01' AS ds FROM range(3)",
        "SELECT *, '2026-03-01' AS ds FROM '/etc/passwd'",
        "SELECT *, '2026-03-01' AS ds FROM read_csv('/etc/passwd')",
        "WITH x AS (SELECT * FROM glob('*')) SELECT *, '2026-03-01' AS ds FROM x",
        "SELECT 1 AS a, ds FROM t.events; DROP VIEW t.events",
        "SELECT (SELECT count(*) FROM duckdb_settings()) AS a, ds FROM t.events"}) {
    EXPECT_THAT(Refusal(Query(hostile)), HasSubstr("not allowed as a query")) << hostile;
  }
  EXPECT_EQ(Refusal(Query("WITH x AS (SELECT * FROM t.events WHERE ds <= '2026-03-02') "
                          "SELECT x.amount, x.ds FROM x JOIN (SELECT 1 AS one) AS y ON true")),
            "it ran");
}

}  // namespace
}  // namespace catena::batch
