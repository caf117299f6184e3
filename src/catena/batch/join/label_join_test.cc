// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join/label_join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "catena/base/random.h"
#include "catena/batch/join/label_views.h"
#include "catena/batch/warehouse_fixture.h"
#include "catena/testing/property.h"

namespace catena::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFirstDay[] = "2026-03-01";
constexpr char kCheckouts[] = "request LONG, user LONG, ts LONG";

// Payments of users; labels are refunds of three days and, on label_ds, the user's country.
class LabelJoinTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  static std::string Refunds(const std::string& days = "3") {
    return R"({"groupBy": {"metaData": {"name": "refunds"}, "keyColumns": ["user"],
      "aggregations": [{"inputColumn": "amount", "operation": 7,
                        "windows": [{"length": )" +
           days + R"(, "timeUnit": 1}]}],
      "sources": [{"events": {"table": "t.refunds", "query": {"timeColumn": "ts"}}}]}})";
  }
  static std::string Users(const std::string& more = "") {
    return R"({"groupBy": {"metaData": {"name": "users"}, "keyColumns": ["id"],
      "sources": [{"entities": {"snapshotTable": "t.users"}}]},
      "keyMapping": {"user": "id"})" +
           more + "}";
  }
  static conf::Conf Join(const std::string& labels, int start, int end,
                         const std::string& more = R"(, "rowIds": ["request"])") {
    return ConfOf(R"({"metaData": {"name": "j", "outputNamespace": "t"},
      "left": {"events": {"table": "t.checkouts", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": {"metaData": {"name": "seen"}, "keyColumns": ["user"],
        "accuracy": 0, "aggregations": [{"inputColumn": "request", "operation": 6}],
        "sources": [{"events": {"table": "t.checkouts", "query": {"timeColumn": "ts"}}}]}}],
      "labelPart": {"labels": [)" +
                  labels + R"(], "leftStartOffset": )" + std::to_string(start) +
                  R"(, "leftEndOffset": )" + std::to_string(end) + "}" + more + "}");
  }
  RunReport Labeled(const conf::Conf& conf, const std::string& label_ds) {
    RunReport report;
    OrStop(RunLabelJoin(context_, conf, {std::nullopt, Day(label_ds)}, &report));
    return report;
  }
  std::string ErrorOf(const conf::Conf& conf, const std::string& label_ds) {
    RunReport report;
    const Status status = RunLabelJoin(context_, conf, {std::nullopt, Day(label_ds)}, &report);
    return status.ok() ? "" : status.error().message;
  }
  // Columns of one of the views of the Join, rows sorted.
  std::string View(const std::string& name, const std::string& columns) {
    for (const LabelView& view : OrStop(LabelViewsOf(database_.get(), *warehouse_, "t.j"))) {
      if (view.name != name) continue;
      const types::Batch batch =
          OrStop(database_->Query("SELECT " + columns + " FROM (" + view.sql + ") ORDER BY ALL"));
      std::vector<Row> rows;
      for (size_t row = 0; row < batch.rows(); ++row) rows.push_back(batch.Row(row));
      return PrintRows(rows);
    }
    return "no view " + name;
  }
};

TEST_F(LabelJoinTest, LabelsComeLaterAndEachVersionStays) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"}) {
    Write("t.checkouts", day, kCheckouts, {{1, 7, At(day, 12)}, {2, 8, At(day, 12)}});
    Write("t.users", day, "id INT, country STRING", {{7, std::string("on ") + day}});
  }
  const conf::Conf conf = Join(Users(), 3, 2);
  const RunReport report = Labeled(conf, "2026-03-03");
  ASSERT_EQ(report.steps.size(), 3u);
  EXPECT_EQ(report.steps[1].table, "t.j_users");
  EXPECT_EQ(report.steps[2].table, "t.j_labels/label_ds=2026-03-03");
  EXPECT_THAT(report.steps[2].computed, ElementsAre(Day("2026-03-01"), Day("2026-03-02")));
  EXPECT_EQ(PrintRows(ReadTable("t.j_labels/label_ds=2026-03-03", {"request", "users_country"})),
            "[1,\"on 2026-03-03\"]\n[2,null]\n[1,\"on 2026-03-03\"]\n[2,null]\n");
  Labeled(conf, "2026-03-04");
  constexpr char kColumns[] = "ds, label_ds, label_users_country, seen_request_count";
  EXPECT_EQ(View("t.j_labeled", kColumns + std::string(", request")),
            "[\"2026-03-01\",\"2026-03-03\",\"on 2026-03-03\",null,1]\n"
            "[\"2026-03-01\",\"2026-03-03\",null,null,2]\n"
            "[\"2026-03-02\",\"2026-03-03\",\"on 2026-03-03\",1,1]\n"
            "[\"2026-03-02\",\"2026-03-03\",null,1,2]\n"
            "[\"2026-03-02\",\"2026-03-04\",\"on 2026-03-04\",1,1]\n"
            "[\"2026-03-02\",\"2026-03-04\",null,1,2]\n"
            "[\"2026-03-03\",\"2026-03-04\",\"on 2026-03-04\",2,1]\n"
            "[\"2026-03-03\",\"2026-03-04\",null,2,2]\n");
  EXPECT_EQ(View("t.j_labeled_latest", "ds, label_ds, request"),
            "[\"2026-03-01\",\"2026-03-03\",1]\n[\"2026-03-01\",\"2026-03-03\",2]\n"
            "[\"2026-03-02\",\"2026-03-04\",1]\n[\"2026-03-02\",\"2026-03-04\",2]\n"
            "[\"2026-03-03\",\"2026-03-04\",1]\n[\"2026-03-03\",\"2026-03-04\",2]\n");
}

