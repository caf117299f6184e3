// SPDX-License-Identifier: Apache-2.0
// TopicArchive: lands the records of a topic in a daily table, once each.
//
//     topic  [0 ........ next_offset)[ new records )      ds of a row: the day of its event time
//                                         |
//     table  ds=2026-11-20/  rows there already  +  new rows, by (ts, _topic_partition, _offset)
//            _archive/<topic>.json   next offset of each topic partition
//
//   input    records of any format of topic/decoder.h; the table's columns are `schema`, then
//   _topic_partition INT, _offset LONG output   partitions are replaced whole; rows that are there
//   already (same topic partition and
//            offset) are not added again, so a run that died is repeated without harm
//   errors   a record that does not decode, or whose time is missing, is counted and listed, not
//            landed. kUnavailable: another archive of this table runs
//   order    rows by (time, topic partition, offset), whatever the runs were

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/table/table.h"
#include "catena/topic/topic.h"
#include "catena/types/schema.h"

namespace catena::cli {

struct ArchiveOptions {
  std::string topic;                  // As it is called, for messages and the offsets' file.
  topic::TopicAddress address;        // How its records are written.
  types::Schema schema;               // Of the records.
  std::string time_field = "ts";      // A LONG or TIMESTAMP column: milliseconds since 1970 UTC.
  int64_t rows_per_pass = 2'000'000;  // Held in memory at once.
};

struct ArchiveReport {
  int64_t records = 0;  // Read from the topic.
  int64_t landed = 0;
  int64_t already = 0;  // In the table from a run that died before it noted its offsets.
  int64_t malformed = 0;
  std::vector<std::string> problems;  // The first ten of the malformed ones, with their places.
  std::vector<Date> days;             // Written, sorted.
};

Result<ArchiveReport> ArchiveTopic(topic::TopicReader* reader, const table::Table& table,
                                   const ArchiveOptions& options);

}  // namespace catena::cli
