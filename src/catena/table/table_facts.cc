// SPDX-License-Identifier: Apache-2.0
#include "catena/table/table_facts.h"

#include <algorithm>
#include <optional>
#include <set>

#include "catena/sql/quote.h"

namespace catena::table {

namespace {

using types::DataType;
using types::Kind;

std::optional<DataType> Widen(const DataType& a, const DataType& b) {
  if (a == b) return a;
  if (a.IsInteger() && b.IsInteger()) return a.kind < b.kind ? b : a;
  if (a.IsNumeric() && b.IsNumeric()) return DataType(Kind::kDouble);
  return std::nullopt;
}

std::string ReadParquet(const std::string& list, bool by_name, bool with_file) {
  return "read_parquet(" + list +
         ", hive_partitioning = false, union_by_name = " + (by_name ? "true" : "false") +
         (with_file ? ", filename = '__catena_file'" : "") + ")";
}

// The day of a row as its directory has it.
std::string DayText() { return "regexp_extract(__catena_file, '=([^/=]*)/[^/]*$', 1)"; }

bool IsDashed(const PartitionFiles& partition) {
  return partition.files.front().find("=" + FormatDate(partition.ds) + "/") != std::string::npos;
}

struct FileShape {
  std::string file;
  std::string shape;
};

// One query over all footers; equal texts are equal columns.
Result<std::vector<FileShape>> FileShapes(sql::Database* database, const std::string& list) {
  CATENA_TRY(
      const auto rows,
      database->Query("SELECT file_name, concat_ws('|', name, type, type_length, repetition_type, "
                      "num_children, "
                      "converted_type, scale, precision, logical_type) FROM parquet_schema(" +
                      list + ")"));
  std::vector<FileShape> shapes;
  for (size_t row = 0; row < rows.rows(); ++row) {
    const std::string_view file = rows.column(0).Text(row);
    if (shapes.empty() || shapes.back().file != file) shapes.push_back({std::string(file), ""});
    shapes.back().shape.append(rows.column(1).Text(row)).append("\n");
  }
  return shapes;
}

// Merges the columns of the files into one schema.
class SchemaUnion {
 public:
  explicit SchemaUnion(std::string partition_column)
      : partition_column_(std::move(partition_column)) {}
  Status Add(const types::Schema& columns, const std::string& table, const std::string& file) {
    for (const types::Field& field : columns.fields) {
      if (field.name == kPartitionColumn || field.name == partition_column_) continue;
      const auto known = schema_.Find(field.name);
      if (!known) {
        schema_.fields.push_back(field);
        first_file_.push_back(file);
        continue;
      }
      DataType& type = schema_.fields[*known].type;
      const auto widened = Widen(type, field.type);
      if (!widened) {
        return InvalidData(
            "partitions of a table disagree about the type of a column; write one "
            "of them anew: table " +
            table + ", column " + field.name + ": " + TypeName(type) + " in " +
            first_file_[*known] + ", " + TypeName(field.type) + " in " + file);
      }
      type = *widened;
    }
    return Status();
  }
  types::Schema Take() { return std::move(schema_); }

