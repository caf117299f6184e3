// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

struct Good {
  const char* name;
  const char* default_url;
  const char* scheme;
  const char* root;
  const char* topic;
};

TEST(TopicAddressTest, ReadsEverySpelling) {
  constexpr Good kGood[] = {
      {"payments", "file:///data/topics", "file", "/data/topics", "payments"},
      {"payments", "file:///data/topics/", "file", "/data/topics", "payments"},
      {"payments", "file:topics", "file", "topics", "payments"},
      {"payments", "file:", "file", ".", "payments"},
      {"payments", "memory:", "memory", "", "payments"},
      {"payments", "kafka://host=h/port=1", "kafka", "h:1", "payments"},
      {"payments/host=h/port=1", "kafka:", "kafka", "h:1", "payments"},
      {"file:///data/payments", "memory:", "file", "/data", "payments"},
      {"file:/data/payments", "", "file", "/data", "payments"},
      {"file:///payments", "", "file", "/", "payments"},
      {"file:rel/dir/payments/", "", "file", "rel/dir", "payments"},
      {"file:payments", "", "file", ".", "payments"},
      {"memory:a.b_c-9", "", "memory", "", "a.b_c-9"},
      {"kafka://payments/host=h/port=p", "", "kafka", "h:p", "payments"},
      {"kafka://payments", "", "kafka", "localhost:9092", "payments"},
  };
  for (const Good& good : kGood) {
    const auto address = ParseTopicAddress(good.name, good.default_url);
    ASSERT_TRUE(address.ok()) << good.name << ": " << address.error().message;
    EXPECT_EQ(address->scheme, good.scheme) << good.name;
    EXPECT_EQ(address->root, good.root) << good.name;
    EXPECT_EQ(address->name, good.topic) << good.name;
    EXPECT_TRUE(address->parameters.empty()) << good.name;
  }
}

TEST(TopicAddressTest, KeepsKafkaParameters) {
  const auto address =
      ParseTopicAddress("kafka://t/host=h/schema=s/security.protocol=SASL_SSL", "").value();
  EXPECT_EQ(address.root, "h:9092");
  EXPECT_EQ(address.serde.at("schema"), "s");
  EXPECT_EQ(address.parameters.at("security.protocol"), "SASL_SSL");
}

TEST(TopicAddressTest, TakesWhatSaysHowRecordsAreWritten) {
  struct Case {
    const char* name;
    const char* default_url;
    const char* scheme;
    const char* root;
  };
  for (const Case& one :
       {Case{"t/serde=avro/schema=dir%2Ft.avsc", "file:topics", "file", "topics"},
        Case{"t/serde=avro/schema=dir%2Ft.avsc", "memory:", "memory", ""},
        Case{"kafka://t/schema=dir%2Ft.avsc/host=h/serde=avro", "", "kafka", "h:9092"},
        Case{"file:///a=b/c/t/serde=avro/schema=dir%2Ft.avsc", "", "file", "/a=b/c"},
        Case{"file:t/serde=avro/schema=dir%2Ft.avsc/", "", "file", "."},
        Case{"memory:t/serde=avro/schema=dir%2Ft.avsc", "", "memory", ""}}) {
    const auto address = ParseTopicAddress(one.name, one.default_url);
    ASSERT_TRUE(address.ok()) << one.name << ": " << address.error().message;
    EXPECT_EQ(address->scheme, one.scheme) << one.name;
    EXPECT_EQ(address->root, one.root) << one.name;
    EXPECT_EQ(address->name, "t") << one.name;
    EXPECT_EQ(address->serde,
              (std::map<std::string, std::string>{{"serde", "avro"}, {"schema", "dir/t.avsc"}}))
        << one.name;
    EXPECT_TRUE(address->parameters.empty()) << one.name;
  }
  for (const char* name : {"file:t/serde=avro/host=h", "memory:t/host=h", "t/schema=%2",
                           "t/schema=%zz", "kafka://t/basic.auth.user.info=u:p"}) {
    EXPECT_EQ(ParseTopicAddress(name, "file:topics").error().code, ErrorCode::kInvalidConf) << name;
  }
}

TEST(TopicAddressTest, TheRegistryOfAllTopicsStandsUnderKafka) {
  const std::map<std::string, std::string> kafka = {{"registry_host", "r"},
                                                    {"basic.auth.user.info", "u:p%41"}};
  const auto address = ParseTopicAddress("t/registry_port=8081", "kafka:", kafka).value();
  EXPECT_EQ(
      address.serde,
      (std::map<std::string, std::string>{
          {"registry_host", "r"}, {"registry_port", "8081"}, {"basic.auth.user.info", "u:p%41"}}));
  EXPECT_TRUE(address.parameters.empty());
}

TEST(TopicAddressTest, RefusesWhatIsNoTopic) {
  const std::string long_name(250, 'x');
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a b"), std::string("a/b"),
        std::string("file:///"), std::string("file:"), std::string("file:///data/.."),
        std::string("file://host/data/t"), std::string("memory:a/b"), std::string("pulsar:t"),
        std::string("kafka://t/host"), std::string("t/host=h"), long_name}) {
    const auto address = ParseTopicAddress(name, "file:///data");
    ASSERT_FALSE(address.ok()) << name;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidConf) << name;
  }
  EXPECT_NE(ParseTopicAddress("../x", "file:///data").error().message.find("has no '/'"),
            std::string::npos);
  EXPECT_FALSE(ParseTopicAddress("payments", "").ok());
  EXPECT_FALSE(ParseTopicAddress("payments", "pulsar:x").ok());
}

TEST(TopicAddressTest, KafkaPropertiesAreBelowThoseOfTheURL) {
  const std::map<std::string, std::string> kafka = {
      {"bootstrap.servers", "a:1,b:2"}, {"sasl.password", "hidden"}, {"linger.ms", "7"}};
  const auto plain = ParseTopicAddress("t", "kafka:", kafka).value();
  EXPECT_EQ(plain.root, "a:1,b:2");
  EXPECT_EQ(plain.parameters.at("linger.ms"), "7");
  EXPECT_EQ(plain.parameters.at("sasl.password"), "hidden");
  EXPECT_FALSE(plain.parameters.contains("bootstrap.servers"));
  const auto named = ParseTopicAddress("kafka://t/host=h/linger.ms=9", "", kafka).value();
  EXPECT_EQ(named.root, "h:9092");
  EXPECT_EQ(named.parameters.at("linger.ms"), "9");
  EXPECT_TRUE(ParseTopicAddress("t", "file:dir", kafka).value().parameters.empty());
}

TEST(TopicAddressTest, URLsHoldNoSecrets) {
  for (const char* name : {"kafka://t/sasl.password=p", "t/ssl.key.password=p"}) {
    const auto address = ParseTopicAddress(name, "kafka:");
    ASSERT_FALSE(address.ok()) << name;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidConf);
    EXPECT_NE(address.error().message.find("`kafka:`"), std::string::npos);
  }
}

TEST(TopicAddressTest, TheURLIsReadAsTheSameTopic) {
  for (const char* name : {"file:dir/t", "file:/dir/t", "memory:t", "kafka://t/host=h/port=7",
                           "kafka://t/bootstrap.servers=a:1,b:2"}) {
    const auto address = ParseTopicAddress(name, "").value();
    const auto again = ParseTopicAddress(TopicURL(address), "").value();
    EXPECT_EQ(again.scheme, address.scheme) << name;
    EXPECT_EQ(again.root, address.root) << name;
    EXPECT_EQ(again.name, address.name) << name;
  }
}

}  // namespace
}  // namespace catena::topic
