// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/daily/incremental_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/base/random.h"
#include "catena/batch/warehouse_fixture.h"
#include "catena/testing/property.h"

namespace catena::batch {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kFirstDay[] = "2026-03-01";
constexpr char kColumns[] = "user LONG, amount DOUBLE, item STRING, ts LONG";
constexpr int kDays = 9;

Date DayAt(int number) { return Day(kFirstDay) + number; }

// Values equal those of a run without hops over the same days, which are the naive twin's
// (naive_twin_test.cc).
class IncrementalFeaturesTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  static std::string Source(const std::string& table, const std::string& more = "") {
    return R"({"events": {"table": ")" + table + R"(", "query": {"timeColumn": "ts"})" + more +
           "}}";
  }
  static conf::Conf GroupBy(const std::string& name, bool incremental,
                            const std::string& aggregations, const std::string& sources,
                            const std::string& more = "") {
    return ConfOf(R"({"metaData": {"name": ")" + name + R"(", "outputNamespace": "t"},
      "keyColumns": ["user"], "accuracy": 1, "isIncremental": )" +
                  (incremental ? "1" : "0") + R"(, "aggregations": [)" + aggregations +
                  R"(], "sources": [)" + sources + "]" + more + "}");
  }
  std::string Everything(const std::string& table) {
    std::string text;
    for (const Date day : OrStop(warehouse_->Find(table)->Partitions())) {
      table::ScanRequest request;
      request.range = table::PartitionRange::Of(day);
      const types::Batch batch = OrStop(warehouse_->Find(table)->Read(request));
      std::vector<Row> rows;
      for (size_t row = 0; row < batch.rows(); ++row) rows.push_back(batch.Row(row));
      text += FormatDate(day) + " " + batch.schema().ToString() + "\n" + PrintRows(rows);
    }
    return text;
  }
  // A row's time is its partition's day, the day before, or, seldom, the day after; times repeat,
  // so that ties are frequent.
  std::vector<Row> RandomRows(Random& random, int day) {
    std::vector<Row> rows;
    for (uint64_t i = 0, count = random.Below(8); i < count; ++i) {
      const int of = day - (random.OneIn(4) ? 1 : 0) + (random.OneIn(9) ? 1 : 0);
      const int64_t time =
          ToMillis(DayAt(of).Start()) + static_cast<int64_t>(random.Below(3)) * (kDay.count() / 3);
      rows.push_back(
          {static_cast<int64_t>(random.Below(4)),
           random.OneIn(5) ? Value() : Value(0.1 * static_cast<double>(random.Below(99))),
           std::string(1, static_cast<char>('a' + random.Below(4))), time});
    }
    return rows;
  }
};

// COUNT SUM AVERAGE MIN MAX FIRST LAST UNIQUE_COUNT LAST_K HISTOGRAM VARIANCE APPROX_UNIQUE_COUNT
std::string RandomAggregations(Random& random) {
  const auto windows = [&] {
    constexpr const char* kWindows[] = {
        R"({"length": 1, "timeUnit": 1})", R"({"length": 48, "timeUnit": 0})",
        R"({"length": 3, "timeUnit": 1})", R"({"length": 14, "timeUnit": 1})"};
    const size_t first = random.Below(3);
    return std::string(R"(, "windows": [)") + kWindows[first] + ", " +
           kWindows[first + 1 + random.Below(3 - first)] + "]}";
  };
  std::string text;
  for (const int operation : {6, 7, 8, 0, 1, 2, 3, 9}) {
    text +=
        R"({"inputColumn": "amount", "operation": )" + std::to_string(operation) + windows() + ", ";
  }
  text += R"({"inputColumn": "item", "operation": 5)" + windows() + ", ";
  text += R"({"inputColumn": "item", "operation": 4)" + windows() + ", ";
  text += R"({"inputColumn": "item", "operation": 17)" + windows() + ", ";
  text += R"({"inputColumn": "item", "operation": 13, "argMap": {"k": "3"})" + windows() + ", ";
  text += R"({"inputColumn": "amount", "operation": 7, "buckets": ["item"])" + windows();
  return text;
}

