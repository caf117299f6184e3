// SPDX-License-Identifier: Apache-2.0
// GroupBys over one parent that are not equally far: each gets every record once, also where
// offsets hold none.

#include <random>

#include "catena/streaming/job_under_test.h"
#include "catena/topic/memory_topic.h"

namespace catena::streaming {
namespace {

class SiblingsTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    options_.stream.gate = GateKind::kWatermark;
    options_.stream.lag = std::chrono::hours{1};  // Nothing is forced.
    std::string text = ChainConf(tx_, risk_);
    text.replace(text.find("chain.v1"), 8, "chain.v2");
    sibling_ = *conf::ParseConf(*ParseJson(text, "sibling"), "sibling");
  }

  // Records, and now and then the end of a transaction.
  void AppendTransactions(Random* random, int count) {
    for (int i = 0; i < count; ++i) {
      AppendRandom(random, 1, 300'000);
      if (!random->OneIn(4)) continue;
      const auto partition = static_cast<int32_t>(random->Below(kTransactionPartitions));
      ASSERT_TRUE(topic::EndMemoryTransaction(tx_, partition).ok());
    }
  }

  void ExpectCountsAddUp(const std::string& group_by) {
    int64_t folded = 0;
    const auto checkpoints = fetch::ReadCheckpoints(store_.get(), group_by);
    ASSERT_TRUE(checkpoints.ok());
    for (const auto& [partition, checkpoint] : *checkpoints) {
      EXPECT_EQ(checkpoint.Consumed(), checkpoint.Accounted()) << group_by << " " << partition;
      folded += checkpoint.Accounted();
    }
    EXPECT_EQ(folded, static_cast<int64_t>(transactions_.size())) << group_by;
  }

  conf::Conf sibling_;
};

TEST_F(SiblingsTest, EachGetsEveryRecordOnce) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  AppendTransactions(&random, 200);
  RunJob({conf_});
  AppendTransactions(&random, 100);
  RunJob({conf_, sibling_});  // The second is behind.
  AppendTransactions(&random, 100);
  RunJob({sibling_});
  AppendTransactions(&random, 100);
  RunJob({conf_, sibling_});  // The first is.
  ExpectCountsAddUp("chain.v1");
  ExpectCountsAddUp("chain.v2");
  ExpectEqualAt(&random, 100);
}

}  // namespace
}  // namespace catena::streaming
