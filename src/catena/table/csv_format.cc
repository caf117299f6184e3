// SPDX-License-Identifier: Apache-2.0
// CSV with a header line, also compressed with gzip or zstd.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>

#include "catena/sql/quote.h"
#include "catena/table/file_format.h"

namespace catena::table {
namespace {

// Not to be guessed: a line with a field too many would make of commas something else, and the name
// of a folder a column.
constexpr char kDialect[] =
    ", skip = 0, delim = ',', quote = '\"', escape = '\"', hive_partitioning = false";

std::string From(const std::string& path, const types::Schema& declared) {
  std::string types;
  for (const types::Field& field : declared.fields) {
    types += (types.empty() ? "" : ", ") + sql::QuoteText(field.name) + ": " +
             sql::QuoteText(sql::SqlTypeName(field.type));
  }
  return "read_csv(" + sql::QuotePath(path) + ", header = true, sample_size = -1" + kDialect +
         (types.empty() ? "" : ", types = {" + types + "}") +
         ", auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR'])";
}

// DuckDB reads UTF-16 as lines of texts with zero bytes in them, and gives the second of two
// columns of one name another one.
Status CheckHeader(sql::Database* database, const std::string& path) {
  char head[4096];
  std::ifstream in(path, std::ios::binary);
  in.read(head, sizeof head);
  if (path.ends_with(".csv") && std::count(head, head + in.gcount(), '\0') > 0) {
    return NotUtf8(path, "it has zero bytes, as UTF-16 has");
  }
  const auto header = database->Query("SELECT * FROM read_csv(" + sql::QuotePath(path) + kDialect +
                                      ", header = false, all_varchar = true) LIMIT 1");
  if (!header.ok() || header->rows() == 0) return Status();  // Whoever reads the rows says why.
  std::set<std::string> names;
  for (size_t i = 0; i < header->width(); ++i) {
    if (header->column(i).IsNull(0)) continue;
    std::string name(header->column(i).Text(0));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (names.insert(name).second) continue;
    return InvalidData("two columns have one name (of any case); rename one in the header: " +
                       name + "; file: " + path);
  }
  return Status();
}

// Where a line has not the fields of the header, DuckDB says of the whole file that it is no CSV;
// told the header's columns, it names the line.
Status CheckLines(sql::Database* database, const std::string& path) {
  const std::string file = "read_csv(" + sql::QuotePath(path) + ", header = true" + kDialect;
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
  return InvalidData(path + ": " + message.substr(0, message.find(" Possible ")));
}

}  // namespace

FileFormat CsvFormat() {
  return {"CSV", {".csv", ".csv.gz", ".csv.zst"}, true, From, CheckHeader, CheckLines};
}

}  // namespace catena::table