TEST_F(IncrementalFeaturesTest, EqualsTheValuesWithoutHops) {
  testing::ForSeeds(6, [&](Random& random) {
    std::filesystem::remove_all(root_ + "/t.db");
    const bool two_sources = random.OneIn(2);
    for (int day = 0; day < kDays; ++day) {
      Write("t.events", FormatDate(DayAt(day)), kColumns, RandomRows(random, day));
      if (two_sources) {
        Write("t.more", FormatDate(DayAt(day)), kColumns, RandomRows(random, day));
      }
    }
    const std::string aggregations = RandomAggregations(random);
    const std::string sources = Source("t.events") + (two_sources ? ", " + Source("t.more") : "");
    const conf::Conf full = GroupBy("full", false, aggregations, sources);
    const conf::Conf incremental = GroupBy("inc", true, aggregations, sources);
    int day = static_cast<int>(random.Below(3));
    while (day < kDays) {
      const int last = std::min<int>(kDays - 1, day + static_cast<int>(random.Below(4)));
      Backfilled(full, FormatDate(DayAt(day)), FormatDate(DayAt(last)));
      Backfilled(incremental, FormatDate(DayAt(day)), FormatDate(DayAt(last)));
      day = last + 1;
    }
    EXPECT_EQ(Everything("t.inc"), Everything("t.full"));
  });
}

constexpr char kSum[] = R"({"inputColumn": "amount", "operation": 7,
                            "windows": [{"length": 3, "timeUnit": 1}]})";

TEST_F(IncrementalFeaturesTest, LaterDaysReadOnlyWhatIsNew) {
  for (int day = 0; day < 5; ++day) {
    Write("t.events", FormatDate(DayAt(day)), kColumns,
          {{7, 1.5, "a", ToMillis(DayAt(day).Start())}});
  }
  const conf::Conf conf = GroupBy("inc", true, kSum, Source("t.events"));
  EXPECT_EQ(Backfilled(conf, "2026-03-04", "2026-03-04").steps[0].rows_read, 4u);
  const RunReport next = Backfilled(conf, "2026-03-05", "2026-03-05");
  EXPECT_EQ(next.steps[0].rows_read, 1u);
  EXPECT_THAT(next.steps[0].notes, Contains("hops computed in t.inc_daily_inc: 2026-03-05"));
  EXPECT_THAT(next.steps[0].notes, Contains("hops reused: 2026-03-02..2026-03-04"));
  EXPECT_EQ(PrintRows(ReadTable("t.inc", {"amount_sum_3d"})), "[4.5]\n[4.5]\n");
  // A partition that was replaced has new hops, though its day is not in the range.
  Write("t.events", "2026-03-04", kColumns, {{7, 10.0, "a", At("2026-03-04")}});
  OrStop(warehouse_->Find("t.inc")->DropPartition(Day("2026-03-05")));
  EXPECT_EQ(Backfilled(conf, "2026-03-05", "2026-03-05").steps[0].rows_read, 1u);
  EXPECT_EQ(PrintRows(ReadTable("t.inc", {"amount_sum_3d"})), "[4.5]\n[13.0]\n");
  // Hops of another definition are not taken for this one's.
  std::string max = kSum;
  max.replace(max.find("7"), 1, "1");
  Backfilled(GroupBy("inc", true, max, Source("t.events")), "2026-03-05", "2026-03-05");
  EXPECT_EQ(ReadTable("t.inc_daily_inc", {"user"}).size(), 5u);
  EXPECT_EQ(warehouse_->Find("t.inc")->SchemaOf()->ToString(),
            "user LONG, amount_sum_3d DOUBLE, amount_max_3d DOUBLE");
}

TEST_F(IncrementalFeaturesTest, SaysWhatItIsNotFor) {
  Write("t.events", kFirstDay, kColumns, {{7, 1.5, "a", At(kFirstDay)}});
  const auto error = [&](const std::string& aggregations, const std::string& sources) {
    const auto report = Backfill(context_, GroupBy("inc", true, aggregations, sources),
                                 {Day(kFirstDay), Day(kFirstDay)});
    return report.ok() ? "" : report.error().message;
  };
  EXPECT_THAT(error(R"({"inputColumn": "amount", "operation": 7})", Source("t.events")),
              HasSubstr("isIncremental is for windows of whole days"));
  EXPECT_THAT(error(R"({"inputColumn": "amount", "operation": 7,
                        "windows": [{"length": 5, "timeUnit": 0}]})",
                    Source("t.events")),
              HasSubstr("windows of whole days"));
  EXPECT_THAT(error(kSum, Source("t.events", R"(, "isCumulative": true)")),
              HasSubstr("events, not cumulative ones"));
  EXPECT_FALSE(warehouse_->Find("t.inc_daily_inc")->Exists());
}

}  // namespace
}  // namespace catena::batch
