// SPDX-License-Identifier: Apache-2.0
// RangeToRead: which partitions of a source's table hold the rows of a range of days.
//
//   cumulative   every partition holds all events so far, so one is enough: the newest of the
//   range,
//                or the first after it when the table no longer keeps older ones. Within the start
//                and end partition of the Query
//   others       the range itself
//   source       Chronon GroupBy.getIntersectedRange, which takes the newest partition there is

#pragma once

#include "catena/batch/context.h"
#include "catena/conf/source.h"

namespace catena::batch {

Result<table::PartitionRange> RangeToRead(const BatchContext& context, const conf::Source& source,
                                          const table::PartitionRange& range);

}  // namespace catena::batch
