// SPDX-License-Identifier: Apache-2.0
// RangeToRead: which partitions of a source's table hold the rows of a range of days; MadeSources:
// which sources of a GroupBy have columns.
//
//   cumulative   every partition holds all events so far, so one is enough: the newest of the
//                range, or the first after it when the table no longer keeps older ones. Within the
//                start and end partition of the Query
//   others       the range itself
//   source       Chronon GroupBy.getIntersectedRange, which takes the newest partition there is

#pragma once

#include "catena/batch/context.h"
#include "catena/conf/source.h"

namespace catena::batch {

Result<table::PartitionRange> RangeToRead(const BatchContext& context, const conf::Source& source,
                                          const table::PartitionRange& range);

// Positions of the sources whose columns can be looked at. A parent Join that was never made has
// none, nor rows that are needed, else RequireMaterialised refuses; a source that hands over to it
// goes without. All of them when that leaves none.
Result<std::vector<size_t>> MadeSources(const BatchContext& context, const conf::GroupBy& group_by);

}  // namespace catena::batch
