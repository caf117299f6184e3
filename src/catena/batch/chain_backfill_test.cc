// SPDX-License-Identifier: Apache-2.0
// Chains and DAGs of Joins: each parent computed once, and the answer is that of one flat SQL
// query.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "catena/base/random.h"
#include "catena/batch/preview/plan_estimate.h"
#include "catena/batch/warehouse_fixture.h"

namespace {

std::function<void()> before_next_lock;  // That this program takes.

}  // namespace

extern "C" int flock(int descriptor, int operation) noexcept {
  if (before_next_lock) std::exchange(before_next_lock, nullptr)();
  return static_cast<int>(syscall(SYS_flock, descriptor, operation));
}

namespace catena::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 20261126;
constexpr char kFirst[] = "2026-02-01";
constexpr int kDepth = 8;

// A GroupBy over `source` with SUM, COUNT and LAST of v by k in a window of `days`.
std::string GroupByOf(const std::string& name, const std::string& source, int days) {
  std::string aggregations;
  for (const int operation : {7, 6, 3}) {
    aggregations += fmt::format(
        R"({}{{"inputColumn": "v", "operation": {},
               "windows": [{{"length": {}, "timeUnit": 1}}]}})",
        aggregations.empty() ? "" : ", ", operation, days);
  }
  return fmt::format(R"({{"metaData": {{"name": "{}"}}, "keyColumns": ["k"], "accuracy": 0,
                          "aggregations": [{}], "sources": [{}]}})",
                     name, aggregations, source);
}
std::string Events(const std::string& table) {
  return fmt::format(R"({{"events": {{"table": "t.{}", "query": {{"timeColumn": "ts"}}}}}})",
                     table);
}
std::string JoinOf(const std::string& name, const std::string& left,
                   const std::vector<std::string>& group_bys) {
  std::string parts;
  for (const std::string& group_by : group_bys) {
    parts += fmt::format(R"({}{{"groupBy": {}}})", parts.empty() ? "" : ", ", group_by);
  }
  return fmt::format(R"({{"metaData": {{"name": "{}", "outputNamespace": "t"}}, "left": {},
                          "joinParts": [{}]}})",
                     name, Events(left), parts);
}
// The Join's rows with `column` as v.
std::string Chained(const std::string& join, const std::string& column) {
  return fmt::format(R"({{"joinSource": {{"join": {}, "query": {{"timeColumn": "ts",
                          "selects": {{"k": "k", "v": "{}"}}}}}}}})",
                     join, column);
}

// What GroupByOf says, in SQL: rows of `left` with the aggregates of `right` as of their times.
std::string JoinSql(const std::string& left, const std::string& right, int days) {
  return fmt::format(
      "(SELECT l.id, any_value(l.k) AS k, any_value(l.ts) AS ts, any_value(l.ds) AS ds, "
      "sum(r.v)::BIGINT AS s, nullif(count(r.v), 0) AS c, "
      "arg_max(r.v, r.ts) FILTER (WHERE r.v IS NOT NULL) AS l FROM {} l LEFT JOIN {} r ON "
      "r.k = l.k AND r.ts < l.ts AND r.ts >= (l.ts - {} * 86400000) // 3600000 * 3600000 "
      "GROUP BY l.id)",
      left, right, days);
}

class ChainsTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  explicit ChainsTest(int days) : days_(days) {}
  // Times are unique, so LAST is; a key in ten is null.
  void WriteEvents(const std::string& table, uint64_t seed) {
    Random random(seed);
    const char* keys[] = {"a", "b", "c"};
    int64_t id = 0;
    for (int i = 0; i < days_; ++i) {
      const Date day = Day(kFirst) + i;
      std::vector<Row> rows;
      for (int n = 0; n < 6; ++n, ++id) {
        const auto millis = static_cast<int64_t>(random.Below(14'400'000)) * 6 + n;
        Row row = {id, Value(), static_cast<int64_t>(random.Below(9)),
                   ToMillis(day.Start()) + millis};
        if (random.Below(10) != 0) row[1] = keys[random.Below(3)];
        rows.push_back(std::move(row));
      }
      Write("t." + table, FormatDate(day), "id LONG, k STRING, v LONG, ts LONG", rows);
    }
  }
  std::string Scan(const std::string& table) const {
    return "read_parquet('" + root_ + "/t.db/" + table +
           "/ds=*/*.parquet', hive_partitioning = true, hive_types = {'ds': VARCHAR})";
  }
  // `WITH` clause with every source table under its own name.
  std::string With(const std::vector<std::string>& tables) const {
    std::string with = "WITH ";
    for (const std::string& table : tables) {
      with += table + " AS (SELECT * FROM " + Scan(table) + "), ";
    }
    return with;
  }
  std::string Rows(const std::string& sql) {
    const types::Batch batch = OrStop(database_->Query(sql));
    std::vector<Row> rows;
    for (size_t row = 0; row < batch.rows(); ++row) rows.push_back(batch.Row(row));
    return PrintRows(rows);
  }

  const int days_;
};

