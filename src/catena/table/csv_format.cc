// SPDX-License-Identifier: Apache-2.0
// CSV with a header line, also compressed with gzip or zstd.
#include "catena/sql/quote.h"
#include "catena/table/file_format.h"

namespace catena::table {
namespace {

// Not to be guessed: a line with a field too many would make of commas something else.
constexpr char kDialect[] = ", header = true, skip = 0, delim = ',', quote = '\"', escape = '\"'";

std::string From(const std::string& path, const types::Schema& declared) {
  std::string types;
  for (const types::Field& field : declared.fields) {
    types += (types.empty() ? "" : ", ") + sql::QuoteText(field.name) + ": " +
             sql::QuoteText(sql::SqlTypeName(field.type));
  }
  return "read_csv(" + sql::QuotePath(path) + ", sample_size = -1" + kDialect +
         (types.empty() ? "" : ", types = {" + types + "}") +
         ", auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR'])";
}

// Where a line has not the fields of the header, DuckDB says of the whole file that it is no CSV;
// told the header's columns, it names the line.
Status CheckLines(sql::Database* database, const std::string& path) {
  const std::string file = "read_csv(" + sql::QuotePath(path) + kDialect;
  CATENA_TRY(const auto header,
             database->Query("DESCRIBE SELECT * FROM " + file +
                             ", all_varchar = true, ignore_errors = true, sample_size = -1)"));
  std::string columns;
  for (size_t row = 0; row < header.rows(); ++row) {
    columns +=
        (columns.empty() ? "" : ", ") + sql::QuoteText(header.column(0).Text(row)) + ": 'VARCHAR'";
  }
  const auto read = database->Query("SELECT count(COLUMNS(*)) FROM " + file +
                                    ", auto_detect = false, columns = {" + columns + "})");
  if (read.ok()) return Status();
  const std::string& message = read.error().message;
  return InvalidData(path + ": " + message.substr(0, message.find(" Possible fixes")));
}

}  // namespace

FileFormat CsvFormat() { return {"CSV", {".csv", ".csv.gz", ".csv.zst"}, true, From, CheckLines}; }

}  // namespace catena::table
