// SPDX-License-Identifier: Apache-2.0
#include "catena/table/table_facts.h"

#include <algorithm>
#include <optional>
#include <set>

#include "catena/sql/quote.h"

namespace catena::table {

namespace {

// ['a', 'b'] of file names, for read_parquet.
std::string FileList(const std::vector<PartitionFiles>& partitions) {
  std::string list;
  for (const PartitionFiles& partition : partitions) {
    for (const std::string& file : partition.files) {
      list += (list.empty() ? "[" : ", ") + sql::QuotePath(file);
    }
  }
  return list + "]";
}

using types::DataType;
using types::Kind;

std::optional<DataType> Widen(const DataType& a, const DataType& b) {
  if (a == b) return a;
  if (a.IsInteger() && b.IsInteger()) return a.kind < b.kind ? b : a;
  if (a.IsNumeric() && b.IsNumeric()) return DataType(Kind::kDouble);
  return std::nullopt;
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
  // Columns that the place of a file says are never taken from the file.
  explicit SchemaUnion(std::set<std::string> placed) : placed_(std::move(placed)) {}
  Status Add(const types::Schema& columns, const std::string& table, const std::string& file) {
    for (const types::Field& field : columns.fields) {
      if (field.name == kPartitionColumn || placed_.contains(field.name)) continue;
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
  std::set<std::string> placed_;
  types::Schema schema_;
  std::vector<std::string> first_file_;
};

// Columns besides the day's that the places of the files say, in their order.
std::vector<std::string> PlacedColumns(const std::vector<PartitionFiles>& partitions) {
  std::vector<std::string> columns;
  for (const PartitionFiles& partition : partitions) {
    for (const PathValues& values : partition.values) {
      for (const auto& [name, text] : values) {
        if (name == partition.column || name == kPartitionColumn) continue;
        if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
          columns.push_back(name);
        }
      }
    }
  }
  return columns;
}

struct FileColumn {
  std::string name;
  std::string type;
  int64_t id = -1;
};

// The columns of one file; nested ones are part of theirs.
Result<std::vector<FileColumn>> ColumnsOf(sql::Database* database, const std::string& file) {
  const std::string list = "[" + sql::QuotePath(file) + "]";
  CATENA_TRY(const auto described, database->Query("DESCRIBE SELECT * FROM read_parquet(" + list +
                                                   ", hive_partitioning = false)"));
  std::vector<FileColumn> columns;
  for (size_t row = 0; row < described.rows(); ++row) {
    columns.push_back(
        {std::string(described.column(0).Text(row)), std::string(described.column(1).Text(row))});
  }
  CATENA_TRY(const auto tree,
             database->Query("SELECT CAST(coalesce(num_children, 0) AS BIGINT), "
                             "CAST(coalesce(field_id, -1) AS BIGINT) FROM parquet_schema(" +
                             list + ")"));
  const auto children = tree.column(0).Values<int64_t>();
  int64_t inside = 0;  // So many more rows belong to the column before.
  size_t column = 0;
  for (size_t row = 1; row < tree.rows() && column < columns.size(); ++row) {
    if (inside == 0) columns[column++].id = tree.column(1).Values<int64_t>()[row];
    inside += children[row] - (inside > 0 ? 1 : 0);
  }
  return columns;
}

using Shape = std::map<std::string, TableFacts::StoredColumn>;

Shape PlainShape(const std::vector<FileColumn>& columns) {
  Shape shape;
  for (const FileColumn& column : columns) shape[column.name] = {column.name, column.type};
  return shape;
}

Shape DeclaredShape(const std::vector<FileColumn>& columns,
                    const std::vector<DeclaredColumn>& declared) {
  const bool has_ids = std::any_of(columns.begin(), columns.end(),
                                   [](const FileColumn& column) { return column.id >= 0; });
  Shape shape;
  for (const DeclaredColumn& wanted : declared) {
    const auto find = [&](const auto& matches) {
      const auto at = std::find_if(columns.begin(), columns.end(), matches);
      if (at == columns.end()) return false;
      shape[wanted.field.name] = {at->name, at->type};
      return true;
    };
    if (wanted.id && has_ids) {
      find([&](const FileColumn& column) { return column.id == *wanted.id; });
      continue;
    }
    for (const std::string& name : wanted.stored_names) {
      if (find([&](const FileColumn& column) { return column.name == name; })) break;
    }
  }
  return shape;
}

types::Schema WithoutDay(const std::vector<DeclaredColumn>& declared) {
  types::Schema schema;
  for (const DeclaredColumn& column : declared) {
    if (column.field.name != kPartitionColumn) schema.fields.push_back(column.field);
  }
  return schema;
}

Status CheckFileIndex(const std::vector<FileColumn>& columns, const std::string& table,
                      const std::string& file) {
  // DuckDB's name for the number of a file, by which values of its place are found.
  for (const FileColumn& column : columns) {
    if (column.name != "file_index") continue;
    return Unsupported(
        "a table with more partition columns than its day cannot have a column file_index; rename "
        "it: table " +
        table + ", " + file);
  }
  return Status();
}

}  // namespace

types::Schema TableFacts::WithPartitionColumn() const {
  types::Schema with = schema;
  with.fields.push_back({kPartitionColumn, Kind::kString});
  if (partition_column() != kPartitionColumn) {
    with.fields.push_back({partition_column(), Kind::kString});
  }
  return with;
}

Result<std::shared_ptr<const TableFacts>> ReadTableFacts(sql::Database* database,
                                                         const std::string& table,
                                                         TableFiles files) {
  if (files.partitions.empty() && !files.declared) {
    return NotFound(
        "table has no partition; write it first, for example with a backfill, "
        "`catena table load` or `catena topic archive`: " +
        table);
  }
  auto facts = std::make_shared<TableFacts>();
  facts->partitions = std::move(files.partitions);
  facts->is_declared = files.declared.has_value();
  if (files.declared) facts->schema = WithoutDay(*files.declared);
  if (facts->partitions.empty()) return std::shared_ptr<const TableFacts>(std::move(facts));
  const std::string list = FileList(facts->partitions);
  const std::vector<std::string> placed = PlacedColumns(facts->partitions);
  std::set<std::string> not_in_files(placed.begin(), placed.end());
  not_in_files.insert(facts->partition_column());
  CATENA_TRY(const auto shapes, FileShapes(database, list));
  std::map<std::string, size_t> known;
  SchemaUnion merged(std::move(not_in_files));
  for (const FileShape& file : shapes) {
    const auto [at, added] = known.emplace(file.shape, facts->shapes.size());
    facts->shape_of_file[file.file] = at->second;
    if (!added) continue;
    CATENA_TRY(const auto columns, ColumnsOf(database, file.file));
    const bool has_values = !facts->partitions.front().values.empty();
    if (has_values) CATENA_RETURN_IF_ERROR(CheckFileIndex(columns, table, file.file));
    facts->shapes.push_back(files.declared ? DeclaredShape(columns, *files.declared)
                                           : PlainShape(columns));
    if (files.declared) continue;
    CATENA_TRY(const auto types,
               database->Describe("SELECT * FROM read_parquet([" + sql::QuotePath(file.file) +
                                  "], hive_partitioning = false)"));
    CATENA_RETURN_IF_ERROR(merged.Add(types, table, file.file));
  }
  if (!files.declared) {
    facts->schema = merged.Take();
    for (const std::string& name : placed) facts->schema.fields.push_back({name, Kind::kString});
  }
  CATENA_TRY(const auto rows, database->Query("SELECT file_name, CAST(num_rows AS BIGINT) FROM "
                                              "parquet_file_metadata(" +
                                              list + ")"));
  for (size_t row = 0; row < rows.rows(); ++row) {
    facts->rows_of_file[std::string(rows.column(0).Text(row))] =
        static_cast<uint64_t>(rows.column(1).Values<int64_t>()[row]);
  }
  return std::shared_ptr<const TableFacts>(std::move(facts));
}

}  // namespace catena::table
