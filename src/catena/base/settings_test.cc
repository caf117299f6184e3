// SPDX-License-Identifier: Apache-2.0
#include "catena/base/settings.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catena/base/file.h"

namespace catena {
namespace {

std::string FolderWith(const std::string& name, const std::string& yaml) {
  const std::string folder = testing::TempDir() + "settings_" + name;
  std::filesystem::create_directories(folder + "/below");
  EXPECT_TRUE(ReplaceFile(folder + "/catena.yaml", yaml).ok());
  return folder;
}

TEST(SettingsTest, PathsAreRelativeToTheFileAndFoundFromBelow) {
  const std::string folder =
      FolderWith("paths", "warehouse: w\nkv: {url: 'rocksdb:s'}\nstream: {lag.millis: 7}\n");
  auto settings = LoadSettings(folder + "/below");
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->warehouse, folder + "/w");
  EXPECT_EQ(settings->kv_url, "rocksdb:" + folder + "/s");
  EXPECT_EQ(settings->stream.at("lag_millis"), "7");
}

TEST(SettingsTest, AnUnknownKeyIsNamedWithItsLineAndTheNearestKnownOne) {
  const std::string folder = FolderWith("unknown", "kv: {url: 'memory:'}\nwarehous: w\n");
  auto settings = LoadSettings(folder);
  ASSERT_FALSE(settings.ok());
  EXPECT_NE(settings.error().message.find("catena.yaml:2: unknown key: warehous"),
            std::string::npos)
      << settings.error().message;
  EXPECT_NE(settings.error().message.find("did you mean warehouse?"), std::string::npos);
}

TEST(SettingsTest, WhatIsSaidTwiceOrIsNoSingleValueIsNamedWithItsLine) {
  const auto refused = [](const std::string& yaml) {
    const auto settings = LoadSettings(FolderWith("twice", yaml));
    return settings.ok() ? "" : settings.error().message;
  };
  const auto says = [&](const std::string& yaml, const std::string& what) {
    EXPECT_NE(refused(yaml).find(what), std::string::npos) << refused(yaml);
  };
  says("stream:\n  lag_millis: 1\n  lag.millis: 2\n",
       "yaml:3: said twice, take one out: lag_millis");
  says("stream:\n  gate: fixed\n  gate: fixed\n", "yaml:3: said twice, take one out: gate");
  says("kafka:\n  a: 1\n  a: 2\n", "yaml:3: said twice, take one out: a");
  says("stream:\n  lag_millis: [1]\n", "yaml:2: must be a single value");
  says("stream:\n  lag:\n    millis: 5\n", "yaml:3: must be a single value");
  says("stream:\n  lag_millis:\n", "must be a single value");
  says("kafka:\n  bootstrap.servers: [a, b]\n", "yaml:2: must be a single value");
  EXPECT_EQ(refused("stream:\n  lag_millis: 1\n  gate: fixed\n"), "");
}

TEST(SettingsTest, OverridesTakeChrononsNames) {
  Settings settings;
  ASSERT_TRUE(ApplyOverride("spark.chronon.stream.chain.lag.millis=500", &settings).ok());
  EXPECT_EQ(settings.stream_overrides.at("lag_millis"), "500");
  EXPECT_FALSE(ApplyOverride("lag_milis=500", &settings).ok());
  EXPECT_FALSE(ApplyOverride("nonsense", &settings).ok());
}

TEST(SettingsTest, KafkaIsADefaultAndNoFolder) {
  auto settings = LoadSettings(
      FolderWith("kafka", "topics: {default: kafka}\nkafka: {bootstrap.servers: 'a:1,b:2'}\n"));
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->topics_default, "kafka:");
  EXPECT_EQ(settings->kafka.at("bootstrap.servers"), "a:1,b:2");
  ASSERT_TRUE(ApplyOverride("topics.default=kafka", &*settings).ok());
  EXPECT_EQ(settings->topics_default, "kafka:");
}

TEST(SettingsTest, BrokenYamlIsOneClearError) {
  auto settings = LoadSettings(FolderWith("broken", "kv: {url: \n"));
  ASSERT_FALSE(settings.ok());
  EXPECT_NE(settings.error().message.find("not valid YAML"), std::string::npos);
}

}  // namespace
}  // namespace catena
