// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/crew.h"

#include <gtest/gtest.h>

namespace catena::streaming {
namespace {

// The crews of a topic's tasks, by task.
std::vector<int> CrewsOf(CrewPlan plan, const std::string& topic, int tasks) {
  std::vector<int> crews;
  for (int i = 0; i < tasks; ++i) crews.push_back(plan.ThreadOf(topic, /*alone=*/false));
  return crews;
}

CrewPlan PlanOf(int cores, int payments, int risks) {
  CrewPlan plan(cores);
  for (int i = 0; i < payments; ++i) plan.Count("payments");
  for (int i = 0; i < risks; ++i) plan.Count("risks");
  return plan;
}

TEST(CrewPlanTest, WithEnoughCoresEachTaskIsOnItsOwn) {
  EXPECT_EQ(CrewsOf(PlanOf(4, 3, 1), "payments", 3), (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(CrewsOf(PlanOf(2, 1, 1), "payments", 1), (std::vector<int>{1}));
}

TEST(CrewPlanTest, WithFewerNeighboursOfAChainAreTogether) {
  EXPECT_EQ(CrewsOf(PlanOf(2, 3, 1), "payments", 3), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(CrewsOf(PlanOf(3, 3, 1), "payments", 3), (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(CrewsOf(PlanOf(4, 7, 1), "payments", 7), (std::vector<int>{0, 0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(CrewsOf(PlanOf(1, 2, 2), "risks", 2), (std::vector<int>{0, 0}));
}

TEST(CrewPlanTest, CoresAreDealtOutEvenly) {
  EXPECT_EQ(PlanOf(8, 2, 1).CoresOfTask(), 2);
  EXPECT_EQ(PlanOf(2, 3, 1).CoresOfTask(), 0);
}

TEST(CrewPlanTest, WhoIsToBeAloneIs) {
  CrewPlan plan = PlanOf(1, 3, 0);
  EXPECT_EQ(plan.ThreadOf("payments", false), 0);
  EXPECT_EQ(plan.ThreadOf("payments", true), 4);
  EXPECT_EQ(plan.ThreadOf("payments", false), 0);
}

}  // namespace
}  // namespace catena::streaming
