// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_upload.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "catena/batch/warehouse_fixture.h"
#include "catena/fetch/online_state.h"
#include "catena/kv/memory_store.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

class GroupByUploadTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  RunReport Uploaded(const conf::Conf& conf, const std::string& end) {
    auto report = UploadGroupBy(context_, conf, Day(end), &store_);
    EXPECT_TRUE(report.ok()) << report.error().message;
    return report.ok() ? std::move(report).value() : RunReport{};
  }
  std::vector<Date> GenerationDays() {
    std::vector<Date> days;
    const auto generations = fetch::ReadGenerations(&store_, "gb");
    EXPECT_TRUE(generations.ok());
    for (const auto& generation : *generations) days.push_back(Date::Of(generation.batch_end));
    return days;
  }
  // The value of a key in the generation of a batchEnd, "" when absent.
  std::string ValueOf(const Value& key, Date batch_end) {
    std::string bytes;
    EXPECT_TRUE(types::EncodeKey(std::vector<Value>{key}, &bytes));
    const std::string dataset = fetch::UploadDataset("gb");
    for (const auto& generation : *fetch::ReadGenerations(&store_, "gb")) {
      if (generation.batch_end != batch_end.Start()) continue;
      const Timestamp at = generation.StoredAt();
      const kv::GetRequest request{dataset, bytes, at, at + Millis{1}};
      const auto answers = store_.MultiGet({&request, 1});
      EXPECT_TRUE(answers[0].ok());
      return answers[0]->empty() ? "" : answers[0]->front().value;
    }
    return "";
  }
  // NULL when it has none.
  Value SumOf(const Value& key, Date batch_end) {
    const std::string bytes = ValueOf(key, batch_end);
    if (bytes.empty()) return {};
    const types::RowCodec codec(types::Schema{{{"amount_sum_2d", types::Kind::kLong}}});
    types::BatchBuilder rows(codec.schema());
    EXPECT_TRUE(codec.DecodeInto(bytes, &rows).ok());
    return rows.Build().Row(0)[0];
  }
  // Does something else before write number `at`, from 0, and writes that one unless it is to end.
  class InterruptedStore : public kv::MemoryKVStore {
   public:
    Status Apply(const kv::WriteBatch& batch, bool durable) override {
      if (at-- == 0) CATENA_RETURN_IF_ERROR(then());
      return kv::MemoryKVStore::Apply(batch, durable);
    }
    int at = -1;
    std::function<Status()> then;
  };
  InterruptedStore store_;
};

constexpr char kSnapshot[] = R"json({"metaData": {"name": "gb", "outputNamespace": "t"},
  "keyColumns": ["key"], "accuracy": 1, "aggregations": [
    {"inputColumn": "amount", "operation": 7, "windows": [{"length": 2, "timeUnit": 1}]}],
  "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})json";

TEST_F(GroupByUploadTest, SnapshotUploadHoldsFinalizedOutputs) {
  Write("t.events", "2026-03-04",
        "key STRING, amount LONG, ts LONG, _topic_partition INT, _offset LONG",
        {{"a", 1, At("2026-03-04", 1), 0, 5},
         {"b", {}, At("2026-03-04", 1), 1, 7},
         {"a", 2, At("2026-03-04", 2), 0, 4}});
  const RunReport report = Uploaded(ConfOf(kSnapshot), "2026-03-04");
  EXPECT_EQ(report.steps[0].rows, 2u);
  EXPECT_EQ(report.steps[0].table, fetch::UploadDataset("gb"));
  const types::RowCodec codec(types::Schema{{{"amount_sum_2d", types::Kind::kLong}}});
  types::BatchBuilder rows(codec.schema());
  ASSERT_TRUE(codec.DecodeInto(ValueOf("a", Day("2026-03-05")), &rows).ok());
  ASSERT_TRUE(codec.DecodeInto(ValueOf("b", Day("2026-03-05")), &rows).ok());
  const types::Batch batch = rows.Build();
  EXPECT_EQ(batch.Row(0)[0], Value(3));
  EXPECT_TRUE(batch.Row(1)[0].is_null());
  const auto generations = fetch::ReadGenerations(&store_, "gb");
  ASSERT_EQ(generations->size(), 1u);
  EXPECT_EQ(generations->front().cut, (std::map<int32_t, int64_t>{{0, 6}, {1, 8}}));
  EXPECT_EQ(generations->front().computed_at, clock_.Now());
}

