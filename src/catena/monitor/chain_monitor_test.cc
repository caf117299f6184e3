// SPDX-License-Identifier: Apache-2.0
#include "catena/monitor/chain_monitor.h"

#include <gtest/gtest.h>

#include "catena/fetch/online_state.h"
#include "catena/topic/topic.h"

namespace catena::monitor {
namespace {

constexpr char kGroupBy[] = "fraud.user_risk.v1";

// A stream whose job is this test: it appends, folds and reports when it is told to.
class ChainMonitorTest : public testing::Test {
 protected:
  ChainMonitorTest()
      : clock_(FromMillis(1'763'640'000'000)),
        topic_("memory:" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name())),
        store_(std::move(*kv::OpenKVStore("memory:", kv::OpenMode::kOwn))) {
    const auto address = *topic::ParseTopicAddress(topic_, "");
    EXPECT_TRUE(topic::CreateTopic(address, 1).ok());
    writer_ = std::move(*topic::OpenTopicWriter(address, clock_));
  }

  void Append(int records) {
    for (int i = 0; i < records; ++i) ASSERT_TRUE(writer_->Append({{"k", "{}"}}).ok());
  }
  void Fold(int64_t next_offset) {
    fetch::Checkpoint checkpoint;
    checkpoint.next_offset = checkpoint.folded = next_offset;
    checkpoint.watermark = ToMillis(clock_.Now());
    ASSERT_TRUE(store_->Apply({{}, {fetch::CheckpointMark(kGroupBy, 0, checkpoint)}}).ok());
  }
  void Report(double latency_p99) {
    streaming::ChainReport report;
    report.group_by = kGroupBy;
    report.topic = topic_;
    report.chained = true;
    report.written_at = clock_.Now();
    report.join_input_rate = 100;
    report.join_output_rate = 90;
    report.join_latency_p99 = 3;
    report.groupby_state_size = 2048;
    report.chain_total_latency = latency_p99;
    ASSERT_TRUE(store_->Apply({{}, {streaming::ReportMark(report)}}).ok());
  }
  ChainHealth Check() {
    auto chains = monitor_.Check();
    EXPECT_TRUE(chains.ok());
    EXPECT_EQ(chains->size(), 1u);
    return (*chains)[0];
  }
  static std::vector<std::string> Texts(const ChainHealth& chain) {
    std::vector<std::string> texts;
    for (const Alert& alert : chain.alerts) texts.push_back(alert.text);
    return texts;
  }