// Every step of another table, every day of it once.
void ExpectEachOnce(const RunReport& report) {
  std::set<std::string> tables;
  for (const StepReport& step : report.steps) {
    EXPECT_TRUE(tables.insert(step.table).second) << step.table << " is computed twice";
    const std::set<Date> days(step.computed.begin(), step.computed.end());
    EXPECT_EQ(days.size(), step.computed.size()) << step.table;
  }
}

class DeepChainTest : public ChainsTest {
 protected:
  DeepChainTest() : ChainsTest(32) {}
  // j1 over events e0, j2 over j1, ..., j8 over j7; windows of one and two days in turn.
  static int WindowOf(int level) { return 1 + level % 2; }
  static std::string Level(int level) {
    const std::string name = fmt::format("g{}", level);
    const std::string source =
        level == 1 ? Events("e0")
                   : Chained(Level(level - 1),
                             fmt::format("g{}_v_sum_{}d", level - 1, WindowOf(level - 1)));
    return JoinOf(fmt::format("j{}", level), fmt::format("e{}", level),
                  {GroupByOf(name, source, WindowOf(level))});
  }
};

TEST_F(DeepChainTest, OfDepthEightIsOneFlatQueryAndEachParentIsComputedOnce) {
  std::vector<std::string> tables;
  for (int level = 0; level <= kDepth; ++level) {
    tables.push_back(fmt::format("e{}", level));
    WriteEvents(tables.back(), kSeed + static_cast<uint64_t>(level));
  }
  const std::string last = FormatDate(Day(kFirst) + (days_ - 1));
  const RunReport report = Backfilled(ConfOf(Level(kDepth)), last, last);
  ASSERT_EQ(report.steps.size(), size_t{kDepth});
  for (int level = 1; level <= kDepth; ++level) {
    EXPECT_EQ(report.steps[static_cast<size_t>(level - 1)].name, fmt::format("j{}", level));
  }
  ExpectEachOnce(report);
  // A child that asked its parent for fewer days than its windows reach would differ below.
  EXPECT_EQ(report.steps.back().computed.size(), 1u);
  EXPECT_GT(report.steps.front().computed.size(), report.steps[4].computed.size());

  std::string sql = With(tables);
  for (int level = 1; level <= kDepth; ++level) {
    const std::string right =
        level == 1 ? "e0" : fmt::format("(SELECT k, ts, s AS v FROM j{})", level - 1);
    sql += fmt::format("{}j{} AS {}", level == 1 ? "" : ", ", level,
                       JoinSql(fmt::format("e{}", level), right, WindowOf(level)));
  }
  const std::string flat = Rows(sql + fmt::format(" SELECT id, s, c, l FROM j{} WHERE ds = '{}' "
                                                  "ORDER BY id",
                                                  kDepth, last));
  EXPECT_EQ(Rows(fmt::format("SELECT id, g8_v_sum_1d, g8_v_count_1d, g8_v_last_1d FROM {} "
                             "ORDER BY id",
                             Scan("j8"))),
            flat);
  EXPECT_GT(std::count(flat.begin(), flat.end(), '\n'), 3);
  EXPECT_NE(flat.find(','), std::string::npos);

  const RunReport again = Backfilled(ConfOf(Level(kDepth)), last, last);
  ASSERT_EQ(again.steps.size(), 1u);
  EXPECT_TRUE(again.steps[0].computed.empty());
}