TEST_F(GroupByUploadTest, WithoutOffsetsWhatWasAppendedAfterThePartitionsLandedIsNotHeld) {
  const auto land = [&](const char* day, Timestamp at) {
    const std::string directory = warehouse_->Find("t.events")->directory() + "/ds=" + day;
    for (const auto& file : std::filesystem::directory_iterator(directory)) {
      const timespec time{ToMillis(at) / 1000, ToMillis(at) % 1000 * 1000000};
      const timespec times[] = {time, time};
      ASSERT_EQ(utimensat(AT_FDCWD, file.path().c_str(), times, 0), 0);
    }
  };
  for (const char* day : {"2026-03-03", "2026-03-04", "2026-03-05"}) {
    Write("t.events", day, "key STRING, amount LONG, ts LONG", {{"a", 1, At(day, 1)}});
  }
  const Timestamp landed = FromMillis(At("2026-03-05", 0, 30, 7));
  land("2026-03-03", landed - kHour);
  land("2026-03-04", landed);
  land("2026-03-05", landed + kHour);  // Not read.
  clock_.Set(landed + 3 * kHour);
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  auto generation = fetch::ReadGenerations(&store_, "gb")->back();
  EXPECT_EQ(generation.computed_at, landed);
  EXPECT_TRUE(generation.Holds(0, 1, landed));
  EXPECT_FALSE(generation.Holds(0, 1, landed + Millis{1}));

  // Files from the future: never later than the moment before reading.
  land("2026-03-03", landed + 9 * kHour);
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  EXPECT_EQ(fetch::ReadGenerations(&store_, "gb")->back().computed_at, clock_.Now());
}

TEST_F(GroupByUploadTest, EntitiesPassThroughFromTheSnapshotOfTheLastDay) {
  Write("t.shops", "2026-03-03", "key LONG, tier INT", {{1, 1}});
  Write("t.shops", "2026-03-04", "key LONG, tier INT", {{1, 2}, {2, {}}});
  Uploaded(ConfOf(R"json({"metaData": {"name": "gb"}, "keyColumns": ["key"], "accuracy": 1,
    "sources": [{"entities": {"snapshotTable": "t.shops"}}]})json"),
           "2026-03-04");
  const auto info = fetch::ReadServingInfo(&store_, "gb");
  EXPECT_EQ((*info)->keys.ToString(), "key LONG");
  EXPECT_EQ((*info)->inputs.ToString(), "tier INT");
  types::BatchBuilder rows((*info)->inputs);
  ASSERT_TRUE(types::RowCodec((*info)->inputs)
                  .DecodeInto(ValueOf(int64_t{1}, Day("2026-03-05")), &rows)
                  .ok());
  EXPECT_EQ(rows.Build().Row(0)[0], Value(2));
}

TEST_F(GroupByUploadTest, GenerationsStayAsLongAsAFetchMayNeedThem) {
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"}) {
    Write("t.events", day, "key STRING, amount LONG, ts LONG", {{"a", 1, At(day, 1)}});
  }
  const conf::Conf conf = ConfOf(kSnapshot);
  clock_.Set(FromMillis(At("2026-03-04", 1)));
  Uploaded(conf, "2026-03-01");
  Uploaded(conf, "2026-03-02");
  Uploaded(conf, "2026-03-03");
  // 03-04T00:00 is one hour old: a fetch as of 03-03T23:30 still wants the generation before it,
  // and 03-03 makes 03-02 superfluous.
  EXPECT_EQ(GenerationDays(), (std::vector<Date>{Day("2026-03-03"), Day("2026-03-04")}));
  clock_.Set(FromMillis(At("2026-03-05", 3)));
  Uploaded(conf, "2026-03-04");
  EXPECT_EQ(GenerationDays(), (std::vector<Date>{Day("2026-03-04"), Day("2026-03-05")}));
}

TEST_F(GroupByUploadTest, TheSameUploadAgainReplacesAndKeysAreGone) {
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-04", 1)}, {"b", 2, At("2026-03-04", 1)}});
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 5, At("2026-03-04", 1)}});
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  EXPECT_EQ(GenerationDays().size(), 1u);
  EXPECT_EQ(SumOf("a", Day("2026-03-05")), Value(5));
  EXPECT_EQ(SumOf("b", Day("2026-03-05")), Value());
}

TEST_F(GroupByUploadTest, WhatAnUploadThatDiedLeftIsNotRead) {
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-04", 1)}, {"b", 2, At("2026-03-04", 1)}});
  store_.at = 2;
  store_.then = [] { return Unavailable("killed"); };
  UploadOptions options;
  options.chunk_bytes = 1;
  RunReport report;
  ASSERT_FALSE(
      RunUpload(context_, ConfOf(kSnapshot), Day("2026-03-04"), &store_, options, &report).ok());
  EXPECT_TRUE(GenerationDays().empty());
  EXPECT_GT(store_.ApproximateBytes(fetch::UploadDataset("gb")).value(), 0u);
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 5, At("2026-03-04", 1)}});
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  EXPECT_EQ(SumOf("a", Day("2026-03-05")), Value(5));
  EXPECT_EQ(SumOf("b", Day("2026-03-05")), Value());
}

