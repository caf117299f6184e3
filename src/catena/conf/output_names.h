// SPDX-License-Identifier: Apache-2.0
// The one place that spells output columns and tables: `user_purchases_amount_sum_7d`.
//
//   source  Chronon Extensions.scala (AggregationPart outputColumnName, outputTable), observed:
//           LAST_K k=3 is `last3`, an unwindowed aggregation has no window suffix

#pragma once

#include <string>
#include <vector>

#include "catena/conf/group_by.h"
#include "catena/conf/join.h"

namespace catena::conf {

// One output of a GroupBy: an aggregation in one window and, maybe, one bucket.
struct AggregationOutput {
  size_t aggregation = 0;  // Index in GroupBy::aggregations.
  bool windowed = false;
  Window window;       // Meaningful when windowed.
  std::string bucket;  // Empty: none.
  std::string name;    // `amount_sum_7d_by_category`, no GroupBy prefix.
};

// Outputs in conf order: aggregation, then bucket, then window (Chronon's unpacking).
std::vector<AggregationOutput> OutputsOf(const GroupBy& group_by);

// `[{prefix}_]{cleaned GroupBy name}_`: what a JoinPart puts before the GroupBy's output names.
std::string ColumnPrefix(const JoinPart& part);
std::string ColumnPrefix(const GroupBy& group_by);

// "ns.table": namespace and cleaned name.
std::string OutputTable(const MetaData& metadata);

}  // namespace catena::conf
