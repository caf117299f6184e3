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

TEST_F(OtherLayoutsTest, AreNeverWritten) {
  const Table table = Find("data.theirs");
  Put(table, "ds=20261101", 1);
  const auto written = table.WritePartition(Day(2), std::string("SELECT 1 AS id"));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(written.error().message, HasSubstr("ds=20261101"));
  EXPECT_EQ(table.Partitions().value(), (std::vector<Date>{Day(1)}));
}

}  // namespace
}  // namespace catena::table
