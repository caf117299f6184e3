// SPDX-License-Identifier: Apache-2.0
// How the files of a table become one subquery.
#include <algorithm>
#include <set>

#include "catena/sql/quote.h"
#include "catena/table/table_facts.h"

namespace catena::table {
namespace {

struct ScannedFile {
  const PartitionFiles* partition;
  const std::string* path;
  const PathValues* values;  // Null when its directory says the day alone.
  size_t shape;
};

// Files that one read_parquet reads.
class Run {
 public:
  Run(const TableFacts& facts, std::vector<ScannedFile> files)
      : facts_(facts), files_(std::move(files)) {
    for (const ScannedFile& file : files_) shapes_.insert(file.shape);
    has_values_ = files_.front().values != nullptr;
    const auto other_day = [&](const ScannedFile& file) {
      return file.partition->ds != files_.front().partition->ds;
    };
    one_day_ = std::none_of(files_.begin(), files_.end(), other_day);
  }

  std::string Select() const {
    std::string sql = "SELECT ";
    for (const types::Field& field : facts_.schema.fields) {
      sql += Column(field) + " AS " + sql::QuoteName(field.name) + ", ";
    }
    sql += Day() + " AS " + kPartitionColumn;
    const std::string& column = facts_.partition_column();
    if (column != kPartitionColumn) {
      sql +=
          ", " + (has_values_ ? Placed(column, "") : DayText()) + " AS " + sql::QuoteName(column);
    }
    return sql + " FROM " + ReadParquet();
  }

 private:
  // The day of a row as its directory has it.
  static std::string DayText() { return "regexp_extract(__catena_file, '=([^/=]*)/[^/]*$', 1)"; }

  std::string Column(const types::Field& field) const {
    const std::string wanted = sql::SqlTypeName(field.type);
    const TableFacts::StoredColumn* stored = nullptr;
    bool same = true;
    for (const size_t shape : shapes_) {
      const auto found = facts_.shapes[shape].find(field.name);
      if (found == facts_.shapes[shape].end()) continue;
      stored = &found->second;
      same = same && found->second.type == wanted;
    }
    if (IsPlaced(field.name) && (stored == nullptr || !facts_.is_declared)) {
      return Placed(field.name, field.type == types::Kind::kString ? "" : wanted);
    }
    if (stored == nullptr) return "CAST(NULL AS " + wanted + ")";
    const std::string name = sql::QuoteName(stored->name);
    return same ? name : "CAST(" + name + " AS " + wanted + ")";
  }

  bool IsPlaced(const std::string& column) const {
    return has_values_ && std::any_of(files_.begin(), files_.end(), [&](const ScannedFile& file) {
             return TextOf(*file.values, column) != nullptr;
           });
  }

  static const std::optional<std::string>* TextOf(const PathValues& values,
                                                  const std::string& column) {
    for (const auto& [name, text] : values) {
      if (name == column) return &text;
    }
    return nullptr;
  }

  // What the place of each file says, by the number that DuckDB gives it.
  std::string Placed(const std::string& column, const std::string& type) const {
    std::vector<std::string> texts;
    for (const ScannedFile& file : files_) {
      const auto* text = TextOf(*file.values, column);
      texts.push_back(text != nullptr && *text ? sql::QuoteText(**text) : "NULL");
    }
    const std::string value = ByFile(texts);
    return "CAST(" + value + " AS " + (type.empty() ? "VARCHAR" : type) + ")";
  }

  static std::string ByFile(const std::vector<std::string>& texts) {
    const auto same = [&](const std::string& text) { return text == texts.front(); };
    if (std::all_of(texts.begin(), texts.end(), same)) return texts.front();
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + text;
    return "([" + list + "])[CAST(file_index AS BIGINT) + 1]";
  }

  std::string Day() const {
    if (one_day_) return sql::QuoteText(FormatDate(files_.front().partition->ds));
    if (has_values_) {
      std::vector<std::string> days;
      for (const ScannedFile& file : files_) {
        days.push_back(sql::QuoteText(FormatDate(file.partition->ds)));
      }
      return ByFile(days);
    }
    const bool dashed = std::all_of(files_.begin(), files_.end(), [](const ScannedFile& file) {
      return file.path->find("=" + FormatDate(file.partition->ds) + "/") != std::string::npos;
    });
    if (dashed) return DayText();
    return "regexp_replace(" + DayText() + R"(, '^(\d{4})\D?(\d\d)\D?', '\1-\2-'))";
  }

  std::string ReadParquet() const {
    std::string list;
    for (const ScannedFile& file : files_) {
      list += (list.empty() ? "" : ", ") + sql::QuotePath(*file.path);
    }
    // Never both: a filter on the name of a file changes the numbers of the others.
    const bool ours = facts_.partition_column() == kPartitionColumn;
    const bool with_file = !has_values_ && (!one_day_ || !ours);
    return "read_parquet([" + list + "], hive_partitioning = false, union_by_name = " +
           (shapes_.size() > 1 ? "true" : "false") +
           (with_file ? ", filename = '__catena_file'" : "") + ")";
  }

  const TableFacts& facts_;
  std::vector<ScannedFile> files_;
  std::set<size_t> shapes_;
  bool has_values_ = false;
  bool one_day_ = true;
};

std::string NoRows(const TableFacts& facts) {
  std::string columns;
  for (const types::Field& field : facts.WithPartitionColumn().fields) {
    columns += (columns.empty() ? "" : ", ") + std::string("CAST(NULL AS ") +
               sql::SqlTypeName(field.type) + ") AS " + sql::QuoteName(field.name);
  }
  return "SELECT " + columns + " WHERE false";
}

}  // namespace

std::string TableSql(const TableFacts& facts, const PartitionRange& range) {
  std::vector<std::vector<ScannedFile>> runs;
  for (const PartitionFiles& partition : facts.partitions) {
    if (!range.Contains(partition.ds)) continue;
    for (size_t i = 0; i < partition.files.size(); ++i) {
      const ScannedFile file{&partition, &partition.files[i],
                             partition.values.empty() ? nullptr : &partition.values[i],
                             facts.shape_of_file.at(partition.files[i])};
      // One name may be another column in files of another shape.
      const bool other =
          facts.is_declared && !runs.empty() && runs.back().back().shape != file.shape;
      if (runs.empty() || other) runs.emplace_back();
      runs.back().push_back(file);
    }
  }
  std::string sql;
  for (std::vector<ScannedFile>& run : runs) {
    sql += (sql.empty() ? "" : " UNION ALL ") + Run(facts, std::move(run)).Select();
  }
  return "(" + (sql.empty() ? NoRows(facts) : sql) + ")";
}

}  // namespace catena::table