TEST_F(GroupByUploadTest, ValuesOfAnotherDefinitionsGenerationAreNotRead) {
  Write("t.events", "2026-03-03", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-03", 1)}, {"b", 2, At("2026-03-03", 1)}});
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-04", 1)}});
  std::string count = kSnapshot;
  count.replace(count.find("\"operation\": 7"), 14, "\"operation\": 6");
  Uploaded(ConfOf(count), "2026-03-03");
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  Write("t.events", "2026-03-03", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-03", 1)}});
  Uploaded(ConfOf(kSnapshot), "2026-03-03");
  EXPECT_EQ(GenerationDays(), (std::vector<Date>{Day("2026-03-04"), Day("2026-03-05")}));
  EXPECT_EQ(SumOf("a", Day("2026-03-04")), Value(1));
  EXPECT_EQ(SumOf("b", Day("2026-03-04")), Value());
}

TEST_F(GroupByUploadTest, TwoUploadsAtOncePublishBoth) {
  for (const char* day : {"2026-03-03", "2026-03-04"}) {
    Write("t.events", day, "key STRING, amount LONG, ts LONG", {{"a", 1, At(day, 1)}});
  }
  store_.at = 0;
  store_.then = [&] {
    return UploadGroupBy(context_, ConfOf(kSnapshot), Day("2026-03-03"), &store_).status();
  };
  UploadOptions options;
  options.chunk_bytes = 1;
  RunReport report;
  ASSERT_TRUE(
      RunUpload(context_, ConfOf(kSnapshot), Day("2026-03-04"), &store_, options, &report).ok());
  EXPECT_EQ(GenerationDays(), (std::vector<Date>{Day("2026-03-04"), Day("2026-03-05")}));
}

TEST_F(GroupByUploadTest, AnotherDefinitionEndsTheOldGenerations) {
  for (const char* day : {"2026-03-03", "2026-03-04"}) {
    Write("t.events", day, "key STRING, amount LONG, ts LONG", {{"a", 1, At(day, 1)}});
  }
  Uploaded(ConfOf(kSnapshot), "2026-03-03");
  std::string changed = kSnapshot;
  changed.replace(changed.find("\"operation\": 7"), 14, "\"operation\": 6");
  const RunReport report = Uploaded(ConfOf(changed), "2026-03-04");
  EXPECT_EQ(GenerationDays(), std::vector<Date>{Day("2026-03-05")});
  EXPECT_THAT(PrintReport(report), ::testing::HasSubstr("another definition"));
}

TEST_F(GroupByUploadTest, AnotherDefinitionThanTheStreamedOneIsRefused) {
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-04", 1)}});
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  ASSERT_TRUE(store_.Apply({{}, {fetch::CheckpointMark("gb", 0, {})}}, false).ok());
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  std::string changed = kSnapshot;
  changed.replace(changed.find("\"operation\": 7"), 14, "\"operation\": 6");
  const auto report = UploadGroupBy(context_, ConfOf(changed), Day("2026-03-04"), &store_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(report.error().message, ::testing::HasSubstr("new name"));
}

TEST_F(GroupByUploadTest, ADayOfEventsThatHasNotEndedIsRefused) {
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG",
        {{"a", 1, At("2026-03-04", 1)}});
  clock_.Set(FromMillis(At("2026-03-05") - 1));
  const auto early = UploadGroupBy(context_, ConfOf(kSnapshot), Day("2026-03-04"), &store_);
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code, ErrorCode::kInvalidConf);
  EXPECT_TRUE(GenerationDays().empty());
  clock_.Set(FromMillis(At("2026-03-05")));
  Uploaded(ConfOf(kSnapshot), "2026-03-04");
  EXPECT_EQ(GenerationDays().size(), 1u);
}

TEST_F(GroupByUploadTest, RefusesADayThatIsNotThere) {
  Write("t.events", "2026-03-04", "key STRING, amount LONG, ts LONG", {});
  const auto report = UploadGroupBy(context_, ConfOf(kSnapshot), Day("2026-03-05"), &store_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(report.error().message, ::testing::HasSubstr("t.events"));
}

}  // namespace
}  // namespace catena::batch