// p feeds a and b; ja and jb are over a and b; final is over ja, jb and p:
//
//     pay -> p --> a -> ja --> c --+
//              +-> b -> jb --> d --+-> final
//              +-> a --------------+
class SharedParentTest : public ChainsTest {
 protected:
  SharedParentTest() : ChainsTest(14) {}
  void SetUp() override {
    for (const std::string& table : tables_) WriteEvents(table, kSeed ^ HashOf(table));
  }
  static uint64_t HashOf(const std::string& text) {
    uint64_t hash = 0;
    for (const char c : text) hash = hash * 131 + static_cast<unsigned char>(c);
    return hash;
  }
  static std::string Final(int window_of_b = 2, const std::string& risk = "risk") {
    const std::string p = JoinOf("p", "pay", {GroupByOf(risk, Events("risks"), 3)});
    const std::string a = GroupByOf("a", Chained(p, risk + "_v_sum_3d"), 1);
    const std::string b = GroupByOf("b", Chained(p, risk + "_v_count_3d"), window_of_b);
    const std::string b_sum = fmt::format("b_v_sum_{}d", window_of_b);
    return JoinOf("final", "spine",
                  {GroupByOf("c", Chained(JoinOf("ja", "left_a", {a}), "a_v_sum_1d"), 2),
                   GroupByOf("d", Chained(JoinOf("jb", "left_b", {b}), b_sum), 1), a});
  }

  const std::vector<std::string> tables_ = {"pay", "risks", "left_a", "left_b", "spine"};
  const std::string first_ = FormatDate(Day(kFirst) + (days_ - 3));
  const std::string last_ = FormatDate(Day(kFirst) + (days_ - 1));
};

// b reaches a day further back than a, so that the second conf finds most days of p made.
TEST_F(SharedParentTest, SeveralConfsAreOneJob) {
  const std::string p = JoinOf("p", "pay", {GroupByOf("risk", Events("risks"), 3)});
  const std::string a = GroupByOf("a", Chained(p, "risk_v_sum_3d"), 1);
  const std::string b = GroupByOf("b", Chained(p, "risk_v_count_3d"), 2);
  const conf::Conf confs[] = {ConfOf(JoinOf("ja", "left_a", {a})),
                              ConfOf(JoinOf("jb", "left_b", {b}))};
  for (const bool recompute : {false, true}) {
    RunReport report;
    OrStop(RunBackfills(context_, confs, {Day(first_), Day(last_), false, recompute}, &report));
    std::vector<std::string> names;
    std::set<std::pair<std::string, Date>> made;
    size_t days = 0;
    for (const StepReport& step : report.steps) {
      names.push_back(step.name);
      for (const Date day : step.computed) made.emplace(step.table, day);
      days += step.computed.size();
    }
    EXPECT_THAT(names, ElementsAre("p", "ja", "p", "jb"));
    EXPECT_EQ(made.size(), days) << "a day was made twice";
    EXPECT_EQ(report.steps[2].computed.size(), 1u);
  }
  const auto rows = [&] {
    return Rows("SELECT * FROM " + Scan("ja") + " ORDER BY id") +
           Rows("SELECT * FROM " + Scan("jb") + " ORDER BY id");
  };
  const std::string together = rows();
  std::filesystem::remove_all(root_ + "/t.db/ja");
  std::filesystem::remove_all(root_ + "/t.db/jb");
  for (const conf::Conf& conf : confs) Backfilled(conf, first_, last_);
  EXPECT_EQ(together, rows());
}

