// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/memory_plan.h"

#include <algorithm>

#include "catena/batch/group_by_rows.h"
#include "catena/batch/join_part.h"
#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/rows/packed_rows.h"
#include "catena/batch/rows/row_parts.h"
#include "catena/batch/sources/source_range.h"
#include "catena/conf/group_by.h"

namespace catena::batch {
namespace {

constexpr uint64_t kLeftShare = 2;
constexpr uint64_t kEventShare = 4;
constexpr uint64_t kTextBytes = 32;
// Lists and maps of a few values.
constexpr uint64_t kNestedBytes = 64;
// What goes along. Of a left row: time, day, key; of the part that is answered time and group, and
// both again and a chunk when they are parted. Of an event: time, group, order.
constexpr uint64_t kAlongLeft = 48;
constexpr uint64_t kAlongEvent = 32;
// Of an answer: time, day, group. The answers of several shares are put into order together.
constexpr uint64_t kAlongAnswer = 16;

bool HasWidth(const types::Field& field) { return HasFixedWidth(field.type); }

uint64_t BytesOf(const types::Schema& schema, uint64_t text_bytes) {
  uint64_t bytes = 0;
  for (const types::Field& field : schema.fields) {
    if (HasWidth(field)) {
      bytes += 9;
    } else {
      bytes += std::max(text_bytes, field.type.IsText() ? 0 : kNestedBytes);
    }
  }
  return bytes;
}

// Rows of the table's days inside `range`.
Result<std::map<Date, uint64_t>> RowsByDay(const BatchContext& context, const std::string& name,
                                           const table::PartitionRange& range) {
  CATENA_TRY(const table::Table table, context.warehouse->Find(name));
  std::map<Date, uint64_t> rows;
  if (!table.Exists()) return rows;
  CATENA_TRY(const table::TableDescription whole, table.Describe());
  for (const auto& [day, size] : whole.sizes) {
    if (range.Contains(day)) rows[day] = size.rows;
  }
  return rows;
}

}  // namespace

Result<uint64_t> BytesOfRow(const BatchContext& context, const conf::Source& source,
                            const SourceRequest& request) {
  CATENA_TRY(const types::Schema schema, SchemaOfSource(context, source, request));
  if (std::ranges::all_of(schema.fields, HasWidth)) return BytesOf(schema, 0);
  CATENA_TRY(const types::Batch sample, SampleSource(context, source, request));
  if (sample.rows() == 0) return BytesOf(schema, kTextBytes);
  return BytesOf(sample) / sample.rows();
}

Result<uint64_t> BytesOfPart(const BatchContext& context, const conf::JoinPart& part) {
  const conf::GroupBy& group_by = *part.group_by;
  CATENA_TRY(const types::Schema outputs, SchemaOfPart(context, part));
  CATENA_TRY(const std::vector<size_t> made, MadeSources(context, group_by));
  const conf::Source& source = group_by.sources[made[0]];
  if (group_by.aggregations.empty()) {
    SourceRequest request{table::PartitionRange::All(), {}};
    for (const types::Field& field : outputs.fields) request.columns.push_back(field.name);
    return BytesOfRow(context, source, request);
  }
  if (std::ranges::all_of(outputs.fields, HasWidth)) return BytesOf(outputs, 0);
  CATENA_TRY(const types::Schema rows, SchemaOfRows(context, group_by));
  // A text that comes out is one that went in, or is as long.
  uint64_t text_bytes = kTextBytes;
  for (const types::Field& field : rows.fields) {
    if (HasWidth(field)) continue;
    CATENA_TRY(const uint64_t bytes,
               BytesOfRow(context, source, {table::PartitionRange::All(), {field.name}}));
    text_bytes = std::max(text_bytes, bytes);
  }
  return BytesOf(outputs, text_bytes);
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
    const uint64_t add = of_day == rows.end() ? 0 : of_day->second * (row_bytes + kAlongLeft);
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
  CATENA_TRY(const std::vector<size_t> made, MadeSources(context, group_by));
  for (const size_t i : made) {
    const conf::Source& source = group_by.sources[i];
    CATENA_TRY(const table::PartitionRange own, RangeToRead(context, source, range));
    CATENA_TRY(const auto by_day, RowsByDay(context, conf::TableOf(source), own));
    SourceRequest request{own, {}};
    for (const types::Field& field : rows.fields) request.columns.push_back(field.name);
    CATENA_TRY(const uint64_t row_bytes, BytesOfRow(context, source, request));
    for (const auto& [day, count] : by_day) bytes += count * (row_bytes + kAlongEvent);
    const auto* entities = std::get_if<conf::EntitySource>(&source);
    if (entities == nullptr || group_by.accuracy != conf::Accuracy::kTemporal) continue;
    CATENA_TRY(const auto mutations,
               RowsByDay(context, entities->mutation_table, {range.first + 1, range.last + 1}));
    for (const auto& [day, count] : mutations) bytes += count * (row_bytes + kAlongEvent);
  }
  const uint64_t most = std::max<uint64_t>(context.memory_bytes / kEventShare, 1);
  constexpr uint64_t kSharesMost = 4096;
  return static_cast<uint32_t>(std::clamp<uint64_t>((bytes + most - 1) / most, 1, kSharesMost));
}

uint64_t BytesOfRow(const types::Batch& rows) {
  return rows.rows() == 0 ? kTextBytes : BytesOf(rows) / rows.rows();
}

size_t AnswersAtATime(const BatchContext& context, const types::Schema& outputs, uint64_t row_bytes,
                      uint32_t shares) {
  // Keys are no wider than the row; a text that comes out is one that went in.
  const uint64_t bytes = BytesOf(outputs, row_bytes) + row_bytes + kAlongAnswer;
  return context.memory_bytes / kLeftShare / bytes / (shares == 1 ? 1 : 2 * uint64_t{shares});
}

}  // namespace catena::batch
