// SPDX-License-Identifier: Apache-2.0
// Chains that begin with entities: the Join's table is a snapshot of every day, and so is what a
// GroupBy makes of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/base/random.h"
#include "catena/batch/group_by_upload.h"
#include "catena/batch/warehouse_fixture.h"
#include "catena/kv/memory_store.h"

namespace catena::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 20261127;
constexpr char kFirst[] = "2026-03-01";
constexpr int kDays = 6;

// users (a snapshot a day) + visits of their last day -> by_city -> asked (events).
class EntityChainTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  // Users come, go and move; a city in five is null.
  void SetUp() override {
    Random random(kSeed);
    SCOPED_TRACE(kSeed);
    int64_t id = 0;
    for (int i = 0; i < kDays; ++i) {
      const Date day = Day(kFirst) + i;
      std::vector<Row> users, visits, asked;
      for (int64_t user = 0; user < 12; ++user) {
        if (random.Below(4) == 0) continue;
        users.push_back({user, Value()});
        if (random.Below(5) != 0) users.back()[1] = City(&random);
      }
      for (int n = 0; n < 30; ++n) {
        const auto millis = static_cast<int64_t>(random.Below(86'400'000));
        visits.push_back({static_cast<int64_t>(random.Below(12)),
                          static_cast<int64_t>(random.Below(9)), ToMillis(day.Start()) + millis});
      }
      for (int n = 0; n < 8; ++n, ++id) {
        const auto millis = static_cast<int64_t>(random.Below(86'400'000));
        asked.push_back({id, City(&random), ToMillis(day.Start()) + millis});
      }
      Write("t.users", FormatDate(day), "user LONG, city STRING", users);
      Write("t.visits", FormatDate(day), "user LONG, n LONG, ts LONG", visits);
      // Asked about before its own day's snapshot is there.
      Write("t.asked", FormatDate(day + 1), "id LONG, city STRING, ts LONG", Shifted(asked));
    }
  }
  static Value City(Random* random) {
    const char* cities[] = {"x", "y", "z"};
    return cities[random->Below(3)];
  }
  static std::vector<Row> Shifted(std::vector<Row> rows) {
    for (Row& row : rows) row[2] = std::get<int64_t>(row[2].data) + 86'400'000;
    return rows;
  }

  static std::string Enriched() {
    return R"json({"metaData": {"name": "enriched", "outputNamespace": "t"},
      "left": {"entities": {"snapshotTable": "t.users", "mutationTopic": "user-changes",
                            "query": {"selects": {"user": "user", "city": "city"}}}},
      "joinParts": [{"groupBy": {"metaData": {"name": "visits"}, "keyColumns": ["user"],
        "accuracy": 1, "sources": [{"events": {"table": "t.visits",
                                              "query": {"timeColumn": "ts"}}}],
        "aggregations": [{"inputColumn": "n", "operation": 7,
                          "windows": [{"length": 1, "timeUnit": 1}]}]}}]})json";
  }
  static std::string ByCity(int accuracy) {
    return fmt::format(R"json({{"metaData": {{"name": "by_city", "outputNamespace": "t"}},
      "keyColumns": ["city"], "accuracy": {}, "aggregations": [
        {{"inputColumn": "n", "operation": 7}}, {{"inputColumn": "user", "operation": 6}}],
      "sources": [{{"joinSource": {{"join": {}, "query": {{"selects": {{
        "city": "city", "user": "user", "n": "visits_n_sum_1d"}}}}}}}}]}})json",
                       accuracy, Enriched());
  }
  static std::string Final(const std::string& group_by) {
    return R"json({"metaData": {"name": "final", "outputNamespace": "t"},
      "left": {"events": {"table": "t.asked", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": )json" +
           group_by + "}]}";
  }

  std::string Scan(const std::string& table) const {
    return "read_parquet('" + root_ + "/t.db/" + table +
           "/ds=*/*.parquet', hive_partitioning = true, hive_types = {'ds': VARCHAR})";
  }
  std::string Rows(const std::string& sql) {
    const types::Batch batch = OrStop(database_->Query(sql));
    std::vector<Row> rows;
    for (size_t row = 0; row < batch.rows(); ++row) rows.push_back(batch.Row(row));
    return PrintRows(rows);
  }
  // by_city, as SQL from the tables: columns city, ds, n, users.
  std::string ByCitySql() const {
    return "(SELECT city, e.ds, sum(n)::BIGINT AS n, count(*) AS users FROM (SELECT u.city, u.ds, "
           "(SELECT sum(v.n)::BIGINT FROM " +
           Scan("visits") + " v WHERE v.user = u.user AND v.ds = u.ds) AS n FROM " + Scan("users") +
           " u) e WHERE city IS NOT NULL GROUP BY ALL)";
  }
};

TEST_F(EntityChainTest, ALeftRowSeesTheSnapshotOfTheDayBefore) {
  const std::string last = FormatDate(Day(kFirst) + kDays);
  const RunReport report = Backfilled(ConfOf(Final(ByCity(1))), "2026-03-04", last);
  // The parent is asked for the days that are looked at, and for no more.
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_THAT(report.steps[0].computed, ElementsAre(Day("2026-03-03"), Day("2026-03-04"),
                                                    Day("2026-03-05"), Day("2026-03-06")));
  const std::string flat =
      Rows("SELECT id, n, users FROM " + Scan("asked") + " a LEFT JOIN " + ByCitySql() +
           " c ON a.city = c.city AND strptime(c.ds, '%Y-%m-%d') + INTERVAL 1 DAY = "
           "strptime(a.ds, '%Y-%m-%d') WHERE a.ds >= '2026-03-04' ORDER BY id");
  EXPECT_EQ(
      Rows("SELECT id, by_city_n_sum, by_city_user_count FROM " + Scan("final") + " ORDER BY id"),
      flat);
  EXPECT_GT(std::count(flat.begin(), flat.end(), '\n'), 25);
}

TEST_F(EntityChainTest, ItsDailyTableAndItsUploadHoldTheDayItself) {
  const conf::Conf conf = ConfOf(ByCity(1));
  Backfilled(conf, kFirst, "2026-03-06");
  EXPECT_EQ(
      Rows("SELECT city, ds, n_sum, user_count FROM " + Scan("by_city") + " ORDER BY city, ds"),
      Rows("SELECT city, ds, n, users FROM " + ByCitySql() + " ORDER BY city, ds"));
  kv::MemoryKVStore store;
  const auto uploaded = UploadGroupBy(context_, conf, Day("2026-03-06"), &store);
  ASSERT_TRUE(uploaded.ok()) << uploaded.error().message;
  EXPECT_EQ(uploaded->steps.back().rows,
            static_cast<size_t>(
                std::get<int64_t>(OrStop(database_->Query("SELECT count(*) FROM " + ByCitySql() +
                                                          " WHERE ds = '2026-03-06'"))
                                      .Row(0)[0]
                                      .data)));
}

TEST_F(EntityChainTest, AJoinOverItIsOfEntitiesToo) {
  const std::string on_top = R"json({"metaData": {"name": "on_top", "outputNamespace": "t"},
      "left": {"joinSource": {"join": )json" +
                             Enriched() + R"json(, "query": {"selects": {
        "user": "user", "city": "city"}}}}, "joinParts": [{"groupBy": )json" +
                             ByCity(1) + "}]}";
  Backfilled(ConfOf(on_top), "2026-03-02", "2026-03-05");
  EXPECT_EQ(Rows("SELECT user, ds, by_city_n_sum FROM " + Scan("on_top") + " ORDER BY user, ds"),
            Rows("SELECT u.user, u.ds, c.n FROM " + Scan("users") + " u LEFT JOIN " + ByCitySql() +
                 " c ON c.city = u.city AND c.ds = u.ds WHERE u.ds BETWEEN '2026-03-02' AND "
                 "'2026-03-05' ORDER BY u.user, u.ds"));
}

TEST_F(EntityChainTest, WithinADayItIsRefused) {
  const auto refused =
      Backfill(context_, ConfOf(Final(ByCity(0))), {Day("2026-03-04"), Day("2026-03-05")});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("mutations are not enriched"));
  EXPECT_THAT(refused.error().message, HasSubstr("make the GroupBy SNAPSHOT: t.enriched"));
}

}  // namespace
}  // namespace catena::batch
