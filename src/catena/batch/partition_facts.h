// SPDX-License-Identifier: Apache-2.0
// PartitionFacts: what a day of a table consists of, by its files, without opening them.
//
//   output   `print` is equal exactly when names, sizes and times of change of the day's data files
//            are, also after a move of the warehouse that keeps these; never empty
//   errors   kUnavailable: the file system, or partitions that are replaced faster than looked at

#pragma once

#include <map>
#include <string>

#include "catena/base/time.h"
#include "catena/table/table.h"

namespace catena::batch {

struct PartitionFacts {
  std::string print;
  Timestamp newest;  // The latest change of a file, rounded down.
};

// Of every day inside `range` that the table has.
Result<std::map<Date, PartitionFacts>> FactsOf(const table::Table& table,
                                               const table::PartitionRange& range);

}  // namespace catena::batch
