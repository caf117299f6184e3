// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/online_state.h"

#include <gtest/gtest.h>

namespace catena::fetch {
namespace {

TEST(OnlineStateTest, GoldenBytes) {
  std::string tile, raw, late;
  EncodeTile(300, "ir", &tile);
  EXPECT_EQ(tile, "\xac\x02ir");
  EncodeRawRow(true, "row", &raw);
  EXPECT_EQ(raw, "\x01row");
  EncodeLateRow({-3, false, "row"}, &late);
  EXPECT_EQ(late, std::string("\x05\0row", 5));
  std::string rows, mutation;
  EncodeEntityRows(std::vector<EntityRow>{{-3, "row"}, {1, ""}}, &rows);
  EXPECT_EQ(rows, std::string("\x01\x05\x03row\x02\0", 8));
  EncodeMutationRow({true, {-3, "row"}}, &mutation);
  EXPECT_EQ(mutation, "\x05\x01row");
  EXPECT_EQ(MutationSequence(uint64_t{0xffff} << 48 | 3, true), uint64_t{0xffff} << 48 | 6);
  EXPECT_EQ(MutationSequence(3, false), 7u);
  Checkpoint checkpoint;
  checkpoint.next_offset = 7;
  checkpoint.event_time_max = checkpoint.watermark = 1;
  checkpoint.folded = 7;
  EXPECT_EQ(CheckpointMark("a.b", 2, checkpoint).value,
            std::string("\0\x0e\x02\x02\x0e\0\0\0\0\0\0\0\0", 13));
  EXPECT_EQ(CheckpointMark("a.b", 2, checkpoint).dataset, "a_b_STREAMING");
  checkpoint.origins = {{1, 3}, {2, 64}};
  EXPECT_EQ(CheckpointMark("a.b", 2, checkpoint).value,
            std::string("\0\x0e\x02\x02\x0e\0\0\0\0\0\0\0\0\x02\x02\x06\x04\x80\x01", 19));
  EXPECT_EQ(TileDataset("a.b", aggregate::Layer::kFiveMinutes), "a_b_STREAMING/5m");
}

TEST(OnlineStateTest, MarksComeBackAsTheyWere) {
  auto store = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  EXPECT_FALSE(ReadServingInfo(store.get(), "g")->has_value());
  EXPECT_TRUE(ReadGenerations(store.get(), "g")->empty());
  EXPECT_FALSE(ReadRetention(store.get(), "g")->has_value());

  const ServingInfo info{{{{"k", types::Kind::kLong}}}, {{{"v", types::Kind::kDouble}}}, "m1"};
  const std::vector<Generation> generations = {
      {FromMillis(0), FromMillis(5), {}},
      {FromMillis(86400000), FromMillis(86400007), {{3, 9}}, 17}};
  EXPECT_EQ(generations[1].StoredAt(), FromMillis(86400017));
  const Retention retention{1, -2, INT64_MIN, 77};
  Checkpoint checkpoint;
  checkpoint.start_offset = 1;
  checkpoint.next_offset = 10;
  checkpoint.folded = 4;
  checkpoint.filtered = 2;
  checkpoint.null_key = 1;
  checkpoint.dead_lettered = 1;
  checkpoint.late_beyond_retention = 1;
  checkpoint.origins = {{0, 5}, {70, 1'000'000'000'000}};
  ASSERT_TRUE(store
                  ->Apply({{},
                           {ServingInfoMark("g", info), GenerationsMark("g", generations),
                            RetentionMark("g", retention), CheckpointMark("g", 11, checkpoint)}})
                  .ok());
  EXPECT_EQ(**ReadServingInfo(store.get(), "g"), info);
  EXPECT_EQ(*ReadGenerations(store.get(), "g"), generations);
  EXPECT_EQ(**ReadRetention(store.get(), "g"), retention);
  EXPECT_EQ(ReadCheckpoints(store.get(), "g")->at(11), checkpoint);
  EXPECT_EQ(checkpoint.Consumed(), checkpoint.Accounted());
}

TEST(OnlineStateTest, AGenerationHoldsWhatItsTableHeld) {
  const Generation by_time{FromMillis(0), FromMillis(100), {}};
  EXPECT_TRUE(by_time.Holds(0, 999, FromMillis(100)));
  EXPECT_FALSE(by_time.Holds(0, 0, FromMillis(101)));
  const Generation by_offset{FromMillis(0), FromMillis(100), {{1, 50}}};
  EXPECT_TRUE(by_offset.Holds(1, 49, FromMillis(900)));
  EXPECT_FALSE(by_offset.Holds(1, 50, FromMillis(0)));
  EXPECT_FALSE(by_offset.Holds(0, 0, FromMillis(0)));
}

TEST(OnlineStateTest, HostileBytesAreRefusedNotRead) {
  uint64_t incomplete = 0;
  bool flag = false;
  std::string_view rest;
  EXPECT_FALSE(DecodeTile("\x80", &incomplete, &rest).ok());
  for (const char* bytes : {"", "\x02row", "\x80row", "\xffrow"}) {
    EXPECT_FALSE(DecodeRawRow(bytes, &flag, &rest).ok());
  }
  EXPECT_FALSE(DecodeLateRow("\x04\xffrow").ok());
  for (const char* bytes :
       {"", "\x02", "\x01\x80", "\x01\x05\x04row", "\x01\x05\xff\xff\xff\xff\x0f"}) {
    EXPECT_FALSE(DecodeEntityRows(bytes).ok());
  }
  EXPECT_TRUE(DecodeEntityRows("\x01")->empty());
  EXPECT_FALSE(DecodeMutationRow("\x05\x02row").ok());
  auto store = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  ASSERT_TRUE(
      store
          ->Apply({{}, {{"g_BATCH", "generations", "{]"}, {"g_STREAMING", "checkpoint/0", "\xff"}}})
          .ok());
  EXPECT_EQ(ReadGenerations(store.get(), "g").error().code, ErrorCode::kCorruption);
  EXPECT_EQ(ReadCheckpoints(store.get(), "g").error().code, ErrorCode::kCorruption);
}

}  // namespace
}  // namespace catena::fetch
