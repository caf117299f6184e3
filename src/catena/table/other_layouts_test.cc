// SPDX-License-Identifier: Apache-2.0
// Tables whose days stand in another column or spelling than ds=YYYY-MM-DD.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "catena/table/table.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using types::Batch;
using types::Value;

Date Day(int number) { return ParseDate("2026-11-01").value() + (number - 1); }

class OtherLayoutsTest : public testing::Test {
 protected:
  OtherLayoutsTest() {
    root_ = fs::temp_directory_path() / ("catena_layouts_" + std::to_string(getpid()));
    database_ = sql::Database::Open({}).value();
    warehouse_.emplace(Warehouse::Create(root_, database_.get()).value());
  }
  ~OtherLayoutsTest() override { fs::remove_all(root_); }
  Table Find(const char* name) { return warehouse_->Find(name).value(); }
  // As another system writes: one file of one row in the directory of that name.
  void Put(const Table& table, const std::string& directory, int id) {
    const fs::path path = fs::path(table.directory()) / directory;
    fs::create_directories(path);
    const Status written = database_->CopyToParquet(
        "SELECT " + std::to_string(id) + "::BIGINT AS id, 'inside' AS dt", path / "0.parquet");
    ASSERT_TRUE(written.ok()) << written.error().message;
  }

  fs::path root_;
  std::unique_ptr<sql::Database> database_;
  std::optional<Warehouse> warehouse_;
};

TEST_F(OtherLayoutsTest, DaysInAnyColumnAndSpelling) {
  const std::vector<std::vector<std::string>> spellings = {
      {"20261101", "20261103"},     {"2026-11-01", "2026-11-03"}, {"2026_11_01", "2026_11_03"},
      {"2026.11.01", "2026.11.03"}, {"20261101", "2026-11-03"},
  };
  for (const auto& days : spellings) {
    const Table table = Find("data.theirs");
    fs::remove_all(table.directory());
    Put(table, "dt=" + days[1], 2);
    Put(table, "dt=" + days[0], 1);
    fs::create_directories(fs::path(table.directory()) / "dt=__HIVE_DEFAULT_PARTITION__");
    EXPECT_EQ(table.Partitions().value(), (std::vector<Date>{Day(1), Day(3)}));
    EXPECT_EQ(table.SchemaOf()->ToString(), "id LONG");
    EXPECT_FALSE(table.IsSpelledOurWay().value());
    ScanRequest request;
    request.with_ds = true;
    const Batch all = table.Read(request).value();
    EXPECT_EQ(all.Row(0), (std::vector<Value>{1, "2026-11-01"})) << days[0];
    EXPECT_EQ(all.Row(1), (std::vector<Value>{2, "2026-11-03"})) << days[1];
    // The column itself may be used, and holds what the directory says, not the file.
    request.expressions = {{"twice", "dt || '|' || ds"}};
    request.wheres = {"dt = '" + days[1] + "'"};
    for (const bool one_day : {false, true}) {
      if (one_day) request.range = PartitionRange::Of(Day(3));
      const Batch last = table.Read(request).value();
      ASSERT_EQ(last.rows(), 1u);
      EXPECT_EQ(last.Row(0), (std::vector<Value>{days[1] + "|2026-11-03", "2026-11-03"}));
    }
    request.range = PartitionRange::Of(Day(2));
    EXPECT_EQ(table.Read(request)->rows(), 0u);
  }
}

TEST_F(OtherLayoutsTest, DsOutdoesOtherColumns) {
  const Table table = Find("data.both");
  Put(table, "ds=20261101", 1);
  Put(table, "dt=2026-11-02", 2);
  EXPECT_EQ(table.Partitions().value(), (std::vector<Date>{Day(1)}));
  ScanRequest request;
  request.with_ds = true;
  EXPECT_EQ(table.Read(request)->Row(0), (std::vector<Value>{1, "inside", "2026-11-01"}));
}

