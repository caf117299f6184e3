// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catena/table/table.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using types::Batch;
using types::Kind;
using types::Value;

Date Day(int number) { return ParseDate("2026-11-01").value() + (number - 1); }

class CsvTableTest : public testing::Test {
 protected:
  CsvTableTest() {
    root_ = fs::temp_directory_path() / ("catena_csv_" + std::to_string(getpid()));
    database_ = sql::Database::Open({}).value();
    warehouse_.emplace(Warehouse::Create(root_, database_.get()).value());
  }
  ~CsvTableTest() override { fs::remove_all(root_); }
  Table Find(const char* name) { return warehouse_->Find(name).value(); }

  fs::path root_;
  std::unique_ptr<sql::Database> database_;
  std::optional<Warehouse> warehouse_;
};

TEST_F(CsvTableTest, CsvBecomesPartitions) {
  const fs::path csv = root_ / "rows.csv";
  std::ofstream(csv) << "ds,ts,id,name,email_verified,when\n"
                        "2026-11-02,1700000000000,A-1,\"x, y\",0,2019-06-17\n"
                        "2026-11-01,1700000000001,B-2,,1,2020-01-01\n"
                        "2026-11-02,1700000000002,C-3,z,1,\n";
  const Table table = Find("data.csv");
  CsvOptions options;
  options.declared.fields = {{"email_verified", Kind::kInt}};
  EXPECT_EQ(ImportCsv(database_.get(), csv, table, options).value(),
            (std::vector<Date>{Day(1), Day(2)}));
  const Batch rows = table.Read({}).value();
  EXPECT_EQ(rows.schema().ToString(),
            "ts LONG, id STRING, name STRING, email_verified INT, when STRING");
  EXPECT_EQ(rows.Row(0), (std::vector<Value>{1700000000001, "B-2", Value(), 1, "2020-01-01"}));
  EXPECT_EQ(rows.Row(1), (std::vector<Value>{1700000000000, "A-1", "x, y", 0, "2019-06-17"}));

  EXPECT_EQ(ImportCsv(database_.get(), root_ / "no.csv", table).error().code, ErrorCode::kNotFound);
  options.partition_column = "day";
  EXPECT_THAT(ImportCsv(database_.get(), csv, table, options).error().message,
              HasSubstr("lacks a column: day"));
  std::ofstream(csv) << "ds,n\n2026-11-01,1\nyesterday,2\n";
  EXPECT_THAT(ImportCsv(database_.get(), csv, table).error().message,
              HasSubstr("'yesterday', about line 3"));
  std::ofstream(csv) << "ds,n\n2026-11-01,1\n2026-11-01,many\n";
  CsvOptions numbers;
  numbers.declared.fields = {{"n", Kind::kLong}};
  const auto misfit = ImportCsv(database_.get(), csv, table, numbers);
  ASSERT_FALSE(misfit.ok());
  EXPECT_EQ(misfit.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(misfit.error().message, HasSubstr("Line: 3"));
}

}  // namespace
}  // namespace catena::table