 private:
  std::string partition_column_;
  types::Schema schema_;
  std::vector<std::string> first_file_;
};

}  // namespace

types::Schema TableFacts::WithPartitionColumn() const {
  types::Schema with = schema;
  with.fields.push_back({kPartitionColumn, Kind::kString});
  if (partition_column() != kPartitionColumn) {
    with.fields.push_back({partition_column(), Kind::kString});
  }
  return with;
}

std::string FileList(const std::vector<PartitionFiles>& partitions) {
  std::string list;
  for (const PartitionFiles& partition : partitions) {
    for (const std::string& file : partition.files) {
      list += (list.empty() ? "[" : ", ") + sql::QuotePath(file);
    }
  }
  return list + "]";
}

Result<std::shared_ptr<const TableFacts>> ReadTableFacts(sql::Database* database,
                                                         const std::string& table,
                                                         std::vector<PartitionFiles> partitions) {
  if (partitions.empty()) {
    return NotFound(
        "table has no partition; write it first, for example with a backfill, "
        "`catena table load` or `catena topic archive`: " +
        table);
  }
  auto facts = std::make_shared<TableFacts>();
  facts->partitions = std::move(partitions);
  const std::string list = FileList(facts->partitions);
  CATENA_TRY(const auto files, FileShapes(database, list));
  std::map<std::string, size_t> known;
  SchemaUnion merged(facts->partition_column());
  for (const FileShape& file : files) {
    const auto [at, added] = known.emplace(file.shape, facts->shapes.size());
    facts->shape_of_file[file.file] = at->second;
    if (!added) continue;
    const std::string select =
        "SELECT * FROM " + ReadParquet("[" + sql::QuotePath(file.file) + "]", false, false);
    CATENA_TRY(const auto columns, database->Describe(select));
    CATENA_TRY(const auto spelled, database->Query("DESCRIBE " + select));
    auto& shape = facts->shapes.emplace_back();
    for (size_t row = 0; row < spelled.rows(); ++row) {
      shape[std::string(spelled.column(0).Text(row))] = spelled.column(1).Text(row);
    }
    CATENA_RETURN_IF_ERROR(merged.Add(columns, table, file.file));
  }
  facts->schema = merged.Take();
  CATENA_TRY(const auto rows, database->Query("SELECT file_name, CAST(num_rows AS BIGINT) FROM "
                                              "parquet_file_metadata(" +
                                              list + ")"));
  for (size_t row = 0; row < rows.rows(); ++row) {
    facts->rows_of_file[std::string(rows.column(0).Text(row))] =
        static_cast<uint64_t>(rows.column(1).Values<int64_t>()[row]);
  }
  return std::shared_ptr<const TableFacts>(std::move(facts));
}

std::string TableSql(const TableFacts& facts, const PartitionRange& range) {
  std::vector<PartitionFiles> partitions;
  std::set<size_t> shapes;
  for (const PartitionFiles& partition : facts.partitions) {
    if (!range.Contains(partition.ds)) continue;
    partitions.push_back(partition);
    for (const std::string& file : partition.files) shapes.insert(facts.shape_of_file.at(file));
  }
  if (partitions.empty()) return "";

  std::string sql = "(SELECT ";
  for (const types::Field& field : facts.schema.fields) {
    const std::string name = sql::QuoteName(field.name);
    const std::string wanted = sql::SqlTypeName(field.type);
    bool present = false;
    bool same = true;
    for (const size_t shape : shapes) {
      const auto found = facts.shapes[shape].find(field.name);
      if (found == facts.shapes[shape].end()) continue;
      present = true;
      same = same && found->second == wanted;
    }
    if (!present) {
      sql += "CAST(NULL AS " + wanted + ") AS " + name + ", ";
    } else {
      sql += same ? name + ", " : "CAST(" + name + " AS " + wanted + ") AS " + name + ", ";
    }
  }
  const bool ours = facts.partition_column() == kPartitionColumn;
  const bool one_day = partitions.size() == 1;
  const bool dashed = std::all_of(partitions.begin(), partitions.end(), IsDashed);
  if (one_day) {
    sql += sql::QuoteText(FormatDate(partitions[0].ds));
  } else if (dashed) {
    sql += DayText();
  } else {
    sql += "regexp_replace(" + DayText() + R"(, '^(\d{4})\D?(\d\d)\D?', '\1-\2-'))";
  }
  sql += std::string(" AS ") + kPartitionColumn;
  if (!ours) sql += ", " + DayText() + " AS " + sql::QuoteName(facts.partition_column());
  return sql + " FROM " + ReadParquet(FileList(partitions), shapes.size() > 1, !one_day || !ours) +
         ")";
}

}  // namespace catena::table
