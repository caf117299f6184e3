// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/staging_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/conf/conf.h"

namespace catena::conf {
namespace {

using ::testing::HasSubstr;

constexpr char kStaging[] = R"({"metaData": {"name": "team.daily.v1", "outputNamespace": "ns"},
  "query": "SELECT ds FROM a.b", "startPartition": "2026-03-01", "setups": [], "createView": 0,
  "catena": {"version": 1, "query": {"duckdb": "SELECT \"ds\" FROM \"a\".\"b\"",
                                     "tables": ["a.b"]}}})";

std::string Refusal(const std::string& text) {
  const auto parsed = ParseStagingQuery(*ParseJson(text, "conf"), "conf");
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(StagingQueryConf, ReadsWhatChrononWroteAndWhatWeTranslated) {
  const auto parsed = ParseStagingQuery(*ParseJson(kStaging, "conf"), "conf");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->metadata.name, "team.daily.v1");
  EXPECT_EQ(parsed->start_partition, "2026-03-01");
  EXPECT_EQ(parsed->tables, std::vector<std::string>{"a.b"});
  EXPECT_FALSE(parsed->create_view);
  StagingQuery other = *parsed;
  other.start_partition = "2026-03-02";  // Chooses the days, not what is in them.
  EXPECT_EQ(MeaningOf(other), MeaningOf(*parsed));
  other.duckdb += " LIMIT 1";
  EXPECT_NE(MeaningOf(other), MeaningOf(*parsed));
}

TEST(StagingQueryConf, AnotherVersionIsRefused) {
  std::string text = kStaging;
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
  EXPECT_THAT(Refusal(text), HasSubstr("catena.version: this catena reads version 1"));
}

TEST(StagingQueryConf, EveryKindOfConfNamesTheVerbOfTheOther) {
  const auto as_join = ParseConf(*ParseJson(kStaging, "conf"), "conf");
  ASSERT_FALSE(as_join.ok());
  EXPECT_THAT(as_join.error().message, HasSubstr("`catena staging-query-backfill` runs it"));
  EXPECT_THAT(Refusal(R"({"metaData": {"name": "a"}, "left": {}})"), HasSubstr("`catena join`"));
}

TEST(StagingQueryConf, TellsEveryViolationAtOnce) {
  const std::string message = Refusal(
      R"({"query": "", "startPartition": "soon", "setups": "x",
          "catena": {"query": {"tables": 7}}})");
  for (const char* said : {"has no metaData", "has no query", "startPartition: must be YYYY-MM-DD",
                           "setups: must be an array", "tables: must be an array"}) {
    EXPECT_THAT(message, HasSubstr(said));
  }
}

}  // namespace
}  // namespace catena::conf