  SimulatedClock clock_;
  std::string topic_;
  std::unique_ptr<kv::KVStore> store_;
  std::unique_ptr<topic::TopicWriter> writer_;
  ChainMonitor monitor_{store_.get(), MonitorOptions{}, &clock_};
};

using Names = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(ChainMonitorTest, AJobThatSaysThatItWaitsIsAnAlertForAsLongAsItSaysSo) {
  Append(1);
  Fold(1);
  streaming::ChainReport report;
  report.group_by = kGroupBy;
  report.topic = topic_;
  report.written_at = report.stalled_since = clock_.Now();
  report.stalled = "no broker answers";
  const auto write = [&] {
    report.written_at = clock_.Now();
    ASSERT_TRUE(store_->Apply({{}, {streaming::ReportMark(report)}}).ok());
  };
  write();
  EXPECT_EQ(Texts(Check()), Names{});
  clock_.Advance(seconds{2});
  write();
  const ChainHealth chain = Check();
  EXPECT_EQ(Texts(chain), Names{std::string(kStalledText)});
  EXPECT_EQ(chain.alerts[0].value, 2000);
  EXPECT_EQ(chain.problem, "stalled: no broker answers");
  clock_.Advance(seconds{60});  // It died meanwhile.
  EXPECT_EQ(Texts(Check()), Names{});
  write();
  EXPECT_EQ(Texts(Check()), Names{std::string(kStalledText)});
  report.stalled = "";
  write();
  EXPECT_EQ(Texts(Check()), Names{});
}

TEST_F(ChainMonitorTest, ShowsWhatTheJobReports) {
  Append(2);
  Fold(2);
  Report(7);
  const ChainHealth chain = Check();
  EXPECT_FALSE(chain.stale);
  EXPECT_EQ(chain.report.join_input_rate, 100);
  EXPECT_EQ(chain.report.groupby_input_lag, 0);
  EXPECT_EQ(chain.report.counts.at("folded"), 2);  // Of the checkpoint, not of the report.
  EXPECT_EQ(chain.report.chain_total_latency, 7);
  EXPECT_TRUE(chain.alerts.empty());
}

TEST_F(ChainMonitorTest, MeasuresTheLagOfAJobThatDied) {
  Append(1);
  Fold(1);
  Report(7);
  Append(3);
  clock_.Advance(seconds(20));
  const ChainHealth chain = Check();
  EXPECT_TRUE(chain.stale);
  EXPECT_EQ(chain.report_age, seconds(20));
  EXPECT_EQ(chain.records_waiting, 3);
  EXPECT_EQ(chain.report.groupby_input_lag, 20000);
  EXPECT_EQ(chain.report.join_input_rate, 0);
  EXPECT_EQ(chain.report.groupby_state_size, 2048);
}

TEST_F(ChainMonitorTest, OfASharedTopicItShowsWhatTheProcessKnows) {
  Append(3);
  streaming::ChainReport report;
  report.group_by = kGroupBy;
  report.topic = topic_;
  report.shared = true;
  report.written_at = clock_.Now();
  report.groupby_input_lag = 12;
  report.counts = {{"folded", 2}};
  ASSERT_TRUE(store_->Apply({{}, {streaming::ReportMark(report)}}).ok());
  clock_.Advance(seconds(2));  // The records wait, for all that one state knows.
  const ChainHealth chain = Check();
  EXPECT_EQ(chain.report.groupby_input_lag, 12);
  EXPECT_EQ(chain.report.counts.at("folded"), 2);
  EXPECT_EQ(Texts(chain), Names{});
  EXPECT_TRUE(HealthToJson({chain})["chains"][0]["records_waiting"].is_null());

  clock_.Advance(seconds(70));  // It is gone, and what it had is with others.
  const ChainHealth gone = Check();
  EXPECT_TRUE(gone.stale);
  EXPECT_EQ(gone.report.groupby_input_lag, 0);
  EXPECT_EQ(Texts(gone), Names{});
  EXPECT_NE(HealthTable({gone}).find("with those that share them"), std::string::npos);
}

TEST_F(ChainMonitorTest, BothAlertsFireAndClear) {
  Append(1);
  Report(7);
  clock_.Advance(milliseconds(30000));
  EXPECT_EQ(Texts(Check()), Names{});  // A threshold is passed, not reached.
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(Texts(Check()), Names{std::string(kSlowText)});
  clock_.Advance(seconds(30));
  EXPECT_EQ(Texts(Check()), (Names{std::string(kBehindText), std::string(kSlowText)}));

  Fold(1);
  Report(60001);  // The record that waited, once it was folded.
  EXPECT_EQ(Texts(Check()), Names{std::string(kSlowText)});
  clock_.Advance(seconds(10));
  Report(4);
  EXPECT_EQ(Texts(Check()), Names{});
}

TEST_F(ChainMonitorTest, AlertClearsOnlyBelowNineTenths) {
  Fold(0);
  Report(31000);
  EXPECT_EQ(Texts(Check()), Names{std::string(kSlowText)});
  Report(28000);
  EXPECT_EQ(Texts(Check()), Names{std::string(kSlowText)});
  Report(27000);
  EXPECT_EQ(Texts(Check()), Names{});
  Report(28000);
  EXPECT_EQ(Texts(Check()), Names{});
}

TEST_F(ChainMonitorTest, ThresholdsComeFromTheOptions) {
  ChainMonitor strict(store_.get(), {.lag_alert_millis = 500, .latency_alert_millis = 1e9},
                      &clock_);
  Append(1);
  Report(0);
  clock_.Advance(milliseconds(501));
  const auto chains = strict.Check();
  ASSERT_TRUE(chains.ok());
  EXPECT_EQ(Texts((*chains)[0]), Names{std::string(kBehindText)});
}

TEST_F(ChainMonitorTest, TellsWhenTheTopicIsGone) {
  topic_ = "memory:there-is-no-such-topic";
  Report(7);
  clock_.Advance(seconds(70));
  const ChainHealth chain = Check();
  EXPECT_FALSE(chain.problem.empty());
  EXPECT_EQ(Texts(chain), (Names{std::string(kBehindText)}));
}

TEST_F(ChainMonitorTest, JsonHasTheEightMetricsByTheirNames) {
  Report(7);
  const Json json = HealthToJson({Check()});
  const Json& metrics = json["chains"][0]["metrics"];
  EXPECT_EQ(json["chains"][0]["group_by"], kGroupBy);
  EXPECT_EQ(metrics.size(), 8u);
  for (const char* name : {"join.input.rate", "join.output.rate", "join.latency.p99",
                           "groupby.input.lag", "groupby.state.size", "groupby.window.updates",
                           "chain.total.latency", "chain.data.quality"}) {
    EXPECT_TRUE(metrics.contains(name)) << name;
  }
}

TEST_F(ChainMonitorTest, TableLinesHaveOneWidth) {
  Report(7);
  const std::string table = HealthTable({Check()});
  const size_t first = table.find('\n');
  EXPECT_EQ(table.find('\n', first + 1) - first - 1, first);
  EXPECT_NE(table.find("2.0 KiB"), std::string::npos);
}

}  // namespace
}  // namespace catena::monitor
