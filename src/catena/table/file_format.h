// SPDX-License-Identifier: Apache-2.0
// FileFormat: a kind of file that people bring, and how it becomes partitions of a table.
//
// The table of formats is FileFormats(); each format is one file, `<name>_format.cc`. What every
// format must do is in file_format_test.cc.
//
//   output  ImportFile gives the days written, sorted; each replaced as a whole. Rows keep the
//           file's order. Declared columns have their declared types; the others are recognised
//   null    an empty field of CSV, also one in quotes, as Spark reads them
//   errors  kNotFound: no such file; kInvalidConf: an ending that no format has, a column that is
//           not there, a partition format; kInvalidData names the file, and where there is one the
//           line or row: it is malformed or not UTF-8, its header has a column twice, a value does
//           not fit, a partition is no date

#pragma once

#include <span>
#include <string>
#include <vector>

#include "catena/table/table.h"

namespace catena::table {

struct ImportOptions {
  std::string partition_column = "ds";          // Becomes the directory, not a column.
  std::string partition_format = "yyyy-MM-dd";  // Of yyyy, MM, dd and separators, as confs have it.
  // Names and types of columns; those not named here are recognised from the values.
  types::Schema declared;
};

struct FileFormat {
  const char* name;                  // "CSV".
  std::vector<const char*> endings;  // Of file names: ".csv", ".csv.gz".
  bool has_lines;                    // A row is a line below a header.
  // What to write after FROM. Formats without types of their own read `declared` columns as those.
  std::string (*from)(const std::string& path, const types::Schema& declared);
  // Before anything is read: what DuckDB would take without a word. Optional.
  Status (*check_header)(sql::Database* database, const std::string& path) = nullptr;
  // Of a file that cannot be read: names its first bad line. Optional.
  Status (*check_lines)(sql::Database* database, const std::string& path) = nullptr;
};

FileFormat CsvFormat();      // csv_format.cc
FileFormat JsonFormat();     // json_format.cc
FileFormat ParquetFormat();  // parquet_format.cc

const std::vector<FileFormat>& FileFormats();
// kInvalidData with the remedy.
Error NotUtf8(const std::string& path, const std::string& seen);

// By the end of the name; kInvalidConf lists the endings that there are.
Result<const FileFormat*> FormatOf(const std::string& path);

// All rows of a file, its columns recognised.
Result<types::Batch> ReadFileRows(sql::Database* database, const std::string& path);

Result<std::vector<Date>> ImportFile(sql::Database* database, const std::string& path,
                                     const Table& table, const ImportOptions& options = {});

}  // namespace catena::table