// Two Joins and the daily table ask the rows of one GroupBy.
TEST_F(SharedParentTest, RowsThatAStepSortedAreAskedByTheNext) {
  const std::string p = JoinOf("p", "pay", {GroupByOf("risk", Events("risks"), 3)});
  std::string a = GroupByOf("a", Chained(p, "risk_v_sum_3d"), 4);
  a.replace(a.find("{\"name\": \"a\""), 12, R"({"outputNamespace": "t", "name": "a")");
  const std::string every_day = FormatDate(Day(kFirst));
  const conf::Conf confs[] = {ConfOf(JoinOf("ja", "left_a", {a})),
                              ConfOf(JoinOf("jb", "left_b", {a})), ConfOf(a)};
  const auto rows = [&] {
    return Rows("SELECT * FROM " + Scan("ja") + " ORDER BY id") +
           Rows("SELECT * FROM " + Scan("jb") + " ORDER BY id") +
           Rows("SELECT * FROM " + Scan("a") + " ORDER BY ds, k");
  };
  RunReport report;
  OrStop(RunBackfills(context_, confs, {Day(every_day), Day(last_)}, &report));
  for (const StepReport& step : report.steps) {
    const bool last = &step == &report.steps.back();
    EXPECT_EQ(
        fmt::format("{}", fmt::join(step.notes, "; ")).find("had sorted") != std::string::npos,
        last)
        << step.name;
  }
  const std::string together = rows();
  EXPECT_GT(std::count(together.begin(), together.end(), '\n'), 100);
  for (const char* table : {"ja", "jb", "a"}) {
    std::filesystem::remove_all(root_ + "/t.db/" + table);
  }
  for (const conf::Conf& conf : confs) Backfilled(conf, every_day, last_);
  EXPECT_EQ(together, rows());
}

TEST_F(SharedParentTest, IsComputedOnceInOrderAndTheAnswerIsOneFlatQuery) {
  const RunReport report = Backfilled(ConfOf(Final()), first_, last_);
  std::vector<std::string> names;
  for (const StepReport& step : report.steps) names.push_back(step.name);
  EXPECT_THAT(names, ElementsAre("p", "ja", "jb", "final"));
  ExpectEachOnce(report);

  const std::string sql =
      With(tables_) + "p AS " + JoinSql("pay", "risks", 3) + ", ja AS " +
      JoinSql("left_a", "(SELECT k, ts, s AS v FROM p)", 1) + ", jb AS " +
      JoinSql("left_b", "(SELECT k, ts, c AS v FROM p)", 2) + ", c AS " +
      JoinSql("spine", "(SELECT k, ts, s AS v FROM ja)", 2) + ", d AS " +
      JoinSql("spine", "(SELECT k, ts, s AS v FROM jb)", 1) + ", a AS " +
      JoinSql("spine", "(SELECT k, ts, s AS v FROM p)", 1) +
      " SELECT id, c.s, c.c, c.l, d.s, d.c, d.l, a.s, a.c, a.l FROM c JOIN d USING (id) "
      "JOIN a USING (id) WHERE c.ds >= '" +
      first_ + "' ORDER BY id";
  EXPECT_EQ(Rows("SELECT id, c_v_sum_2d, c_v_count_2d, c_v_last_2d, d_v_sum_1d, d_v_count_1d, "
                 "d_v_last_1d, a_v_sum_1d, a_v_count_1d, a_v_last_1d FROM " +
                 Scan("final") + " ORDER BY id"),
            Rows(sql));
}

TEST_F(SharedParentTest, AChangeInvalidatesWhatHangsBelowItAndNothingElse) {
  Backfilled(ConfOf(Final()), first_, last_);
  const auto computed = [&](const std::string& json) {
    std::vector<std::string> names;
    for (const StepReport& step : Backfilled(ConfOf(json), first_, last_).steps) {
      if (!step.computed.empty()) names.push_back(step.name);
    }
    return names;
  };
  EXPECT_THAT(computed(Final()), ElementsAre());
  EXPECT_THAT(computed(Final(1)), ElementsAre("jb", "final"));
  EXPECT_THAT(computed(Final(1, "danger")), ElementsAre("p", "ja", "jb", "final"));
}

TEST_F(SharedParentTest, OneNameOfTwoDefinitionsIsRefused) {
  std::string json = Final();
  const size_t second = json.rfind("\"length\": 3");
  ASSERT_NE(second, std::string::npos);
  json.replace(second, 11, "\"length\": 4");
  const auto refused = Backfill(context_, ConfOf(json), {Day(first_), Day(last_)});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("one name stands for two definitions"));
}

