// SPDX-License-Identifier: Apache-2.0
// The left side that two Joins of a job have is read once, and never what it is no more.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "catena/base/random.h"
#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

constexpr uint64_t kSeed = 20261127;
constexpr char kFirst[] = "2026-02-01";
constexpr char kLast[] = "2026-02-04";

std::string GroupByOf(const std::string& name, const std::string& source) {
  return fmt::format(R"({{"metaData": {{"name": "{}"}}, "keyColumns": ["k"], "accuracy": 0,
      "aggregations": [{{"inputColumn": "v", "operation": 7,
                         "windows": [{{"length": 1, "timeUnit": 1}}]}}], "sources": [{}]}})",
                     name, source);
}
// Of the payments, whose `selects` are picked.
std::string JoinOf(const std::string& name, const std::string& selects,
                   const std::string& group_by) {
  return fmt::format(R"({{"metaData": {{"name": "{}", "outputNamespace": "t"}},
      "left": {{"events": {{"table": "t.pay",
                            "query": {{"timeColumn": "at", "selects": {{{}}}}}}}}},
      "joinParts": [{{"groupBy": {}}}]}})",
                     name, selects, group_by);
}
std::string First(const std::string& name) {
  return JoinOf(
      name, R"("id": "id", "k": "k", "v": "v")",
      GroupByOf("scores", R"({"events": {"table": "t.scores", "query": {"timeColumn": "at"}}})"));
}
// `second` asks the rows of `first`, and has the same on its left, or another column as its key.
std::string Second(const std::string& key = "k") {
  std::string group_by = GroupByOf("spent", fmt::format(R"({{"joinSource": {{"join": {},
                 "query": {{"selects": {{"k": "k", "v": "v"}}}}}}}})",
                                                        First("first")));
  return JoinOf("second", fmt::format(R"("id": "id", "k": "{}")", key), group_by);
}

class LeftOnceTest : public ::testing::Test, protected TemporaryWarehouse, protected Progress {
 protected:
  void SetUp() override {
    Random random(kSeed);
    for (Date day = Day(kFirst); day <= Day(kLast); day = day + 1) {
      for (const char* table : {"t.pay", "t.scores"}) WriteDay(table, day, 100, &random);
    }
    context_.progress = this;
  }
  // Ids from `first_id` on; a key in ten is null.
  void WriteDay(const std::string& table, Date day, int64_t first_id, Random* random) {
    std::vector<Row> rows;
    for (int64_t n = 0; n < 200; ++n) {
      Row row = {first_id + n, Value(), static_cast<int64_t>(random->Below(1000)),
                 ToMillis(day.Start()) + static_cast<int64_t>(random->Below(86'400'000))};
      if (!random->OneIn(10)) row[1] = static_cast<int64_t>(random->Below(20));
      rows.push_back(std::move(row));
    }
    Write(table, FormatDate(day), "id LONG, k LONG, v LONG, at LONG", rows);
  }
  std::string Rows(const std::string& table) {
    return PrintRows(ReadTable(table, {"ds", "id", "k", "ts", "spent_v_sum_1d"}));
  }

  void OnPlan(const plan::BackfillPlan&) override {}
  void OnStep(const plan::Step& step, size_t, size_t) override {
    if (step.name == "second" && before_second_) before_second_();
  }
  void OnRows(uint64_t, uint64_t) override {}
  void OnPartition(Date, uint64_t, uint64_t) override {}

  std::function<void()> before_second_;
};

// Each Join by itself, which reads what it needs.
TEST_F(LeftOnceTest, AnswersAreThoseOfJoinsOnTheirOwn) {
  for (const char* key : {"k", "v"}) {  // The column of the events' keys, and another one.
    Backfilled(ConfOf(Second(key)), kFirst, kLast);
    const std::string together = Rows("t.second");
    EXPECT_NE(together.find("null"), std::string::npos);
    std::filesystem::remove_all(root_ + "/t.db/second");
    const RunReport alone = Backfilled(ConfOf(Second(key)), kFirst, kLast);
    EXPECT_TRUE(alone.steps.front().computed.empty());
    EXPECT_EQ(together, Rows("t.second")) << key;
  }
}

TEST_F(LeftOnceTest, FilesAreReadOnce) {
  Backfilled(ConfOf(Second()), kFirst, kLast);
  const std::string expected = Rows("t.second");
  for (const char* table : {"first", "second"}) {
    std::filesystem::remove_all(root_ + "/t.db/" + table);
  }
  // Who read these would find no values; by name, size and time they are as they were.
  size_t spoilt = 0;
  before_second_ = [&] {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + "/t.db/pay")) {
      if (entry.path().extension() != ".parquet") continue;
      const auto time = entry.last_write_time();
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(4);
      file << std::string(64, '\0');
      file.close();
      std::filesystem::last_write_time(entry.path(), time);
      ++spoilt;
    }
  };
  Backfilled(ConfOf(Second()), kFirst, kLast);
  EXPECT_EQ(spoilt, 4u);
  EXPECT_EQ(Rows("t.second"), expected);
}

TEST_F(LeftOnceTest, APartitionThatWasReplacedInBetweenIsReadAgain) {
  const Date replaced = Day(kFirst) + 1;
  before_second_ = [&] {
    Random random(kSeed + 1);
    WriteDay("t.pay", replaced, 5000, &random);
  };
  const conf::Conf confs[] = {ConfOf(First("first")), ConfOf(First("second"))};
  RunReport report;
  OrStop(RunBackfills(context_, confs, {Day(kFirst), Day(kLast)}, &report));
  for (const char* table : {"t.first", "t.second"}) {
    for (const Row& row : ReadTable(table, {"ds", "id"})) {
      const bool is_new = table == std::string("t.second") && row[0] == Value(FormatDate(replaced));
      ASSERT_EQ(std::get<int64_t>(row[1].data) >= 5000, is_new);
    }
  }
}

}  // namespace
}  // namespace catena::batch
