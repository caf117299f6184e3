// SPDX-License-Identifier: Apache-2.0
// TableFacts: the files of a table and the columns they agree on.
//
//   output  types widen across files: integers to the widest, integers and floats to DOUBLE
//   errors  kNotFound without a partition, unless the columns are declared; kInvalidData for two
//           types that do not widen, naming the column and a day of each; kUnsupported for a
//           Parquet type without one of ours
//   threads immutable once read

#pragma once

#include <map>
#include <memory>
#include <optional>
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

// A column as the metadata of a table declares it, and how to find it in a file.
struct DeclaredColumn {
  types::Field field;
  std::optional<int64_t> id;              // Of the field, in Parquet files that have ids.
  std::vector<std::string> stored_names;  // In files without: the first one that is there.
};

// The files of a table, and its columns where its metadata says more of them than the files do.
struct TableFiles {
  std::vector<PartitionFiles> partitions;
  std::optional<std::vector<DeclaredColumn>> declared;
};

struct TableFacts {
  struct StoredColumn {
    std::string name;  // In the file.
    std::string type;  // As DuckDB spells it there.
  };
  std::vector<PartitionFiles> partitions;
  types::Schema schema;  // Without the partition column.
  std::map<std::string, uint64_t> rows_of_file;
  // Files with the same columns share a shape: column -> how it is stored there.
  std::vector<std::map<std::string, StoredColumn>> shapes;
  std::map<std::string, size_t> shape_of_file;
  bool is_declared = false;  // A column may have other names in other files.

  // The column that the directories name; it is a text as they have it, and `ds` besides.
  std::string partition_column() const {
    return partitions.empty() ? kPartitionColumn : partitions.front().column;
  }
  // The schema, then `ds` STRING and the partition column: what expressions may use.
  types::Schema WithPartitionColumn() const;
};

Result<std::shared_ptr<const TableFacts>> ReadTableFacts(sql::Database* database,
                                                         const std::string& table,
                                                         TableFiles files);

// A subquery of every column of WithPartitionColumn(), over the partitions inside `range`, in
// their order; columns that the files lack or spell otherwise are cast.
std::string TableSql(const TableFacts& facts, const PartitionRange& range);

}  // namespace catena::table
