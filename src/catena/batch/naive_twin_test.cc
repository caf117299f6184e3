// SPDX-License-Identifier: Apache-2.0
// Backfills of random tables against the definition: for each left row, scan all events.
#include "catena/batch/random_warehouse.h"
#include "catena/testing/property.h"

namespace catena::batch {
namespace {

class NaiveTwinTest : public WarehouseTest {
 protected:
  void Clear() {
    TearDown();
    SetUp();
  }
};

TEST_F(NaiveTwinTest, JoinAnswersAsTheDefinition) {
  testing::ForSeeds(12, [&](Random& random) {
    Clear();
    const RandomEvents events = MakeEvents(random, 300, 5);
    WriteEvents(*warehouse_, events);
    std::vector<std::vector<Row>> queries(RandomEvents::kDays);
    for (int i = 0; i < 120; ++i) {
      const int64_t begin = At(RandomEvents::kFirstDay);
      const int64_t time =
          testing::RandomTime(random, begin, RandomEvents::kDays * kDay.count());
      queries[static_cast<size_t>((time - begin) / kDay.count())].push_back(
          {i, random.OneIn(15) ? Value() : Value(KeyName(random.Below(7))), time});
    }
    const Date first = Day(RandomEvents::kFirstDay);
    for (int d = 0; d < RandomEvents::kDays; ++d) {
      Write("t.queries", FormatDate(first + d), "qid LONG, key STRING, ts LONG", queries[d]);
    }
    const auto accuracy = random.OneIn(2) ? conf::Accuracy::kTemporal : conf::Accuracy::kSnapshot;
    const conf::Conf conf = ConfOf(
        R"({"metaData": {"name": "j", "outputNamespace": "t"},
            "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
            "joinParts": [{"groupBy": )" + RandomGroupByJson(random, accuracy) + "}]}");
    // In two steps, so that the second reuses the first.
    const Date middle = first + 3;
    Backfilled(conf, FormatDate(first), FormatDate(middle));
    Backfilled(conf, FormatDate(first), FormatDate(first + RandomEvents::kDays - 1));

    const conf::GroupBy& group_by = *conf.join()->join_parts[0].group_by;
    std::vector<std::string> columns{"key", "ts"};
    for (const auto& output : conf::OutputsOf(group_by)) columns.push_back("gb_" + output.name);
    const std::vector<Row> rows = ReadTable("t.j", columns);
    ASSERT_EQ(rows.size(), 120u);
    for (const Row& row : rows) {
      int64_t query = std::get<int64_t>(row[1].data);
      if (accuracy == conf::Accuracy::kSnapshot) query = FloorMillis(query, kDay.count());
      const Row expected = NaiveAt(events, group_by, row[0], query);
      ASSERT_EQ(PrintRows({Row(row.begin() + 2, row.end())}), PrintRows({expected}))
          << "key and query " << PrintRows({Row(row.begin(), row.begin() + 2)});
    }
  });
}

TEST_F(NaiveTwinTest, DailyFeaturesAnswerAsTheDefinition) {
  testing::ForSeeds(12, [&](Random& random) {
    Clear();
    const RandomEvents events = MakeEvents(random, 200, 6);
    WriteEvents(*warehouse_, events);
    const conf::Conf conf = ConfOf(RandomGroupByJson(random, conf::Accuracy::kSnapshot));
    const conf::GroupBy& group_by = *conf.group_by();
    Backfilled(conf, "2026-03-02", "2026-03-05");
    std::vector<std::string> columns{"key"};
    for (const auto& output : conf::OutputsOf(group_by)) columns.push_back(output.name);
    std::string expected;
    for (const char* day : {"2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"}) {
      const int64_t end = ToMillis(Day(day).End());
      const auto window = plan::LongestWindow(group_by);
      conf::AggregationOutput widest;
      widest.windowed = window.has_value();
      if (window) {
        widest.window = {static_cast<int32_t>(*window / std::chrono::minutes{1}),
                         conf::TimeUnit::kMinutes};
      }
      for (int k = 0; k < 6; ++k) {
        const auto rows = events.RowsOf(KeyName(k));
        const bool inside = std::any_of(rows.begin(), rows.end(), [&](uint32_t row) {
          return testing::NaiveInside(events.times[row], end, widest);
        });
        if (!inside) continue;
        Row row{KeyName(k)};
        for (Value& value : NaiveAt(events, group_by, KeyName(k), end)) row.push_back(value);
        expected += PrintRows({row});
      }
    }
    EXPECT_EQ(PrintRows(ReadTable("t.gb", columns)), expected);
  });
}

}  // namespace
}  // namespace catena::batch
