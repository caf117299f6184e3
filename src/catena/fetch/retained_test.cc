// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/retained.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/conf/conf.h"
#include "catena/conf/semantic_hash.h"

namespace catena::fetch {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kHourMillis = 3'600'000;
constexpr int64_t kFloor = 20'000 * 24 * kHourMillis;
// A week, an hour, and all of the past.
constexpr char kConf[] = R"json({
  "metaData": {"name": "spend.v1"}, "keyColumns": ["user"],
  "aggregations": [
    {"inputColumn": "amount", "operation": 6, "windows": [
      {"length": 7, "timeUnit": 1}, {"length": 1, "timeUnit": 0}]},
    {"inputColumn": "amount", "operation": 7 UNWINDOWED}],
  "sources": [{"events": {"table": "t.x", "topic": "x", "query": {"timeColumn": "ts"}}}]})json";

std::shared_ptr<const conf::GroupBy> Spend(const std::string& windows_of_sum) {
  std::string text = kConf;
  text.replace(text.find(" UNWINDOWED"), std::string(" UNWINDOWED").size(), windows_of_sum);
  const conf::Conf conf = *conf::ParseConf(*ParseJson(text, "conf"), "conf");
  return std::get<std::shared_ptr<const conf::GroupBy>>(conf.definition);
}

class RetainedTest : public ::testing::Test {
 protected:
  std::vector<std::string> Read(const std::shared_ptr<const conf::GroupBy>& group_by) {
    std::vector<std::string> said;
    const auto horizons = ReadHorizons(store_.get(), group_by);
    EXPECT_TRUE(horizons.ok()) << horizons.error().message;
    for (const Horizon& horizon : *horizons) {
      said.push_back(horizon.dataset + " " +
                     std::to_string((kFloor - ToMillis(horizon.time)) / kHourMillis));
    }
    return said;
  }
  void Serve(const conf::GroupBy& group_by) {
    const types::Schema inputs{{{"amount", types::Kind::kDouble}}};
    const types::Schema keys{{{"user", types::Kind::kLong}}};
    Apply(ServingInfoMark("spend.v1", {keys, inputs, conf::MeaningOf(group_by)}));
  }
  void Apply(kv::Mark mark) { ASSERT_TRUE(store_->Apply({{}, {std::move(mark)}}).ok()); }

  std::unique_ptr<kv::KVStore> store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
};

TEST_F(RetainedTest, IsWhatTheWindowsReach) {
  const auto group_by = Spend(R"(, "windows": [{"length": 24, "timeUnit": 0}])");
  Serve(*group_by);
  EXPECT_THAT(Read(group_by), IsEmpty()) << "nothing was ever streamed";
  Apply(RetentionMark("spend.v1", {INT64_MIN, kFloor - kHourMillis, kFloor, 0}));
  EXPECT_THAT(Read(group_by),
              UnorderedElementsAre("spend_v1_STREAMING/raw 1",  // Its own floor.
                                   "spend_v1_STREAMING/5m 1",  // An hour and a hop of five minutes.
                                   "spend_v1_STREAMING/1h 169",  // A week, and a hop of an hour.
                                   "spend_v1_STREAMING/1d 169", "spend_v1_STREAMING/late 72"));
}

TEST_F(RetainedTest, IsAllThatAnUnwindowedOutputSums) {
  const auto group_by = Spend("");
  Serve(*group_by);
  Apply(RetentionMark("spend.v1", {INT64_MIN, INT64_MIN, kFloor, 0}));
  Apply(GenerationsMark("spend.v1", {{FromMillis(kFloor - 48 * kHourMillis), Timestamp(), {}},
                                     {FromMillis(kFloor - 24 * kHourMillis), Timestamp(), {}}}));
  EXPECT_THAT(Read(group_by),
              UnorderedElementsAre("spend_v1_STREAMING/5m 1", "spend_v1_STREAMING/1h 169",
                                   "spend_v1_STREAMING/late 72", "spend_v1_BATCH 48"));
}

TEST_F(RetainedTest, IsNotKnownOfAnotherDefinition) {
  Serve(*Spend(""));
  const auto other = Spend(R"(, "windows": [{"length": 24, "timeUnit": 0}])");
  EXPECT_FALSE(ReadHorizons(store_.get(), other).ok());
}

}  // namespace
}  // namespace catena::fetch
