// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/source_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/base/log.h"
#include "catena/batch/source_rows.h"
#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

conf::EventSource Payments(const std::string& time_column = "ts") {
  conf::EventSource source;
  source.table = "t.payments";
  source.query.time_column.spark = time_column;
  return source;
}

// The findings of three rows of each of two days; the times are those of noon, by `unit`.
std::vector<SourceTimes::Finding> FindingsOf(int64_t (*unit)(int64_t millis)) {
  SourceTimes times;
  const Date first = Day("2026-03-05");
  std::vector<int64_t> values;
  std::vector<Date> days;
  for (const Date day : {first, first + 1}) {
    for (int i = 0; i < 3; ++i) {
      values.push_back(unit(ToMillis(day.Start()) + 43'200'000 + i * 1000));
      days.push_back(day);
    }
  }
  times.Add(Payments("paid_at"), values, days);
  times.Add(Payments("paid_at"), values, days);  // Read once more, by another part.
  return times.Findings();
}

TEST(SourceTimesTest, TimesWithinTheirDaysAreNoFinding) {
  EXPECT_THAT(FindingsOf([](int64_t millis) { return millis; }), IsEmpty());
  EXPECT_THAT(FindingsOf([](int64_t) { return kNoTime; }), IsEmpty());
}

TEST(SourceTimesTest, SaysWhichUnitIsProbableAndWhatToWrite) {
  auto findings = FindingsOf([](int64_t millis) { return millis / 1000; });
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(findings[0].wrong_unit);
  EXPECT_EQ(findings[0].sentence,
            "6 of 6 rows have a time outside the day of their partition, 6 of them before 1971: "
            "t.payments; times look like seconds: the median is 1772798400 in the partition "
            "2026-03-06; say Query(time_column=\"paid_at * 1000\")");
  findings = FindingsOf([](int64_t millis) { return millis * 1000; });
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].sentence, HasSubstr("microseconds"));
  EXPECT_THAT(findings[0].sentence, HasSubstr("CAST(paid_at / 1000 AS BIGINT)"));
  findings = FindingsOf([](int64_t millis) { return millis * 1'000'000; });
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].sentence, HasSubstr("CAST(paid_at / 1000000 AS BIGINT)"));
}

TEST(SourceTimesTest, RowsThatLandedLateAreCountedAndNotAnotherUnit) {
  const auto findings = FindingsOf([](int64_t millis) { return millis - 86'400'000; });
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].wrong_unit);
  EXPECT_THAT(findings[0].sentence, HasSubstr("6 of 6 rows"));
  EXPECT_THAT(findings[0].sentence, Not(HasSubstr("look like")));
}

class SourceTimesInReportsTest : public ::testing::Test, protected TemporaryWarehouse {};

TEST_F(SourceTimesInReportsTest, TheRunReportHasThem) {
  Write("t.left", "2026-03-05", "user STRING, ts LONG", {{"u", At("2026-03-05", 12)}});
  Write("t.payments", "2026-03-05", "user STRING, amount LONG, ts LONG",
        {{"u", 5, At("2026-03-05", 3) / 1000}, {"u", 6, At("2026-03-05", 4) / 1000}});
  const conf::Conf conf = ConfOf(R"json({"metaData": {"name": "j", "outputNamespace": "t"},
    "left": {"events": {"table": "t.left", "query": {"timeColumn": "ts"}}},
    "joinParts": [{"groupBy": {"metaData": {"name": "g"}, "keyColumns": ["user"], "accuracy": 0,
      "aggregations": [{"inputColumn": "amount", "operation": 7,
                        "windows": [{"length": 1, "timeUnit": 1}]}],
      "sources": [{"events": {"table": "t.payments", "query": {"timeColumn": "ts"}}}]}}]})json");
  ::testing::internal::CaptureStderr();
  const RunReport report = Backfilled(conf, "2026-03-05", "2026-03-05");
  const std::string logged = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(report.steps[0].notes,
              ::testing::ElementsAre(HasSubstr("2 of 2 rows have a time outside the day")));
  if (!LogEnabled(LogLevel::kWarn)) return;  // CATENA_LOG=error.
  EXPECT_THAT(logged, HasSubstr("event_times"));
  EXPECT_THAT(logged, HasSubstr("Query(time_column=\"ts * 1000\")"));
}

}  // namespace
}  // namespace catena::batch
