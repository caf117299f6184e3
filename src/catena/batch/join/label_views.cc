// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join/label_views.h"

#include <filesystem>
#include <map>

#include "catena/sql/quote.h"
#include "catena/table/partition_files.h"

namespace catena::batch {
namespace {

namespace fs = std::filesystem;

// Files of labels by day, versions ascending.
using FilesByDay = std::map<Date, std::map<Date, std::vector<std::string>>>;

Result<FilesByDay> FilesOf(const std::string& labels_directory) {
  constexpr std::string_view kVersion = "label_ds=";
  FilesByDay found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(labels_directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kVersion)) continue;
    const auto label_ds = ParseDate(std::string_view(name).substr(kVersion.size()));
    if (!label_ds.ok()) continue;
    CATENA_TRY(auto partitions,
               table::ListPartitions(entry.path().string(), table::PartitionRange::All()));
    for (auto& partition : partitions) {
      found[partition.ds][*label_ds] = std::move(partition.files);
    }
  }
  return found;
}

std::string SelectLabels(const FilesByDay& by_day, bool latest) {
  std::string list;
  for (const auto& [day, versions] : by_day) {
    for (const auto& [label_ds, files] : versions) {
      if (latest && label_ds != versions.rbegin()->first) continue;
      for (const std::string& file : files) {
        list += (list.empty() ? "" : ", ") + sql::QuotePath(file);
      }
    }
  }
  return "SELECT * FROM read_parquet([" + list +
         "], hive_partitioning = true, hive_types = {'ds': VARCHAR, 'label_ds': VARCHAR}, "
         "union_by_name = true)";
}

// What both have in common tells which row it is.
std::string SelectLabeled(const std::string& rows, const types::Schema& row_columns,
                          const std::string& labels, const types::Schema& label_columns) {
  std::string list;
  std::string on;
  for (const types::Field& field : label_columns.fields) {
    const std::string name = sql::QuoteName(field.name);
    if (row_columns.Find(field.name)) {
      on += (on.empty() ? "r." : " AND r.") + name + " = l." + name;
    } else if (field.name != "label_ds") {
      list += ", l." + name + " AS " +
              sql::QuoteName(field.name.starts_with("label") ? field.name : "label_" + field.name);
    }
  }
  return "SELECT r.*" + list + ", l.label_ds FROM " + rows + " AS r LEFT JOIN (" + labels +
         ") AS l ON " + on;
}

}  // namespace

Result<std::vector<LabelView>> LabelViewsOf(sql::Database* database,
                                            const table::Warehouse& warehouse,
                                            const std::string& join_table) {
  CATENA_TRY(const auto labels_table, warehouse.Find(join_table + "_labels"));
  CATENA_TRY(const FilesByDay by_day, FilesOf(labels_table.directory()));
  if (by_day.empty()) return std::vector<LabelView>();
  const std::string all = SelectLabels(by_day, false);
  const std::string latest = SelectLabels(by_day, true);
  CATENA_TRY(const types::Schema label_columns, database->Describe(all));
  CATENA_TRY(const auto rows_table, warehouse.Find(join_table));
  CATENA_TRY(const std::string rows, rows_table.SelectSql());
  CATENA_TRY(const types::Schema row_columns, database->Describe("SELECT * FROM " + rows));
  return std::vector<LabelView>{
      {join_table + "_labels", all},
      {join_table + "_labeled", SelectLabeled(rows, row_columns, all, label_columns)},
      {join_table + "_labeled_latest", SelectLabeled(rows, row_columns, latest, label_columns)}};
}

}  // namespace catena::batch
