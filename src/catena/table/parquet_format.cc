// SPDX-License-Identifier: Apache-2.0
// One Parquet file with the day in a column.
#include "catena/sql/quote.h"
#include "catena/table/file_format.h"

namespace catena::table {
namespace {

std::string From(const std::string& path, const types::Schema&) {
  return "read_parquet(" + sql::QuotePath(path) + ", hive_partitioning = false)";
}

}  // namespace

FileFormat ParquetFormat() { return {"Parquet", {".parquet"}, false, From}; }

}  // namespace catena::table
