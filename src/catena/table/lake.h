// SPDX-License-Identifier: Apache-2.0
// Lake: tables that Delta Lake or Apache Iceberg keeps, read in place: their metadata says which
// files are data, and of which columns and days.
//
//   layout  the table's directory, or what it links to, holds _delta_log/ or
//   metadata/*.metadata.json input   the metadata is read by the program `catena-lake` of catena's
//   Python package, once for
//           every version of the table; the files themselves are read as those of any other table.
//           Only files of which rows were deleted are copied, without them, below `copies`
//   output  the newest snapshot, whole: partitions by the column `ds`, or by the only one that
//   holds
//           days, Iceberg's day(...) and hour(...) too; rows whose day is null have no partition.
//           Columns and types as the metadata declares them, renamed and dropped ones too
//           A table without files has its columns and no rows
//   errors  kUnsupported: no such program, what it cannot read (with what to do), a table that is
//           not partitioned by day; kInvalidData: metadata that is broken, a file whose partition
//           is no day
//   threads all calls may run concurrently

#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "catena/base/result.h"
#include "catena/table/table_facts.h"

namespace catena::table {

struct LakeFormat {
  const char* name;  // As catena-lake knows it.
  const char* mark;  // The directory that tells it.
  const char* file;  // What the names of its files end with.
};

const std::vector<LakeFormat>& LakeFormats();
// Null when the directory is no table of one of them.
const LakeFormat* LakeFormatOf(const std::string& directory);

class LakeReader {
 public:
  // `program`: where catena-lake is, asked when it is first needed.
  LakeReader(std::function<Result<std::string>()> program, std::string copies)
      : program_(std::move(program)), copies_(std::move(copies)) {}

  Result<TableFiles> Read(const LakeFormat& format, const std::string& table,
                          const std::string& directory) const;

 private:
  std::function<Result<std::string>()> program_;
  std::string copies_;
  mutable std::mutex mutex_;
  // By directory: the version, as its metadata files stood, and what it consists of.
  mutable std::map<std::string, std::pair<std::string, TableFiles>> known_;
};

}  // namespace catena::table
