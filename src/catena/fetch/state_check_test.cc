// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/state_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/conf/conf.h"
#include "catena/conf/semantic_hash.h"
#include "catena/fetch/online_state.h"
#include "catena/types/row_codec.h"

namespace catena::fetch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kMidnight = 20'000 * int64_t{86'400'000};
constexpr char kConf[] = R"json({
  "metaData": {"name": "spend.v1"}, "keyColumns": ["user"],
  "aggregations": [{"inputColumn": "amount", "operation": 6}],
  "sources": [{"events": {"table": "t.x", "topic": "x", "query": {"timeColumn": "ts"}}}]})json";

class StateCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const conf::Conf conf = *conf::ParseConf(*ParseJson(kConf, "conf"), "conf");
    group_by_ = std::get<std::shared_ptr<const conf::GroupBy>>(conf.definition);
    const types::Schema inputs{{{"amount", types::Kind::kDouble}}};
    const types::Schema keys{{{"user", types::Kind::kLong}}};
    Apply({{}, {ServingInfoMark("spend.v1", {keys, inputs, conf::MeaningOf(*group_by_)})}});
  }
  void Apply(const kv::WriteBatch& batch) { ASSERT_TRUE(store_->Apply(batch).ok()); }
  void Put(const std::string& dataset, int64_t time, std::string value) {
    std::string key;
    types::EncodeKey(std::vector<types::Value>{7}, &key);
    Apply({{{dataset, key, {FromMillis(time), 0, std::move(value)}}}, {}});
  }
  // A tile of no event: the empty IR.
  static std::string Tile() {
    std::string tile;
    EncodeTile(0, std::string_view("\x01\x00", 2), &tile);
    return tile;
  }
  std::vector<std::string> Problems() {
    const auto check = CheckState(store_.get(), group_by_);
    EXPECT_TRUE(check.ok()) << check.error().message;
    EXPECT_EQ(check->problems, check->first_problems.size());
    return check->first_problems;
  }

  std::shared_ptr<const conf::GroupBy> group_by_;
  std::unique_ptr<kv::KVStore> store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
};

TEST_F(StateCheckTest, CountsWhatIsSound) {
  std::string row;
  EncodeRawRow(false, std::string("\x00", 1), &row);  // Its amount is null.
  Put(RawDataset("spend.v1"), kMidnight + 5, row);
  Put(RawDataset("spend.v1"), kMidnight + 6, row);
  Apply({{}, {CheckpointMark("spend.v1", 0, {.start_offset = 2, .next_offset = 5, .folded = 3})}});
  const auto check = *CheckState(store_.get(), group_by_);
  EXPECT_EQ(check.problems, 0u);
  ASSERT_EQ(check.datasets.size(), 1u);
  EXPECT_EQ(check.datasets[0].keys, 1u);
  EXPECT_EQ(check.datasets[0].values, 2u);
}

TEST_F(StateCheckTest, SaysWhereSomethingIsBroken) {
  Put(RawDataset("spend.v1"), kMidnight, "\x05");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("spend_v1_STREAMING/raw, key [7], 2024-10-04")));
  Put(TileDataset("spend.v1", aggregate::Layer::kHour), kMidnight + 1, Tile());
  Put(TileDataset("spend.v1", aggregate::Layer::kDay), kMidnight, "\x00\xff\xff");
  Put(LateDataset("spend.v1"), kMidnight, "");
  Put(UploadDataset("spend.v1"), kMidnight, "\x7f");
  EXPECT_EQ(Problems().size(), 4u);  // No generation names it: an upload that died left it.
  Apply({{}, {GenerationsMark("spend.v1", {{FromMillis(kMidnight), {}, {}}})}});
  EXPECT_EQ(Problems().size(), 5u);
  Apply({{}, {GenerationsMark("spend.v1", {{FromMillis(kMidnight), {}, {}, 9}})}});
  EXPECT_EQ(Problems().size(), 4u);
  Put(UploadDataset("spend.v1"), kMidnight + 9, "\x7f");
  EXPECT_EQ(Problems().size(), 5u);
  Apply({{}, {CheckpointMark("spend.v1", 1, {.start_offset = 0, .next_offset = 5, .folded = 3})}});
  EXPECT_THAT(Problems().back(), HasSubstr("5 records consumed, 3 accounted for"));
}

TEST_F(StateCheckTest, ShowsTheFirstProblemsOnly) {
  for (int64_t i = 0; i < 50; ++i) Put(RawDataset("spend.v1"), kMidnight + i, "");
  const auto check = *CheckState(store_.get(), group_by_);
  EXPECT_EQ(check.problems, 50u);
  EXPECT_EQ(check.first_problems.size(), kProblemsShown);
}

TEST_F(StateCheckTest, NeedsSomethingStored) {
  store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  EXPECT_EQ(CheckState(store_.get(), group_by_).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace catena::fetch
