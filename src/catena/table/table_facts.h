// SPDX-License-Identifier: Apache-2.0
// TableFacts: the files of a table and the columns they agree on.
//
//   output  types widen across files: integers to the widest, integers and floats to DOUBLE
//   errors  kNotFound without a partition; kInvalidData for two types that do not widen, naming the
//           column and a day of each; kUnsupported for a Parquet type without one of ours
//   threads immutable once read

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/sql/database.h"
#include "catena/table/partition_files.h"
#include "catena/types/schema.h"

namespace catena::table {

inline constexpr const char* kPartitionColumn = "ds";
inline constexpr const char* kTopicPartitionColumn = "_topic_partition";
inline constexpr const char* kOffsetColumn = "_offset";

struct TableFacts {
  std::vector<PartitionFiles> partitions;
  types::Schema schema;  // Without the partition column.
  std::map<std::string, uint64_t> rows_of_file;
  // Files with the same columns share a shape: column name -> how DuckDB spells its type there.
  std::vector<std::map<std::string, std::string>> shapes;
  std::map<std::string, size_t> shape_of_file;

  // The column that the directories name; it is a text as they have it, and `ds` besides.
  const std::string& partition_column() const { return partitions.front().column; }
  // The schema, then `ds` STRING and the partition column: what expressions may use.
  types::Schema WithPartitionColumn() const;
};

Result<std::shared_ptr<const TableFacts>> ReadTableFacts(sql::Database* database,
                                                         const std::string& table,
                                                         std::vector<PartitionFiles> partitions);

// ['a', 'b'] of file names, for read_parquet.
std::string FileList(const std::vector<PartitionFiles>& partitions);

// A subquery of every column of WithPartitionColumn(), over the partitions inside `range`, in
// their order; columns that the files lack or spell otherwise are cast. Empty when there is none.
std::string TableSql(const TableFacts& facts, const PartitionRange& range);

}  // namespace catena::table
