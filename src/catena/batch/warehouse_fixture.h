// SPDX-License-Identifier: Apache-2.0
// WarehouseTest: a warehouse in a temporary folder, small tables written and read as rows of
// Values. For tests only.

#pragma once

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

class TemporaryWarehouse {
 public:
  TemporaryWarehouse() {
    std::string pattern = (std::filesystem::temp_directory_path() / "batch-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    database_ = OrStop(sql::Database::Open({}));
    warehouse_ = std::make_unique<table::Warehouse>(
        OrStop(table::Warehouse::Create(root_, database_.get())));
    context_ = BatchContext{database_.get(), warehouse_.get(), &clock_, nullptr};
  }
  ~TemporaryWarehouse() {
    warehouse_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }

  template <typename T>
  static T OrStop(Result<T> result) {
    CATENA_CHECK(result.ok(), result.ok() ? "" : result.error().message);
    return std::move(result).value();
  }
  static void OrStop(const Status& status) {
    CATENA_CHECK(status.ok(), status.ok() ? "" : status.error().message);
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
    for (const Row& row : rows) OrStop(builder.AppendRow(row));
    OrStop(warehouse_->Find(table)->WritePartition(Day(day), builder.Build()));
  }

  // The asked columns of all rows, in stored order.
  std::vector<Row> ReadTable(const std::string& table, const std::vector<std::string>& columns) {
    table::ScanRequest request;
    request.columns = columns;
    const types::Batch batch = OrStop(warehouse_->Find(table)->Read(request));
    std::vector<Row> rows;
    for (size_t row = 0; row < batch.rows(); ++row) rows.push_back(batch.Row(row));
    return rows;
  }

  static conf::Conf ConfOf(const std::string& json) {
    return OrStop(conf::ParseConf(OrStop(ParseJson(json, "test")), "test"));
  }

  RunReport Backfilled(const conf::Conf& conf, const std::string& start, const std::string& end) {
    return OrStop(Backfill(context_, conf, {Day(start), Day(end)}));
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
