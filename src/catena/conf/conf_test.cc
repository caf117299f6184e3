// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/conf.h"

#include <gtest/gtest.h>

#include <set>

#include "catena/conf/dialect.h"
#include "catena/conf/output_names.h"

namespace catena::conf {
namespace {

constexpr char kChain[] = R"json({
  "metaData": {"name": "fraud.user-risk.v1", "outputNamespace": "fraud", "team": "fraud"},
  "keyColumns": ["user_id"],
  "aggregations": [
    {"inputColumn": "risk", "operation": 8,
     "windows": [{"length": 1, "timeUnit": 0}, {"length": 7, "timeUnit": 1}]},
    {"inputColumn": "risk", "operation": 13, "argMap": {"k": "3"}}],
  "sources": [{"joinSource": {
    "query": {"selects": {"user_id": "user_id", "risk": "coalesce(r, 0)"}, "timeColumn": "ts"},
    "join": {
      "metaData": {"name": "enriched"},
      "left": {"events": {"table": "pay.tx", "topic": "tx"}},
      "joinParts": [{"prefix": "p", "keyMapping": {"m": "merchant"}, "groupBy": {
        "metaData": {"name": "risk"}, "keyColumns": ["merchant"],
        "sources": [{"entities": {"snapshotTable": "m.p"}}]}}]}}}],
  "catena": {"sql": {"coalesce(r, 0)": "COALESCE(r, 0)"},
             "schemas": {"pay.tx": [["user_id", "LONG"]]}}})json";

TEST(ConfTest, RefusesAnObjectCatenaOfAnotherVersion) {
  Json json = *ParseJson(kChain, "test");
  for (const Json& version : {Json(2), Json("1"), Json(1.5)}) {
    json["catena"]["version"] = version;
    const auto conf = ParseConf(json, "test");
    ASSERT_FALSE(conf.ok()) << version;
    EXPECT_EQ(conf.error().code, ErrorCode::kInvalidConf);
    EXPECT_NE(conf.error().message.find("test: catena.version: this catena reads version 1; "),
              std::string::npos)
        << conf.error().message;
  }
  json["catena"]["version"] = 1;
  EXPECT_TRUE(ParseConf(json, "test").ok());
}

TEST(ConfTest, ReadsAChainWithTranslationsAndSchemas) {
  auto conf = ParseConf(*ParseJson(kChain, "test"), "test");
  ASSERT_TRUE(conf.ok()) << conf.error().message;
  const GroupBy& group_by = *conf->group_by();
  EXPECT_EQ(group_by.accuracy, Accuracy::kTemporal);
  const JoinSource* chain = ChainOf(group_by);
  ASSERT_NE(chain, nullptr);
  EXPECT_EQ(chain->query.selects[0].second.duckdb, "COALESCE(r, 0)");
  EXPECT_EQ(TopicOf(group_by.sources[0]), "tx");
  EXPECT_EQ(chain->join->join_parts[0].group_by->accuracy, Accuracy::kSnapshot);
  EXPECT_EQ(LeftKeys(chain->join->join_parts[0]), std::vector<std::string>{"m"});
  EXPECT_EQ(ColumnPrefix(chain->join->join_parts[0]), "p_risk_");
  EXPECT_EQ(conf->schemas.at("pay.tx").ToString(), "user_id LONG");
}

TEST(ConfTest, SpellsOutputsAsChrononDoes) {
  auto conf = ParseConf(*ParseJson(kChain, "test"), "test");
  ASSERT_TRUE(conf.ok());
  std::vector<std::string> names;
  for (const auto& output : OutputsOf(*conf->group_by())) names.push_back(output.name);
  EXPECT_EQ(names, (std::vector<std::string>{"risk_average_1h", "risk_average_7d", "risk_last3"}));
  EXPECT_EQ(OutputTable(conf->metadata()), "fraud.fraud_user_risk_v1");
}

