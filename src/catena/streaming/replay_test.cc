// SPDX-License-Identifier: Apache-2.0
// The same log, read again: the same state, byte for byte, whatever the number of workers; and,
// with arrivals shuffled up to the declared bound, what the definition says of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <variant>

#include "catena/streaming/job_under_test.h"

namespace catena::streaming {
namespace {

constexpr int64_t kBound = 20 * 60'000;

class ReplayTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    options_.stream.gate = GateKind::kWatermark;
    options_.stream.lag = std::chrono::hours{1};  // Nothing is forced.
    options_.stream.out_of_orderness = Millis{kBound};
  }

  // Random events, each appended up to `bound` after its time.
  void AppendShuffled(Random* random, int count, int64_t step_max, int64_t bound) {
    std::vector<std::pair<int64_t, std::variant<RiskEvent, Transaction>>> arrivals;
    for (int i = 0; i < count; ++i) {
      if (!random->OneIn(4)) now_ += random->Between(0, step_max);
      const int64_t arrival = now_ + random->Between(0, bound);
      if (random->OneIn(3)) {
        arrivals.emplace_back(arrival, RiskEvent{now_, random->Between(1, 4),
                                                 static_cast<double>(random->Below(64)) / 64});
      } else {
        arrivals.emplace_back(arrival,
                              Transaction{now_, random->Between(1, 5), random->Between(1, 5),
                                          static_cast<double>(random->Below(4000)) / 4});
      }
    }
    std::stable_sort(arrivals.begin(), arrivals.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [arrival, event] : arrivals) {
      std::visit([&, at = arrival](const auto& one) { Append(one, at); }, event);
    }
  }

  std::string StateAfterReplay(int workers) {
    store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    options_.stream.parallelism = workers;
    RunJob();
    for (const ChainReport& report : reports_) EXPECT_EQ(report.counts.at("forced"), 0);
    return StateBytes();
  }
};

TEST_F(ReplayTest, TheSameLogGivesTheSameBytesForOneTwoAndFourWorkers) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  AppendShuffled(&random, 3000, 300'000, kBound);
  ASSERT_TRUE(tx_writer_->Append({{"1", "no record", FromMillis(now_)}}).ok());
  const std::string one = StateAfterReplay(1);
  ASSERT_GT(one.size(), 100'000u);
  EXPECT_TRUE(StateAfterReplay(2) == one);
  EXPECT_TRUE(StateAfterReplay(4) == one);
  EXPECT_TRUE(StateAfterReplay(4) == one) << "the second time";
  // The comparison sees one record more.
  Append(Transaction{now_, 1, 1, 1.0});
  EXPECT_FALSE(StateAfterReplay(2) == one);
}

TEST_F(ReplayTest, ArrivalsShuffledUpToTheBoundGiveWhatTheDefinitionSays) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  AppendShuffled(&random, 1500, 300'000, kBound);
  RunJob();
  ExpectEqualAt(&random, 300);
}

// A chain on the chain: its two tasks read one topic.
conf::Conf DeeperConf(const std::string& chain_conf) {
  Json chain = *ParseJson(chain_conf, "chain");
  Json deeper = chain;
  deeper["metaData"]["name"] = "deeper.v1";
  chain.erase("catena");
  Json& source = deeper["sources"][0]["joinSource"];
  source["join"]["metaData"]["name"] = "grandparent";
  source["join"]["joinParts"] = Json::array({{{"groupBy", chain}}});
  source["query"]["selects"]["risk"] = "chain_v1_amount_sum_1h";
  return *conf::ParseConf(deeper, "deeper");
}

TEST_F(ReplayTest, TasksThatShareAThreadGiveTheSameBytes) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  conf_ = DeeperConf(ChainConf(tx_, risk_));
  AppendShuffled(&random, 2000, 300'000, kBound);
  options_.cores = 64;  // A thread each.
  const std::string apart = StateAfterReplay(0);
  ASSERT_GT(apart.size(), 100'000u);
  options_.cores = 1;
  EXPECT_TRUE(StateAfterReplay(0) == apart);
}

}  // namespace
}  // namespace catena::streaming
