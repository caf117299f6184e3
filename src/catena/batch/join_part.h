// SPDX-License-Identifier: Apache-2.0
// The columns that one JoinPart adds to the rows of a Join's left side.
//
//     right side          left row at q             value
//     events TEMPORAL     q                         events with tail(q) <= t < q
//     events SNAPSHOT     midnight of q's day       the same, as of that midnight
//     entities SNAPSHOT   q's day - 1               rows of that snapshot, windows ending at
//     midnight
//     entities TEMPORAL   q's day - 1               the same, changed by the mutations of q's day
//                                                   before q (mutations.h)
//
// A left row of an EntitySource stands at the end of its day, so that its day is included.
//
//   output  one column per output of the GroupBy, prefixed, one value a left row in left order
//   null    left rows with a null key part, an unknown key or no time get nulls
//   errors  kInvalidConf: an unknown key column, keys of types that can not be equal; kUnsupported
//           names what can not be done yet

#pragma once

#include <map>
#include <memory>
#include <span>

#include "catena/batch/rows/key_index.h"
#include "catena/batch/rows/scattered_columns.h"
#include "catena/batch/rows/unset_vector.h"
#include "catena/batch/source_rows.h"
#include "catena/conf/join.h"

namespace catena::batch {

// Of one day.
struct LeftRows {
  SourceRows source;                 // Without times.
  std::vector<int64_t> query_times;  // kNoTime: none.

  size_t size() const { return query_times.size(); }
};

// The keys of left rows, numbered once for all parts that have the same key columns.
class LeftKeyIds {
 public:
  struct Ids {
    std::shared_ptr<KeyIndex> keys;
    UnsetVector<uint32_t> of_row;  // kNoGroup: a part of the key is null.
  };
  explicit LeftKeyIds(std::span<const LeftRows> left) : left_(left) {}
  const Ids& Of(const std::vector<std::string>& columns, int threads);

 private:
  std::span<const LeftRows> left_;
  std::map<std::vector<std::string>, Ids> ids_;  // By columns.
};

// Every day of the range, whether it has rows or not.
Result<std::vector<LeftRows>> ReadLeft(const BatchContext& context, const conf::Join& join,
                                       const table::PartitionRange& range);

// The columns of a part, without prefix.
Result<types::Schema> SchemaOfPart(const BatchContext& context, const conf::JoinPart& part);

// What the part's GroupBy gives before its derivations, without prefix, a row a left row; closed.
// `through`: the last day of right sides that may be seen; `ids`: of the same left rows.
Result<ScatteredColumns> AnswerPart(const BatchContext& context, const conf::JoinPart& part,
                                    std::span<const LeftRows> left, Date through, LeftKeyIds* ids);
// The columns that are added to one day, whose rows begin at row `first` of the answers.
Result<types::Batch> JoinPartColumns(const BatchContext& context, const conf::JoinPart& part,
                                     const ScatteredColumns& answers, const LeftRows& left,
                                     size_t first);

}  // namespace catena::batch