TEST_F(SharedParentTest, TwoJobsAtOnceNeverComputeADayTwice) {
  const conf::Conf conf = ConfOf(Final());
  std::vector<Result<RunReport>> reports(2, Result<RunReport>(RunReport{}));
  std::vector<std::thread> jobs;
  for (auto& report : reports) {
    jobs.emplace_back([&] { report = Backfill(context_, conf, {Day(first_), Day(last_)}); });
  }
  for (std::thread& job : jobs) job.join();
  std::multiset<std::pair<std::string, Date>> computed;
  size_t done = 0;
  for (const auto& report : reports) {
    if (!report.ok()) {
      EXPECT_EQ(report.error().code, ErrorCode::kUnavailable) << report.error().message;
      EXPECT_THAT(report.error().message, HasSubstr("another job writes this table"));
      continue;
    }
    ++done;
    for (const StepReport& step : report->steps) {
      for (const Date day : step.computed) computed.emplace(step.table, day);
    }
  }
  EXPECT_GE(done, 1u);
  EXPECT_EQ(std::set(computed.begin(), computed.end()).size(), computed.size());
  EXPECT_TRUE(Backfilled(conf, first_, last_).steps.back().computed.empty());
}

TEST_F(SharedParentTest, ALockedParentRefusesTheJobBeforeAnythingIsWritten) {
  const auto parent = OrStop(warehouse_->Find("t.p"));
  {
    const auto lock = OrStop(parent.LockForJob(false));
    const auto refused = Backfill(context_, ConfOf(Final()), {Day(first_), Day(last_)});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  }
  EXPECT_FALSE(parent.Exists());
  EXPECT_FALSE(warehouse_->Find("t.final")->Exists());
  // What a job that was killed while it marked a day left behind goes with the next one.
  const std::string half = parent.directory() + "/_catena.json.tmp-1-0";
  std::ofstream(half) << "{";
  Backfilled(ConfOf(Final()), first_, last_);
  EXPECT_FALSE(std::filesystem::exists(half));
}

TEST_F(SharedParentTest, TablesTakenForOwnAreReused) {
  Backfilled(ConfOf(Final()), first_, last_);
  const conf::Conf changed = ConfOf(Final(1));
  OrStop(TakeTablesForOwn(context_, changed));
  EXPECT_TRUE(Backfilled(changed, first_, last_).steps.back().computed.empty());
}

TEST_F(SharedParentTest, DaysThatAnotherJobMadeMeanwhileAreTakenForOwnToo) {
  Backfilled(ConfOf(Final()), first_, first_);
  before_next_lock = [&] { Backfilled(ConfOf(Final()), first_, last_); };
  const conf::Conf changed = ConfOf(Final(1));
  OrStop(TakeTablesForOwn(context_, changed));
  EXPECT_FALSE(before_next_lock);
  EXPECT_TRUE(Backfilled(changed, first_, last_).steps.back().computed.empty());
}

TEST_F(SharedParentTest, EstimatesCountParentsThatAreNotThereYet) {
  const conf::Conf conf = ConfOf(Final());
  plan::BackfillPlan plan = OrStop(PlanBackfill(context_, conf, {Day(first_), Day(last_)}));
  OrStop(EstimatePlan(context_, &plan));
  ASSERT_EQ(plan.steps.size(), 4u);
  for (const plan::Step& step : plan.steps) {
    EXPECT_EQ(step.estimate->rows_written, 6 * step.compute.size()) << step.name;
    EXPECT_GT(step.estimate->bytes_written, 0u) << step.name;
    EXPECT_GT(step.estimate->rows_read, step.estimate->rows_written) << step.name;
  }
  // final reads its left and, of the parents, what the steps before will have written.
  const uint64_t left = 6 * 3;
  EXPECT_LE(plan.steps[3].estimate->rows_read, left + plan.steps[1].estimate->rows_written +
                                                   plan.steps[2].estimate->rows_written +
                                                   plan.steps[0].estimate->rows_written);
  EXPECT_THAT(plan::PrintPlan(plan), HasSubstr("writes 18 rows, "));
  const RunReport report = Backfilled(conf, first_, last_);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    EXPECT_EQ(report.steps[i].rows, plan.steps[i].estimate->rows_written);
  }
}

}  // namespace
}  // namespace catena::batch
