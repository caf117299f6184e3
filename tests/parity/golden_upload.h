// SPDX-License-Identifier: Apache-2.0
// ChrononUpload: what Chronon uploaded for a GroupBy, and what its Fetcher makes of that.
//
//     expected.parquet: key_bytes, value_bytes in Avro
//       TEMPORAL    {collapsed: IR of each output, tail hops: by size, IRs of each aggregation +
//       ts} SNAPSHOT    {value of each output}
//
//   input    a case of mode group_by_upload, whose keys are one STRING; SUM of doubles, COUNT,
//            AVERAGE, LAST of text, UNIQUE_COUNT of integers
//   output   ValuesAt: of one key, in conf order, at a time from the end of the upload until two
//            days later, when nothing was streamed since; nullopt for a window that begins with an
//            event at its first instant: Chronon leaves it out of uploads and only of uploads
//   errors   bytes that do not read to their end stop the test
//   source   Chronon SawtoothOnlineAggregator (lambdaAggregateIr, mergeTailHops), AvroConversions

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catena/conf/group_by.h"
#include "golden_case.h"

namespace catena::parity {

class ChrononUpload {
 public:
  ChrononUpload(const GoldenCase& golden, std::shared_ptr<const conf::GroupBy> group_by);

  std::vector<std::string> keys() const;
  std::vector<std::optional<types::Value>> ValuesAt(const std::string& key, Timestamp time) const;

 private:
  std::shared_ptr<const conf::GroupBy> group_by_;
  Timestamp batch_end_;
  std::map<std::string, std::string> bytes_;              // By key.
  std::set<std::pair<std::string, Timestamp>> instants_;  // Of all events.
};

}  // namespace catena::parity
