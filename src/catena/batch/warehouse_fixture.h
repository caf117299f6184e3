// SPDX-License-Identifier: Apache-2.0
// WarehouseTest: a warehouse in a temporary folder, small tables written and read as rows of Values.
// For tests only.

#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "catena/batch/runner.h"
#include "catena/types/value.h"

namespace catena::batch {

using types::Value;
using Row = std::vector<Value>;

inline Date Day(const std::string& text) { return *ParseDate(text); }

// Milliseconds of "2026-03-05" plus hours, minutes and milliseconds.
inline int64_t At(const std::string& day, int hours = 0, int minutes = 0, int64_t millis = 0) {
  return ToMillis(Day(day).Start()) + (hours * 60 + minutes) * int64_t{60000} + millis;
}

class WarehouseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "batch-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    auto database = sql::Database::Open({});
    ASSERT_TRUE(database.ok()) << database.error().message;
    database_ = std::move(database).value();
    auto warehouse = table::Warehouse::Create(root_, database_.get());
    ASSERT_TRUE(warehouse.ok()) << warehouse.error().message;
    warehouse_ = std::make_unique<table::Warehouse>(std::move(warehouse).value());
    context_ = BatchContext{database_.get(), warehouse_.get(), &clock_, nullptr};
  }
  void TearDown() override {
    warehouse_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }

  // `columns` as "user STRING, amount DOUBLE".
  static types::Schema SchemaOf(const std::string& columns) {
    types::Schema schema;
    size_t at = 0;
    while (at < columns.size()) {
      size_t end = columns.find(", ", at);
      if (end == std::string::npos) end = columns.size();
      const std::string field = columns.substr(at, end - at);
      const size_t space = field.find(' ');
      schema.fields.push_back({field.substr(0, space), *types::ParseType(field.substr(space + 1))});
      at = end + 2;
    }
    return schema;
  }

  void Write(const std::string& table, const std::string& day, const std::string& columns,
             const std::vector<Row>& rows) {
    types::BatchBuilder builder(SchemaOf(columns));
    for (const Row& row : rows) {
      const Status appended = builder.AppendRow(row);
      ASSERT_TRUE(appended.ok()) << appended.error().message;
    }
    const Status written = warehouse_->Find(table)->WritePartition(Day(day), builder.Build());
    ASSERT_TRUE(written.ok()) << written.error().message;
  }

  // The asked columns of all rows, in stored order.
  std::vector<Row> ReadTable(const std::string& table, const std::vector<std::string>& columns) {
    table::ScanRequest request;
    request.columns = columns;
    auto batch = warehouse_->Find(table)->Read(request);
    EXPECT_TRUE(batch.ok()) << batch.error().message;
    std::vector<Row> rows;
    for (size_t row = 0; batch.ok() && row < batch->rows(); ++row) rows.push_back(batch->Row(row));
    return rows;
  }

  static conf::Conf ConfOf(const std::string& json) {
    auto parsed = ParseJson(json, "test");
    EXPECT_TRUE(parsed.ok()) << parsed.error().message;
    auto conf = conf::ParseConf(*parsed, "test");
    EXPECT_TRUE(conf.ok()) << conf.error().message;
    return std::move(conf).value();
  }

  RunReport Backfilled(const conf::Conf& conf, const std::string& start, const std::string& end) {
    auto report = Backfill(context_, conf, {Day(start), Day(end)});
    EXPECT_TRUE(report.ok()) << report.error().message;
    return report.ok() ? std::move(report).value() : RunReport{};
  }

  std::string root_;
  SimulatedClock clock_{FromMillis(At("2026-03-20"))};
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<table::Warehouse> warehouse_;
  BatchContext context_;
};

// "[null, 1, \"a\"]" a line: what gtest prints of rows that differ.
inline std::string PrintRows(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) text += PrintJson(types::ToJson(Value(types::ValueList(row)))) + "\n";
  return text;
}

}  // namespace catena::batch
