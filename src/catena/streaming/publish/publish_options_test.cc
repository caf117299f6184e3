// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/publish_options.h"

#include <gtest/gtest.h>

#include "catena/base/json.h"

namespace catena::streaming {
namespace {

// A chain over the Join `parent`, and another over `other`.
conf::Conf ChainConf(const std::string& name, const std::string& parent, const Json& of_group_by,
                     const Json& of_join) {
  const Json left = {
      {"events", {{"table", "t.x"}, {"topic", "x"}, {"query", {{"timeColumn", "ts"}}}}}};
  const Json join = {{"metaData", {{"name", parent}, {"customJson", PrintJson(of_join)}}},
                     {"left", left},
                     {"joinParts", Json::array()}};
  const Json json = {
      {"metaData", {{"name", name}, {"customJson", PrintJson(of_group_by)}}},
      {"keyColumns", {"k"}},
      {"accuracy", 0},
      {"sources", {{{"joinSource", {{"join", join}, {"query", {{"timeColumn", "ts"}}}}}}}},
      {"aggregations", {{{"inputColumn", "v"}, {"operation", 6}}}}};
  auto conf = conf::ParseConf(json, name);
  EXPECT_TRUE(conf.ok()) << conf.error().message;
  return *conf;
}

Result<PublishedJoins> Published(const Settings& settings, const std::vector<conf::Conf>& confs) {
  const auto plan = plan::PlanStreaming(confs);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return PublishedJoinsOf(settings, *plan);
}

const Json kNothing = Json::object();

TEST(PublishOptionsTest, TheNearerWordWins) {
  Settings settings;
  EXPECT_TRUE(Published(settings, {ChainConf("a", "p", kNothing, kNothing)})->empty());
  settings.stream = {{"publish_topic", "of_yaml"}};
  const auto topic = [&](const Json& of_group_by, const Json& of_join) {
    return Published(settings, {ChainConf("a", "p", of_group_by, of_join)})->at("p").topic;
  };
  EXPECT_EQ(topic(kNothing, kNothing), "of_yaml");
  EXPECT_EQ(topic({{"publish_topic", "of_group_by"}}, kNothing), "of_group_by");
  EXPECT_EQ(topic({{"publish_topic", "of_group_by"}}, {{"publish_topic", "of_join"}}), "of_join");
  ASSERT_TRUE(ApplyOverride("spark.chronon.stream.chain.publish.topic=of_flag", &settings).ok());
  EXPECT_EQ(topic({{"publish_topic", "of_group_by"}}, {{"publish_topic", "of_join"}}), "of_flag");
}

TEST(PublishOptionsTest, KeysAreColumnsInEitherSpelling) {
  const auto key = [](const Json& value) {
    return Published(
        {}, {ChainConf("a", "p", kNothing, {{"publish_kv", true}, {"publish_key", value}})});
  };
  EXPECT_EQ(key("u,m")->at("p").key, (std::vector<std::string>{"u", "m"}));
  EXPECT_EQ(key({"u", "m"})->at("p").key, (std::vector<std::string>{"u", "m"}));
  EXPECT_TRUE(key("u")->at("p").to_kv);
  EXPECT_NE(key("[1]").error().message.find("names of columns"), std::string::npos);
}

TEST(PublishOptionsTest, WhatCannotBeMeantIsRefused) {
  const auto refused = [](const std::vector<conf::Conf>& confs) {
    const auto published = Published({}, confs);
    return published.ok() ? "" : published.error().message;
  };
  EXPECT_NE(refused({ChainConf("a", "p", kNothing, {{"publish_kv", "maybe"}})})
                .find("true or false: maybe"),
            std::string::npos);
  EXPECT_NE(refused({ChainConf("a", "p", {{"publish_topic", "x"}}, kNothing),
                     ChainConf("b", "p", {{"publish_topic", "y"}}, kNothing)})
                .find("p is read by a and b"),
            std::string::npos);
  EXPECT_NE(refused({ChainConf("a", "p", kNothing, {{"publish_topic", "x"}}),
                     ChainConf("b", "q", kNothing, {{"publish_topic", "x"}})})
                .find("p and q to x"),
            std::string::npos);
}

}  // namespace
}  // namespace catena::streaming
