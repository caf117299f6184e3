// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/memory_plan.h"

#include <algorithm>
#include <filesystem>

#include "catena/batch/sources/source_range.h"
#include "catena/conf/group_by.h"
#include "catena/table/partition_files.h"

namespace catena::batch {
namespace {

constexpr uint64_t kLeftShare = 2;
constexpr uint64_t kEventShare = 4;
constexpr uint64_t kTextBytes = 32;
constexpr uint64_t kNestedBytes = 64;
constexpr uint64_t kAlongBytes = 32;

uint64_t BytesOfField(const types::DataType& type) {
  if (type.IsText()) return kTextBytes;
  return type.children.empty() ? 9 : kNestedBytes;
}

// Estimated rows of the table's days inside `range`.
Result<std::map<Date, uint64_t>> RowsByDay(const BatchContext& context, const std::string& name,
                                           const table::PartitionRange& range) {
  CATENA_TRY(const table::Table table, context.warehouse->Find(name));
  std::map<Date, uint64_t> rows;
  CATENA_TRY(const auto partitions, table::ListPartitions(table.directory(), range));
  if (partitions.empty()) return rows;
  CATENA_TRY(const table::TableDescription whole, table.Describe());
  const double rows_per_byte =
      static_cast<double>(whole.rows) / static_cast<double>(std::max<uint64_t>(whole.bytes, 1));
  for (const table::PartitionFiles& partition : partitions) {
    uint64_t bytes = 0;
    for (const std::string& file : partition.files) {
      std::error_code gone;
      const auto size = std::filesystem::file_size(file, gone);
      bytes += gone ? 0 : size;
    }
    rows[partition.ds] = static_cast<uint64_t>(static_cast<double>(bytes) * rows_per_byte) + 1;
  }
  return rows;
}

}  // namespace

uint64_t BytesOfRow(const types::Schema& schema) {
  uint64_t bytes = kAlongBytes;
  for (const types::Field& field : schema.fields) bytes += BytesOfField(field.type);
  return bytes;
}

Result<std::vector<table::PartitionRange>> DaysAtATime(const BatchContext& context,
                                                       const conf::Source& left,
                                                       const table::PartitionRange& range,
                                                       uint64_t row_bytes) {
  CATENA_TRY(const auto rows, RowsByDay(context, conf::TableOf(left), range));
  const uint64_t most = context.memory_bytes / kLeftShare;
  std::vector<table::PartitionRange> parts;
  uint64_t bytes = 0;
  for (const Date day : range) {
    const auto of_day = rows.find(day);
    const uint64_t add = of_day == rows.end() ? 0 : of_day->second * row_bytes;
    if (parts.empty() || bytes + add > most) {
      parts.push_back(table::PartitionRange::Of(day));
      bytes = 0;
    }
    parts.back().last = day;
    bytes += add;
  }
  return parts;
}

Result<uint32_t> SharesOf(const BatchContext& context, const conf::GroupBy& group_by,
                          const types::Schema& rows, const table::PartitionRange& range) {
  uint64_t bytes = 0;
  for (const conf::Source& source : group_by.sources) {
    CATENA_TRY(const table::PartitionRange own, RangeToRead(context, source, range));
    CATENA_TRY(const auto by_day, RowsByDay(context, conf::TableOf(source), own));
    for (const auto& [day, count] : by_day) bytes += count * BytesOfRow(rows);
    const auto* entities = std::get_if<conf::EntitySource>(&source);
    if (entities == nullptr || group_by.accuracy != conf::Accuracy::kTemporal) continue;
    CATENA_TRY(const auto mutations,
               RowsByDay(context, entities->mutation_table, {range.first + 1, range.last + 1}));
    for (const auto& [day, count] : mutations) bytes += count * BytesOfRow(rows);
  }
  const uint64_t most = std::max<uint64_t>(context.memory_bytes / kEventShare, 1);
  constexpr uint64_t kSharesMost = 4096;
  return static_cast<uint32_t>(std::clamp<uint64_t>((bytes + most - 1) / most, 1, kSharesMost));
}

}  // namespace catena::batch
