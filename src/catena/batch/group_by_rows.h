// SPDX-License-Identifier: Apache-2.0
// GroupByRows: what a GroupBy aggregates: rows of all its sources that belong to a key, grouped.
//
//   output  `rows` holds key columns and inputs; groups[row] is the id of its key in the KeyIndex,
//           or of (key, day) for snapshots; orders are empty when rows are in source order. Several
//           sources: their number is in the high bits of the source order, so that no two rows
//           share time and order
//   null    rows with a null key part or a null event time are not aggregated and not here
//   errors  those of source_rows.h; kInvalidConf: two sources give a column different types;
//           kInvalidData: lists that cannot be aggregated element by element
//   limits  everything read is in memory

#pragma once

#include <map>
#include <span>
#include <vector>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/batch/rows/dated_groups.h"
#include "catena/batch/rows/key_reader.h"
#include "catena/batch/source_rows.h"

namespace catena::batch {

// Topic partitions take bits 48 and up of a source order; sources of one GroupBy the topmost four,
// mutations the one below.
inline constexpr int kSourceShift = 60;
// Puts orders of one of several sources, or of mutations, in their place among the others.
// kUnsupported when a topic partition above 2047 has taken the bits for that.
Status PlaceOrders(uint64_t source_bits, std::span<uint64_t> orders);

struct GroupByRows {
  // Key columns of rows [first, first + size) as they were read, where none of these was passed
  // over: who has the same columns need not look for their groups.
  struct KeysAsRead {
    std::vector<types::ColumnPtr> columns;
    size_t first = 0;
  };
  types::Batch rows;
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  std::vector<uint32_t> groups;
  std::vector<KeysAsRead> keys_as_read;
  // Largest _offset + 1 of each topic partition read; empty when a table carries no offsets.
  std::map<int32_t, int64_t> cut;
  uint64_t rows_read = 0;
};

struct GroupByRead {
  table::PartitionRange range;
  bool known_keys_only = false;  // Rows of keys that are not in the index are passed over.
  bool by_day = false;           // A group is (key, day): what snapshots of entities need.
  // With both: the index is of keys alone, and these are the groups of keys and days.
  const DatedGroups* dated = nullptr;
  KeyShare share;             // Rows of other keys are passed over.
  int64_t begin = INT64_MIN;  // Rows outside [begin, end) are passed over.
  int64_t end = INT64_MAX;
};

// Key columns first, then inputs and buckets; without aggregations, the other columns of the
// source.
Result<types::Schema> SchemaOfRows(const BatchContext& context, const conf::GroupBy& group_by);
// The part of it that is not key: what passes through when there are no aggregations.
Result<types::Schema> SchemaOfValues(const BatchContext& context, const conf::GroupBy& group_by);

Result<GroupByRows> ReadGroupByRows(const BatchContext& context, const conf::GroupBy& group_by,
                                    const GroupByRead& read, KeyIndex* keys);

// kUnsupported names what of the GroupBy batch jobs can not do.
Status RequireSupported(const conf::GroupBy& group_by);

// kNotFound unless every JoinSource of the GroupBy has its Join materialised, by the definition of
// today and from the left partitions of today, for all days of `range` that the Join's left side
// has. Without the latter a cut would claim rows that landed after the Join was computed.
Status RequireMaterialised(const BatchContext& context, const conf::GroupBy& group_by,
                           const table::PartitionRange& range);

}  // namespace catena::batch
