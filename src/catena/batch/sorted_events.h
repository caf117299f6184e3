// SPDX-License-Identifier: Apache-2.0
// SortedEvents: all that a GroupBy aggregates, by key and sorted; and KeptEvents: those that one
// step of a job sorted and the next one asks as well.
//
//     catena join features --with user_risk
//       step features    reads the rows of user_risk, sorts them, asks at the left rows' times
//       step user_risk   asks the same at the ends of days
//
//   input    of KeptEvents: rows that all came from memory (KeptRows), so that nobody else can have
//            changed them; they are found again by what the GroupBy means and the same days
//   limits   kept from a step to the next that computes something, no longer: they are what that
//            one would read itself
//   threads  SortedEvents: any. KeptEvents: those of the job's steps

#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/batch/group_by_rows.h"
#include "catena/batch/rows/chunked_events.h"

namespace catena::batch {

struct SortedEvents {
  KeyIndex keys;
  types::Batch key_columns;  // A row a group.
  ChunkedEvents events;
  std::map<int32_t, int64_t> cut;
  uint64_t rows_read = 0;
  uint64_t row_bytes = 0;  // Of a row as it was read.
};

// `queries`: for whom chunks are cut, see ChunkedEvents; may be none.
std::shared_ptr<const SortedEvents> SortEvents(const conf::GroupBy& group_by,
                                               const aggregate::WindowedAggregator& windowed,
                                               GroupByRows rows, KeyIndex keys,
                                               const TimedRows& queries, int threads);

class KeptEvents {
 public:
  // By what GroupBys mean: whose events the step that begins asks, and whose the next one.
  void BeginStep(const std::set<std::string>& now, std::set<std::string> next);
  bool WantedNext(const conf::GroupBy& group_by) const;
  bool Has(const conf::GroupBy& group_by) const;
  void Keep(const conf::GroupBy& group_by, std::vector<Date> days,
            std::shared_ptr<const SortedEvents> events);
  // Null unless those of exactly these days are there.
  std::shared_ptr<const SortedEvents> Find(const conf::GroupBy& group_by,
                                           const std::vector<Date>& days) const;

 private:
  struct Kept {
    std::vector<Date> days;
    std::shared_ptr<const SortedEvents> events;
  };
  std::set<std::string> next_;
  std::map<std::string, Kept> kept_;  // By what the GroupBy means.
};

}  // namespace catena::batch
