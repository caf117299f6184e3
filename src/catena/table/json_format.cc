// SPDX-License-Identifier: Apache-2.0
// JSON: an object a line, or one array of objects; also compressed.
//
// Texts that look like dates stay texts, as in CSV: the formats to look for are such that none
// fits.
#include "catena/sql/quote.h"
#include "catena/table/file_format.h"

namespace catena::table {
namespace {

std::string From(const std::string& path, const types::Schema&) {
  return "read_json(" + sql::QuotePath(path) +
         ", sample_size = -1, records = true, map_inference_threshold = -1, hive_partitioning = "
         "false, "
         "dateformat = 'none %Y', timestampformat = 'none %Y')";
}

}  // namespace

FileFormat JsonFormat() {
  return {"JSON",
          {".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz", ".json.zst",
           ".ndjson.zst", ".jsonl.zst"},
          false,
          From};
}

}  // namespace catena::table
