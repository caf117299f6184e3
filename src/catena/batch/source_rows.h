// SPDX-License-Identifier: Apache-2.0
// SourceRows: rows of a conf's Source for a range of days, after its Query, placed in time.
//
//   input    EventSource: its table; EntitySource: its snapshot table; JoinSource: the output table
//            of its Join (materialised by an earlier step), time column `ts` unless the Query names
//            another. Days outside the Query's start and end partition are not read
//   output   the Query's columns; per row event time (milliseconds), day (`ds`) and source order
//   null     a null event time is kNoTime. Without a time column the event time is the last
//            millisecond of the row's day
//   errors   kNotFound: the table is absent; kInvalidConf: a column that the Query does not give
//   order    (ds, file, row); source orders are (_topic_partition, _offset) where the table has
//            them (a row without one: the running row number), else the order of the rows
//   threads  days are read side by side, on as many threads as the Database has

#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "catena/batch/context.h"
#include "catena/conf/source.h"
#include "catena/types/batch.h"

namespace catena::batch {

inline constexpr int64_t kNoTime = INT64_MIN;
inline constexpr char kTopicPartitionColumn[] = "_topic_partition";
inline constexpr char kOffsetColumn[] = "_offset";

struct SourceRows {
  // The asked columns in their order, all columns of the Query and then `ts` when none were asked;
  // then _topic_partition and _offset when the table has both.
  types::Batch rows;
  std::vector<int64_t> times;
  std::vector<Date> days;
  std::vector<uint64_t> orders;  // Empty: the order of the rows.
};

struct SourceRequest {
  table::PartitionRange range;
  std::vector<std::string> columns;  // Of the Query's output, `ts` and `ds` too; empty: all.
  bool by_day = false;               // Each piece is one day, and source orders are not asked for.
};

// The columns of its table that the source's Query picks without computing anything; absent when it
// computes. Such rows may come from BatchContext::kept.
std::optional<std::set<std::string>> PlainColumns(const conf::Source& source);

// The days of the range that the source has, where all of them come from BatchContext::kept.
Result<std::optional<std::vector<Date>>> KeptDays(const BatchContext& context,
                                                  const conf::Source& source,
                                                  const SourceRequest& request);

// What `rows` of every piece will look like.
Result<types::Schema> SchemaOfSource(const BatchContext& context, const conf::Source& source,
                                     const SourceRequest& request);
// Some rows of the largest day, as `rows` of a piece would be; none when there is no day.
Result<types::Batch> SampleSource(const BatchContext& context, const conf::Source& source,
                                  const SourceRequest& request);
// Called from several threads at once; pieces are numbered in the order of their rows.
using VisitPiece = std::function<Status(size_t piece, SourceRows rows)>;
Status ScanSource(const BatchContext& context, const conf::Source& source,
                  const SourceRequest& request, const VisitPiece& visit);
// All pieces as one.
Result<SourceRows> ReadSource(const BatchContext& context, const conf::Source& source,
                              const SourceRequest& request);

}  // namespace catena::batch