TEST_F(OtherLayoutsTest, WhatIsAmbiguousIsRefused) {
  const Table twice = Find("data.twice");
  Put(twice, "dt=20261101", 1);
  Put(twice, "dt=2026-11-01", 2);
  auto partitions = twice.Partitions();
  ASSERT_FALSE(partitions.ok());
  EXPECT_EQ(partitions.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(partitions.error().message, HasSubstr("dt=2026-11-01, dt=20261101"));
  const Table two = Find("data.two");
  Put(two, "dt=20261101", 1);
  Put(two, "day=20261102", 2);
  EXPECT_THAT(two.Partitions().error().message, HasSubstr("two columns"));
}

TEST_F(OtherLayoutsTest, MoreColumnsAboveAndBelowTheDay) {
  const std::vector<std::vector<std::string>> layouts = {
      {"ds=2026-11-01/hr=07/dt=a%2Fb", "ds=2026-11-01/hr=08/dt=c",
       "ds=2026-11-02/hr=__HIVE_DEFAULT_PARTITION__/dt=a%2Fb", "ds=2026-11-02/hr=07/dt=100%"},
      {"dt=a%2Fb/ds=20261101/hr=07", "dt=c/ds=20261101/hr=08",
       "dt=a%2Fb/ds=20261102/hr=__HIVE_DEFAULT_PARTITION__", "dt=100%/ds=20261102/hr=07"}};
  const std::vector<std::vector<Value>> rows = {{1, "a/b", "07", "2026-11-01"},
                                                {2, "c", "08", "2026-11-01"},
                                                {4, "100%", "07", "2026-11-02"},
                                                {3, "a/b", Value(), "2026-11-02"}};
  for (const auto& layout : layouts) {
    const Table table = Find("data.hourly");
    fs::remove_all(table.directory());
    for (size_t i = 0; i < layout.size(); ++i) Put(table, layout[i], static_cast<int>(i) + 1);
    EXPECT_FALSE(table.IsSpelledOurWay().value());
    ScanRequest request;
    request.columns = {"id", "dt", "hr"};
    request.with_ds = true;
    const auto answered = [&](std::vector<int> which) {
      std::vector<std::vector<Value>> wanted;
      std::vector<std::vector<Value>> got;
      for (const int i : which) wanted.push_back(rows[i]);
      const Batch batch = table.Read(request).value();
      for (size_t row = 0; row < batch.rows(); ++row) got.push_back(batch.Row(row));
      EXPECT_THAT(got, testing::UnorderedElementsAreArray(wanted));
    };
    answered({0, 1, 2, 3});
    EXPECT_EQ(table.SchemaOf()->Find("hr").has_value(), true);
    request.wheres = {"hr = '07'"};
    answered({0, 2});
    request.wheres = {"ds >= '2026-11-02'"};
    answered({2, 3});
    request.wheres = {"hr IS NULL OR dt = 'c'"};
    answered({1, 3});
    request.range = PartitionRange::Of(Day(2));
    answered({3});
    request.wheres = {"id % 2 = 1"};
    answered({3});
  }
}

// Days read by the numbers of their files, against the same rows in a table of ours.
TEST_F(OtherLayoutsTest, ManyFilesOfManyColumnsInOrder) {
  const Table theirs = Find("data.theirs");
  const Table ours = Find("data.ours");
  for (int day = 1; day <= 4; ++day) {
    std::string all;
    for (int hour = 10; hour < 14; ++hour) {
      const std::string select = "SELECT range + " + std::to_string(day * 1000000 + hour * 10000) +
                                 " AS id FROM range(" +
                                 std::to_string(1 + (day * 7 + hour * 5) % 11 * 300) + ")";
      const fs::path path = fs::path(theirs.directory()) / ("ds=" + FormatDate(Day(day))) /
                            ("hr=" + std::to_string(hour));
      fs::create_directories(path);
      ASSERT_TRUE(database_->CopyToParquet(select, path / "0.parquet").ok());
      all += (all.empty() ? "" : " UNION ALL ") + ("SELECT id, '" + std::to_string(hour)) +
             "' AS hr FROM (" + select + ")";
    }
    ASSERT_TRUE(ours.WritePartition(Day(day), all).ok());
  }
  for (const char* where : {"true", "id % 3 = 0", "hr = '12'", "ds > '2026-11-02' AND hr < '12'"}) {
    ScanRequest request;
    request.with_ds = true;
    request.wheres = {where};
    const Batch got = theirs.Read(request).value();
    const Batch wanted = ours.Read(request).value();
    ASSERT_EQ(got.rows(), wanted.rows()) << where;
    ASSERT_GT(got.rows(), 0u);
    for (size_t row = 0; row < got.rows(); ++row) ASSERT_EQ(got.Row(row), wanted.Row(row)) << row;
  }
}

TEST_F(OtherLayoutsTest, AFileIndexOfTheirsIsRefused) {
  const Table table = Find("data.hourly");
  const fs::path path = fs::path(table.directory()) / "ds=2026-11-01/hr=07";
  fs::create_directories(path);
  ASSERT_TRUE(database_->CopyToParquet("SELECT 1 AS file_index", path / "0.parquet").ok());
  const auto schema = table.SchemaOf();
  ASSERT_FALSE(schema.ok());
  EXPECT_EQ(schema.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(schema.error().message, HasSubstr("rename it: table data.hourly"));
}

TEST_F(OtherLayoutsTest, AreNeverWritten) {
  const Table table = Find("data.theirs");
  Put(table, "ds=20261101", 1);
  const auto written = table.WritePartition(Day(2), std::string("SELECT 1 AS id"));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(written.error().message, HasSubstr("ds=20261101"));
  EXPECT_EQ(table.Partitions().value(), (std::vector<Date>{Day(1)}));
  const Table hourly = Find("data.hourly");
  Put(hourly, "ds=2026-11-01/hr=07", 1);
  const auto replaced = hourly.WritePartition(Day(1), std::string("SELECT 1 AS id"));
  ASSERT_FALSE(replaced.ok());
  EXPECT_THAT(replaced.error().message, HasSubstr("more partition columns than ds"));
  EXPECT_FALSE(hourly.DropPartition(Day(1)).ok());
  const Table regional = Find("data.regional");
  Put(regional, "region=eu/ds=2026-11-01", 1);
  EXPECT_FALSE(regional.WritePartition(Day(1), std::string("SELECT 1 AS id")).ok());
  EXPECT_EQ(regional.Partitions().value(), (std::vector<Date>{Day(1)}));
}

}  // namespace
}  // namespace catena::table