TEST(ConfTest, RefusesTwoOutputsOfOneName) {
  for (const char* second : {R"("operation": 17, "argMap": {"k": "3"})", R"("operation": 17)",
                             R"("operation": 17, "elementWise": true)"}) {
    const std::string text =
        R"({"metaData": {"name": "g"}, "keyColumns": ["k"],
            "sources": [{"events": {"table": "t.e"}}],
            "aggregations": [{"inputColumn": "v", "operation": 17}, {"inputColumn": "v", )" +
        std::string(second) + "}]}";
    const auto conf = ParseConf(*ParseJson(text, "test"), "g");
    ASSERT_FALSE(conf.ok()) << second;
    EXPECT_NE(conf.error().message.find("same output name; give one of them another input column "
                                        "name in the selects: v_histogram"),
              std::string::npos)
        << conf.error().message;
  }
}

TEST(ConfTest, WhatToWaitForIsNoPartOfATable) {
  const char* text = R"({"metaData": {"name": "g"}, "keyColumns": ["k"],
    "sources": [{"entities": {"snapshotTable": "t.s", "mutationTable": "t.m/hr=00:00"}}]})";
  const auto conf = ParseConf(*ParseJson(text, "test"), "g");
  ASSERT_TRUE(conf.ok()) << conf.error().message;
  const auto& source = std::get<EntitySource>(conf->group_by()->sources[0]);
  EXPECT_EQ(source.snapshot_table, "t.s");
  EXPECT_EQ(source.mutation_table, "t.m");
}

TEST(ConfTest, NamesEveryViolationWithItsPath) {
  const char* text = R"json({"metaData": {"name": "a/../b",
      "customJson": "{\"exact_windows\": \"yes\"}"}, "keyColumns": [],
    "aggregations": [{"operation": 99, "windows": [{"length": 0, "timeUnit": 7}]}],
    "sources": [{"events": {"query": {"startPartition": "yesterday",
      "partitionFormat": "dd/MM/yyyy", "partitionInterval": {"length": 1, "timeUnit": 0}}}}]})json";
  auto conf = ParseConf(*ParseJson(text, "test"), "bad.v1");
  ASSERT_FALSE(conf.ok());
  for (const char* part :
       {".metaData.name", ".customJson.exact_windows", "has no keyColumns",
        ".aggregations[0].operation", ".windows[0].timeUnit", "has no table", "YYYY-MM-DD",
        "yyyyMMdd, yyyy_MM_dd or yyyy.MM.dd: \"dd/MM/yyyy\"", "must be one day"}) {
    EXPECT_NE(conf.error().message.find(part), std::string::npos) << conf.error().message;
  }
}

TEST(ConfTest, LineageListsParentsFirst) {
  auto conf = ParseConf(*ParseJson(kChain, "test"), "test");
  auto lineage = LineageOf(*conf);
  ASSERT_TRUE(lineage.ok());
  ASSERT_EQ(lineage->group_bys.size(), 2u);
  EXPECT_EQ(lineage->group_bys[0]->metadata.name, "risk");
  EXPECT_EQ(lineage->group_bys[1]->metadata.name, "fraud.user-risk.v1");
  EXPECT_EQ(lineage->joins[0]->metadata.name, "enriched");
}

TEST(ConfTest, EveryOperationHasANumberOfItsOwnInSomeDialect) {
  std::set<Operation> numbered;
  for (const Dialect dialect : {Dialect::kChronon, Dialect::kZipline}) {
    std::set<Operation> known;
    for (int64_t number = -2; number < 1000; ++number) {
      const auto operation = OperationOf(number, dialect);
      if (!operation.ok()) continue;
      EXPECT_GE(number, 0);
      EXPECT_TRUE(known.insert(*operation).second) << number << " means the same as another";
    }
    numbered.merge(known);
  }
  EXPECT_EQ(numbered.size(), std::size(kEveryOperation));
}

TEST(ConfTest, TellsTheDialectsApart) {
  const Json zipline = *ParseJson(R"json({"metaData": {"name": "a.b__1"}})json", "z");
  EXPECT_EQ(*OperationOf(18, DialectOf(zipline)), Operation::kApproxFrequentK);
  const Json chronon =
      *ParseJson(R"json({"metaData": {"name": "a.b", "customJson": "{}"}})json", "c");
  EXPECT_EQ(*OperationOf(18, DialectOf(chronon)), Operation::kApproxHistogramK);
  EXPECT_FALSE(OperationOf(20, DialectOf(chronon)).ok());
}

}  // namespace
}  // namespace catena::conf
