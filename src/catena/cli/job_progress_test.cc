// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/job_progress.h"

#include <gtest/gtest.h>

namespace catena::cli {
namespace {

plan::BackfillPlan PlanOf(const std::vector<uint64_t>& rows) {
  plan::BackfillPlan plan;
  for (const uint64_t of_step : rows) {
    plan.steps.emplace_back().estimate = plan::StepEstimate{of_step, 0, of_step, 0};
  }
  return plan;
}

TEST(JobMeterTest, TellsRowsTheirRateBytesAndWhatIsLeft) {
  SimulatedClock clock(FromMillis(1'000'000));
  JobMeter meter(&clock);
  meter.BeginPlan(PlanOf({1000, 3000}));
  meter.BeginStep(0);
  EXPECT_EQ(meter.Text(), "0 of about 4000 rows, 0 bytes");
  clock.Advance(Millis{10'000});
  meter.AddPartition(400, 1234);
  EXPECT_EQ(meter.Text(), "400 of about 4000 rows, 40 rows/s, 1.2 KB, 01:30 left");
  meter.SetStepRows(1000);
  EXPECT_DOUBLE_EQ(*meter.Part(), 0.25);
  clock.Advance(Millis{3'590'000});
  EXPECT_EQ(meter.Text(), "1000 of about 4000 rows, 0 rows/s, 1.2 KB, 3:00:00 left");
}

TEST(JobMeterTest, AStepThatGaveLessThanPlannedCountsAsDone) {
  SimulatedClock clock(FromMillis(0));
  JobMeter meter(&clock);
  meter.BeginPlan(PlanOf({1000, 1000}));
  meter.BeginStep(0);
  meter.AddPartition(10, 1);
  meter.BeginStep(1);
  EXPECT_DOUBLE_EQ(*meter.Part(), 0.5);
  meter.AddPartition(5000, 1);  // More than planned: not more than all.
  EXPECT_DOUBLE_EQ(*meter.Part(), 1);
  EXPECT_EQ(meter.Text(), "5010 of about 2000 rows, 2 bytes");
}

TEST(JobMeterTest, WithoutEstimatesThereIsNoEnd) {
  SimulatedClock clock(FromMillis(0));
  JobMeter meter(&clock);
  plan::BackfillPlan plan;
  plan.steps.resize(1);
  meter.BeginPlan(plan);
  meter.BeginStep(0);
  meter.AddPartition(7, 900);
  EXPECT_FALSE(meter.Part().has_value());
  EXPECT_EQ(meter.Text(), "7 rows, 900 bytes");
}

}  // namespace
}  // namespace catena::cli
