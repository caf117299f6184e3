// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/streaming_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/base/json.h"

namespace catena::plan {
namespace {

using ::testing::HasSubstr;

std::string Planned(const std::string& group_by) {
  const conf::Conf conf = *conf::ParseConf(*ParseJson(group_by, "test"), "test");
  const auto plan = PlanStreaming({&conf, 1});
  return plan.ok() ? plan->ToString() : plan.error().message;
}

TEST(StreamingPlanTest, OfEntitiesMutationsStreamAndWhatDoesNotSaysWhy) {
  const auto group_by = [](const std::string& sources) {
    return R"({"metaData": {"name": "g"}, "accuracy": 0, "keyColumns": ["k"],
      "aggregations": [{"inputColumn": "v", "operation": 7}], "sources": [)" +
           sources + "]}";
  };
  const auto entities = [](const std::string& topic) {
    return R"({"entities": {"snapshotTable": "t.s", "mutationTable": "t.m", )" + topic +
           R"("query": {"selects": {"k": "k", "v": "v"}}}})";
  };
  const std::string streams = entities(R"("mutationTopic": "m", )");
  EXPECT_THAT(Planned(group_by(streams)), HasSubstr("mutations: the source of g is entities"));
  EXPECT_THAT(Planned(group_by(entities(""))), HasSubstr("its entities have no mutationTopic"));
  EXPECT_THAT(Planned(group_by(streams + "," + streams)), HasSubstr("entities of several tables"));
  EXPECT_THAT(Planned(group_by(R"({"joinSource": {"query": {"timeColumn": "ts"},
      "join": {"metaData": {"name": "p"}, "left": )" +
                               streams + R"(, "joinParts": []}}})")),
              HasSubstr("the left side of a chain is entities"));
}

}  // namespace
}  // namespace catena::plan