// What happened, as the naive twin sees it.
struct World {
  struct Checkout {
    int64_t request, user, day;  // User -1: null.
  };
  struct Refund {
    int64_t user, amount, day;
  };
  static constexpr int64_t kDays = 7;
  std::vector<Checkout> checkouts;
  std::vector<Refund> refunds;
  std::map<std::pair<int64_t, int64_t>, int64_t> levels;  // (day, user) -> level.

  static World Random(catena::Random& random) {
    World world;
    for (int64_t day = 0; day < kDays; ++day) {
      for (uint64_t i = 0, rows = random.Below(5); i < rows; ++i) {
        const auto user = static_cast<int64_t>(random.Below(4)) - 1;
        world.checkouts.push_back({static_cast<int64_t>(random.Below(6)), user, day});
      }
      for (uint64_t i = 0, rows = random.Below(5); i < rows; ++i) {
        world.refunds.push_back(
            {static_cast<int64_t>(random.Below(3)), static_cast<int64_t>(random.Below(100)), day});
      }
      for (int64_t user = 0; user < 3; ++user) {
        if (random.OneIn(2)) world.levels[{day, user}] = static_cast<int64_t>(random.Below(9));
      }
    }
    return world;
  }
  Value Refunded(int64_t user, int64_t first, int64_t last) const {
    int64_t sum = 0;
    bool any = false;
    for (const Refund& refund : refunds) {
      if (refund.user != user || refund.day < first || refund.day > last) continue;
      sum += refund.amount;
      any = true;
    }
    return any ? Value(sum) : Value();
  }
  // Rows (request, day, label_ds, refunds, level) of one version; of equal requests the first.
  void Label(int64_t label_ds, int64_t window,
             std::map<std::pair<int64_t, int64_t>, Row>* of) const {
    const int64_t day = label_ds - (window - 1);
    for (const Checkout& row : checkouts) {
      if (row.day != day || of->contains({row.day, row.request})) continue;
      const auto level = levels.find({label_ds, row.user});
      (*of)[{row.day, row.request}] = {row.request,
                                       FormatDate(Day(kFirstDay) + static_cast<int32_t>(row.day)),
                                       FormatDate(Day(kFirstDay) + static_cast<int32_t>(label_ds)),
                                       Refunded(row.user, day, label_ds),
                                       level == levels.end() ? Value() : Value(level->second)};
    }
  }
};

