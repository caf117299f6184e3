// SPDX-License-Identifier: Apache-2.0
// Bootstraps: values of a Join's columns that were computed before, taken from tables by left row.
//
//     left row  (request 7, 03-10)      part column   computed 0.3   bootstrapped 0.5  ->  0.5
//               (request 8, 03-10)                    computed 0.4   no such row       ->  0.4
//
// A row is found by the key columns of the bootstrap part and its day. Of several parts the first
// one that has a value counts. A null of theirs counts too where together they bring every column
// of the join part; otherwise the computed value stays.
//
//   input    the table's partitions of the days of the left rows, after the part's Query
//   errors   kInvalidConf: a column that is none of the Join's, or of another type; a key that the
//            left or the table lacks; kNotFound: the table
//   order    of rows with one key and day the first encountered counts
//   source   Chronon Join.computeBootstrapTable, findBootstrapSetCoverings

#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "catena/batch/join_part.h"

namespace catena::batch {

class Bootstraps {
 public:
  static Result<Bootstraps> Read(const BatchContext& context, const conf::Join& join,
                                 std::span<const LeftRows> left);

  // `output`: one day, whose rows begin at row `first_row` of the left rows. Columns behind the
  // left ones that are bootstrapped are replaced. The first call is for the columns of parts; what
  // is left is for derivations. Threads may call for several days at once. `part_begins`: where the
  // columns of each join part begin, and where those of the last end.
  Result<types::Batch> IntoParts(const types::Batch& output, std::span<const size_t> part_begins,
                                 size_t first_row) const;
  Result<types::Batch> IntoDerived(const types::Batch& output, size_t first_part,
                                   size_t first_row) const;

 private:
  struct Source {
    std::string table;
    types::Batch values;         // Without keys, ts and ds.
    std::vector<uint32_t> rows;  // By left row: of `values`, or kNoGroup.
  };
  Status CheckType(const Source& source, const types::Field& ours) const;
  types::ColumnPtr Filled(const std::string& name, const types::ColumnPtr& computed,
                          size_t first_row, const std::set<std::string>& part) const;
  Result<types::Batch> Into(const types::Batch& output, size_t first,
                            std::span<const size_t> part_begins, size_t first_row,
                            bool derived) const;

  const conf::Join* join_ = nullptr;
  std::vector<Source> sources_;
};

}  // namespace catena::batch
