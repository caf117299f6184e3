// SPDX-License-Identifier: Apache-2.0
// Analyze: what the rows that a conf reads look like: keys, skew, nulls.
//
//     conf        rows looked at
//     GroupBy     each of its sources, by its keys
//     Join        the left side by the keys of each part, then each part's sources by its keys
//
//   input    rows after the Query's selects and wheres, of the days inside `range`
//   sample   of rows by their place in the table, so that a second look gives the same: the keys
//   are
//            those of about that share of the rows, all else is counted exactly
//   output   counts are exact; heavy hitters are the keys with the most rows, most first, ties by
//            key; nulls are counted in every column that the conf uses
//   null     a row with a null key part has no key: it is counted and in no heavy hitter
//   errors   those of the tables; a parent Join that is not materialised is noted, not read
//   limits   every distinct key of the sample is in memory while its rows are read

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/json.h"
#include "catena/batch/context.h"
#include "catena/conf/conf.h"

namespace catena::batch {

struct KeyFacts {
  std::vector<std::string> columns;
  uint64_t rows = 0;  // Of the sample.
  uint64_t distinct = 0;
  uint64_t rows_without_key = 0;
  std::vector<std::pair<std::string, uint64_t>> heavy;  // Values joined by ", "; rows.
};

struct ColumnFacts {
  std::string name;
  std::string type;
  uint64_t nulls = 0;
};

struct RowsAnalysis {
  std::string what;  // "left of t.final", "source of t.user_risk".
  std::string table;
  std::string note;  // Why the rest is empty; else empty.
  uint64_t rows = 0;
  std::vector<Date> days;  // That the table has inside the range.
  // Event times, where there are some.
  std::optional<int64_t> earliest = {};
  std::optional<int64_t> latest = {};
  std::vector<KeyFacts> keys;
  std::vector<ColumnFacts> columns;
};

struct AnalyzeOptions {
  size_t heavy_max = 10;
  double sample = 1;  // Above 0, at most 1.
};

Result<std::vector<RowsAnalysis>> Analyze(const BatchContext& context, const conf::Conf& conf,
                                          const table::PartitionRange& range,
                                          const AnalyzeOptions& options);

Json AnalysisToJson(const std::vector<RowsAnalysis>& analyses);
std::string PrintAnalysis(const std::vector<RowsAnalysis>& analyses);

}  // namespace catena::batch
