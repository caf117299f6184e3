// SPDX-License-Identifier: Apache-2.0
// Which files of a table's directory are data, and what is being written beside them.
//
//   layout  ds=YYYY-MM-DD/<name>.parquet is data; in tables of others YYYYMMDD, YYYY_MM_DD and
//           YYYY.MM.DD too, and where no directory is `ds=`, one other column that is; above and
//           below it may be directories of more columns, ds=2026-11-20/hr=07/. Such tables are
//           read, never written. `.work-<unique>/` belongs to one writer: it holds `lock` for as
//           long as it lives; `data/` becomes (or was) a partition. `.commit.lock` is held while a
//           partition is put in place, `.job.lock` by a job that wants to be alone
//   errors  kUnavailable with the path and the system's words; kInvalidData: days in two columns,
//           or one day in two spellings; kInvalidConf: to write a table that is not laid out our
//           way
//   threads no shared state but the file system

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/file.h"
#include "catena/base/result.h"
#include "catena/table/partition.h"

namespace catena::table {

// Columns that the place of a file says, in order, and their texts; null where there is no value.
using PathValues = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct PlacedFile {
  std::string path;
  PathValues values;
};

struct PartitionFiles {
  Date ds;
  std::string column;              // "ds", or what else stands before the `=`.
  std::vector<std::string> files;  // Full paths, sorted; never empty.
  // What the place of each file says, the day's column included; empty when that is the day alone.
  std::vector<PathValues> values;
};

// 2026-11-20, 20261120, 2026_11_20, 2026.11.20; none when the text is something else.
std::optional<Date> DayOfText(std::string text);

// The column that holds the days of the files: `ds`, else the only one that has days; empty: none.
Result<std::string> DayColumnOf(const std::vector<PlacedFile>& files, const std::string& where);

// Partitions inside `range` that have a data file, by day. An absent directory has none.
Result<std::vector<PartitionFiles>> ListPartitions(const std::string& table_directory,
                                                   const PartitionRange& range);

// "<table_directory>/ds=2026-11-20".
std::string PartitionPath(const std::string& table_directory, Date ds);

// Path, size and time of change of every file: equal exactly when nothing was replaced.
std::string Fingerprint(const std::vector<PartitionFiles>& partitions);

// A directory to write one partition in, invisible to readers, gone when this object goes.
class WorkDirectory {
 public:
  // Also removes what dead writers left.
  static Result<WorkDirectory> Make(const std::string& table_directory);
  WorkDirectory(WorkDirectory&&) noexcept;
  WorkDirectory& operator=(WorkDirectory&&) noexcept;
  ~WorkDirectory();

  // Where the files of the partition go.
  std::string data() const { return path_ + "/data"; }
  // Syncs the files, then puts them in place of the partition in one step.
  Status Publish(Date ds);
  // Takes the partition out in one step.
  Status Retire(Date ds);

 private:
  WorkDirectory(std::string table_directory, std::string path, FileLock lock);
  std::string table_directory_;
  std::string path_;
  std::optional<FileLock> lock_;
};

}  // namespace catena::table