// One window fits one day of rows a version, so the versions are of many days here; the literal
// test has days of many versions.
TEST_F(LabelJoinTest, EqualsTheNaiveTwin) {
  testing::ForSeeds(5, [&](Random& random) {
    const World world = World::Random(random);
    for (int64_t day = 0; day < World::kDays; ++day) {
      const Date date = Day(kFirstDay) + static_cast<int32_t>(day);
      const int64_t noon = ToMillis(date.Start()) + kDay.count() / 2;
      std::vector<Row> checkouts;
      std::vector<Row> refunds;
      std::vector<Row> users;
      for (const auto& row : world.checkouts) {
        if (row.day != day) continue;
        checkouts.push_back({row.request, row.user < 0 ? Value() : Value(row.user), noon});
      }
      for (const auto& row : world.refunds) {
        if (row.day == day) refunds.push_back({row.user, row.amount, noon});
      }
      for (const auto& [at, level] : world.levels) {
        if (at.first == day) users.push_back({at.second, level});
      }
      Write("t.checkouts", FormatDate(date), kCheckouts, checkouts);
      Write("t.refunds", FormatDate(date), "user LONG, amount LONG, ts LONG", refunds);
      Write("t.users", FormatDate(date), "id LONG, level LONG", users);
    }
    for (const char* table : {"j", "j_refunds", "j_users", "j_labels"}) {
      std::filesystem::remove_all(root_ + "/t.db/" + table);
    }
    const auto window = static_cast<int64_t>(1 + random.Below(3));
    const conf::Conf conf = Join(Refunds(std::to_string(window)) + "," + Users(),
                                 static_cast<int>(window), static_cast<int>(window));
    std::vector<Row> expected;
    for (int64_t label_ds = World::kDays - 1; label_ds >= window - 1; --label_ds) {
      Labeled(conf, FormatDate(Day(kFirstDay) + static_cast<int32_t>(label_ds)));
      std::map<std::pair<int64_t, int64_t>, Row> version;
      world.Label(label_ds, window, &version);
      for (const auto& [at, row] : version) expected.push_back(row);
    }
    std::sort(expected.begin(), expected.end(), [](const Row& a, const Row& b) {
      return std::tie(std::get<int64_t>(a[0].data), std::get<std::string>(a[1].data)) <
             std::tie(std::get<int64_t>(b[0].data), std::get<std::string>(b[1].data));
    });
    const std::string sum = "refunds_amount_sum_" + std::to_string(window) + "d";
    EXPECT_EQ(View("t.j_labels", "request, ds, label_ds, " + sum + ", users_level"),
              PrintRows(expected));
    // Every row of the Join is there once, with the labels of its request.
    EXPECT_EQ(View("t.j_labeled_latest", "count(*)"),
              PrintRows({{static_cast<int64_t>(std::count_if(
                  world.checkouts.begin(), world.checkouts.end(),
                  [&](const auto& row) { return row.day <= World::kDays - window; }))}}));
  });
}

TEST_F(LabelJoinTest, OnlyWhatChangedIsComputedAgain) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    Write("t.checkouts", day, kCheckouts, {{1, 7, At(day, 12)}});
    Write("t.users", day, "id INT, country STRING", {{7, "x"}});
  }
  Labeled(Join(Users(), 3, 1), "2026-03-03");
  const RunReport again = Labeled(Join(Users(), 3, 1), "2026-03-03");
  EXPECT_TRUE(again.steps.back().computed.empty());
  EXPECT_EQ(again.steps.back().reused.size(), 3u);
  Write("t.checkouts", "2026-03-02", kCheckouts, {{1, 8, At("2026-03-02", 12)}});
  const auto plan =
      OrStop(PlanLabelJoin(context_, Join(Users(), 3, 1), {std::nullopt, Day("2026-03-03")}));
  // The features of 03-03 look at the checkouts of the day before.
  EXPECT_THAT(plan.steps.back().compute,
              ElementsAre(plan::PlannedDay{Day("2026-03-02"), plan::Why::kLeftChanged},
                          plan::PlannedDay{Day("2026-03-03"), plan::Why::kLeftChanged}));
  EXPECT_THAT(Labeled(Join(Users(), 3, 1), "2026-03-03").steps.back().computed,
              ElementsAre(Day("2026-03-02"), Day("2026-03-03")));
  // Other labels, and the features stay as they are.
  const RunReport other = Labeled(Join(Users(R"(, "prefix": "p")"), 3, 1), "2026-03-03");
  EXPECT_TRUE(other.steps.front().computed.empty());
  EXPECT_EQ(other.steps.back().computed.size(), 3u);
}

TEST_F(LabelJoinTest, SaysWhatIsWrong) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03"}) {
    Write("t.checkouts", day, kCheckouts, {{1, 7, At(day, 12)}});
    Write("t.users", day, "id STRING, country STRING", {{"7", "x"}});
  }
  const std::string day = "2026-03-03";
  EXPECT_THAT(ErrorOf(Join(Refunds(), 4, 3), day), HasSubstr("offsets 4 and 3"));
  EXPECT_THAT(ErrorOf(Join(Users(), 2, 1), day), HasSubstr("user LONG of the Join and id STRING"));
  EXPECT_THAT(ErrorOf(Join(Users(), 9, 8), day), HasSubstr("no rows of the days"));
  EXPECT_THAT(ErrorOf(Join(Refunds(), 3, 3), day), HasSubstr("t.refunds"));
  const auto refused =
      conf::ParseConf(*ParseJson(R"({"metaData": {"name": "j"}, "labelPart": {"labels": [],
                     "leftStartOffset": 2, "leftEndOffset": 3},
                     "left": {"events": {"table": "t.checkouts"}}, "joinParts": []})",
                                 "j"),
                      "j");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("has no labels"));
  EXPECT_THAT(refused.error().message, HasSubstr("leftStartOffset >= leftEndOffset >= 1"));
  for (const char* name :
       {"t.j/ds", "t.j/ds=2026-03-01", "t.j/../x", "t.j/label_ds=x", "t.j/a=2026-03-01/b"}) {
    EXPECT_FALSE(warehouse_->Find(name).ok()) << name;
  }
}

}  // namespace
}  // namespace catena::batch
