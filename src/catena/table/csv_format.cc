// SPDX-License-Identifier: Apache-2.0
// CSV with a header line, also compressed with gzip or zstd.
#include "catena/sql/quote.h"
#include "catena/table/file_format.h"

namespace catena::table {
namespace {

std::string From(const std::string& path, const types::Schema& declared) {
  std::string types;
  for (const types::Field& field : declared.fields) {
    types += (types.empty() ? "" : ", ") + sql::QuoteText(field.name) + ": " +
             sql::QuoteText(sql::SqlTypeName(field.type));
  }
  return "read_csv(" + sql::QuotePath(path) + ", header = true, sample_size = -1" +
         (types.empty() ? "" : ", types = {" + types + "}") +
         ", auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR'])";
}

}  // namespace

FileFormat CsvFormat() { return {"CSV", {".csv", ".csv.gz", ".csv.zst"}, true, From}; }

}  // namespace catena::table
