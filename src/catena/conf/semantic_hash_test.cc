// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/semantic_hash.h"

#include <gtest/gtest.h>

#include "catena/conf/conf.h"

namespace catena::conf {
namespace {

Json Chain() {
  return *ParseJson(R"json({
    "metaData": {"name": "a.child", "team": "a", "outputNamespace": "a"},
    "keyColumns": ["user"], "aggregations": [{"inputColumn": "risk", "operation": 8}],
    "sources": [{"joinSource": {
      "query": {"selects": {"user": "user", "risk": "gb_score_last"}, "timeColumn": "ts"},
      "join": {"metaData": {"name": "a.parent"},
        "left": {"events": {"table": "a.tx", "topic": "tx",
                            "query": {"startPartition": "2026-01-01"}}},
        "joinParts": [{"groupBy": {"metaData": {"name": "gb"}, "keyColumns": ["merchant"],
          "aggregations": [{"inputColumn": "score", "operation": 3}],
          "sources": [{"events": {"table": "a.scores"}}]}}]}}}]})json",
                    "test");
}

std::string Meaning(const Json& json) {
  auto conf = ParseConf(json, "test");
  EXPECT_TRUE(conf.ok()) << conf.error().message;
  return MeaningOf(*conf->group_by());
}

TEST(SemanticHashTest, StaysWhenOnlyWordsChange) {
  Json json = Chain();
  const std::string before = Meaning(json);
  EXPECT_EQ(before.size(), 16u);
  json["metaData"]["team"] = "b";
  json["metaData"]["online"] = 1;
  Json& left = json["sources"][0]["joinSource"]["join"]["left"]["events"];
  left["topic"] = "kafka-tx";
  left["query"]["startPartition"] = "2025-01-01";
  // A nested definition of another accuracy would change; here it is what is inferred anyway.
  json["accuracy"] = 0;
  EXPECT_EQ(Meaning(json), before);
}

TEST(SemanticHashTest, ChangesWithAnythingBelow) {
  const std::string before = Meaning(Chain());
  Json operation = Chain();
  operation["aggregations"][0]["operation"] = 1;
  EXPECT_NE(Meaning(operation), before);
  Json parent = Chain();
  parent["sources"][0]["joinSource"]["join"]["joinParts"][0]["groupBy"]["aggregations"][0]
        ["operation"] = 2;
  EXPECT_NE(Meaning(parent), before);
  Json table = Chain();
  table["sources"][0]["joinSource"]["join"]["left"]["events"]["table"] = "a.other";
  EXPECT_NE(Meaning(table), before);
  Json where = Chain();
  where["sources"][0]["joinSource"]["query"]["wheres"] = Json::array({"risk"});
  EXPECT_NE(Meaning(where), before);
  Json exact = Chain();
  exact["metaData"]["customJson"] = R"({"exact_windows": true})";
  EXPECT_NE(Meaning(exact), before);
  exact["metaData"]["customJson"] = R"({"exact_windows": false})";
  EXPECT_EQ(Meaning(exact), before);
  Json plain = Chain();
  plain["aggregations"][0]["argMap"] = {{"sum", "plain"}};
  EXPECT_NE(Meaning(plain), before);
}

}  // namespace
}  // namespace catena::conf
