// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join_part.h"

#include <algorithm>

#include "catena/batch/group_by_rows.h"
#include "catena/batch/join/derived_columns.h"
#include "catena/batch/sources/mutations.h"
#include "catena/conf/output_names.h"

namespace catena::batch {
namespace {

using types::Column;
using types::DataType;

// Queries of one part: which left row asks for which key at which time.
struct PartQueries {
  KeyIndex keys;
  std::vector<uint32_t> groups;  // By left row; kNoGroup: none.
  std::vector<int64_t> times;    // By left row.
  int64_t earliest = INT64_MAX;
  int64_t latest = INT64_MIN;
};

bool CanBeEqual(const DataType& left, const DataType& right) {
  return left == right || (left.IsInteger() && right.IsInteger());
}

Status CheckKeys(const conf::JoinPart& part, const types::Schema& left,
                 const types::Schema& right) {
  const std::vector<std::string> left_keys = conf::LeftKeys(part);
  for (size_t i = 0; i < left_keys.size(); ++i) {
    const auto at = left.Find(left_keys[i]);
    if (!at) {
      return InvalidConf(
          "the left side has no such key column; select it there or map it with "
          "keyMapping: " +
          left_keys[i] + " (the left side gives " + left.ToString() + ")");
    }
    const std::string& right_key = part.group_by->key_columns[i];
    const DataType& right_type = right.fields[*right.Find(right_key)].type;
    if (!CanBeEqual(left.fields[*at].type, right_type)) {
      return InvalidConf("keys of these types are never equal; cast one of them in the selects: " +
                         left_keys[i] + " " + types::TypeName(left.fields[*at].type) +
                         " of the left side and " + right_key + " " + types::TypeName(right_type));
    }
  }
  return Status();
}

PartQueries ReadQueries(const conf::JoinPart& part, const LeftRows& left, bool by_day) {
  PartQueries queries;
  const types::Batch& rows = left.source.rows;
  const KeyReader reader(rows.schema(), conf::LeftKeys(part));
  const bool snapshot = part.group_by->accuracy == conf::Accuracy::kSnapshot;
  queries.groups.assign(rows.rows(), kNoGroup);
  queries.times.assign(rows.rows(), 0);
  std::string key;
  for (size_t row = 0; row < rows.rows(); ++row) {
    if (left.query_times[row] == kNoTime || !reader.Read(rows, row, &key)) continue;
    int64_t time = left.query_times[row];
    if (snapshot) time = FloorMillis(time, kDay.count());
    if (by_day) KeyReader::AppendDay(Date::Of(FromMillis(time)) - 1, &key);
    queries.groups[row] = queries.keys.Add(key);
    queries.times[row] = time;
    queries.earliest = std::min(queries.earliest, time);
    queries.latest = std::max(queries.latest, time);
  }
  return queries;
}

table::PartitionRange RangeOf(const conf::GroupBy& group_by, const PartQueries& queries,
                              Date through) {
  const Date day_before_last = Date::Of(FromMillis(queries.latest)) - 1;
  if (IsEntity(group_by)) {
    return {Date::Of(FromMillis(queries.earliest)) - 1, std::min(day_before_last, through)};
  }
  table::PartitionRange range = table::PartitionRange::All();
  if (const auto window = plan::LongestWindow(group_by)) {
    range.first = Date::Of(FromMillis(queries.earliest) - *window) - 1;
  }
  const bool snapshot = group_by.accuracy == conf::Accuracy::kSnapshot;
  range.last = snapshot ? std::min(day_before_last, through) : through;
  return range;
}

// Of two rows of one key in one snapshot the first encountered counts.
std::vector<types::ColumnPtr> PassThrough(const types::Schema& values, const GroupByRows& rows,
                                          const PartQueries& queries) {
  std::vector<uint32_t> row_of_group(queries.keys.size(), kNoGroup);
  for (size_t row = rows.groups.size(); row-- > 0;) {
    row_of_group[rows.groups[row]] = static_cast<uint32_t>(row);
  }
  std::vector<types::ColumnPtr> columns;
  for (const types::Field& field : values.fields) {
    const Column& from = *rows.rows.Find(field.name);
    auto column = std::make_shared<Column>(field.type, queries.groups.size());
    for (const uint32_t group : queries.groups) {
      const uint32_t row = group == kNoGroup ? kNoGroup : row_of_group[group];
      if (row == kNoGroup) {
        column->AppendNull();
      } else {
        column->AppendFrom(from, row);
      }
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

Result<types::Batch> PartColumns(const BatchContext& context, const conf::JoinPart& part,
                                 const LeftRows& left, Date through) {
  const conf::GroupBy& group_by = *part.group_by;
  CATENA_RETURN_IF_ERROR(RequireSupported(group_by));
  CATENA_TRY(const types::Schema schema, SchemaOfRows(context, group_by));
  CATENA_RETURN_IF_ERROR(CheckKeys(part, left.source.rows.schema(), schema));
  const bool by_day = IsEntity(group_by);
  PartQueries queries = ReadQueries(part, left, by_day);
  GroupByRead read{table::PartitionRange{through, through - 1}, true, by_day};
  if (queries.keys.size() > 0) read.range = RangeOf(group_by, queries, through);
  CATENA_TRY(const GroupByRows events, ReadGroupByRows(context, group_by, read, &queries.keys));
  const std::string prefix = conf::ColumnPrefix(part);
  types::Batch columns;
  if (group_by.aggregations.empty()) {
    CATENA_TRY(const types::Schema values, SchemaOfValues(context, group_by));
    const auto passed = PassThrough(values, events, queries);
    for (size_t i = 0; i < passed.size(); ++i) {
      columns.AddColumn(prefix + values.fields[i].name, passed[i]);
    }
    return columns;
  }
  CATENA_TRY(const auto windowed, aggregate::WindowedAggregator::Bind(group_by, schema));
  std::vector<types::ColumnPtr> answers;
  if (by_day && group_by.accuracy == conf::Accuracy::kTemporal && queries.keys.size() > 0) {
    const Date first = Date::Of(FromMillis(queries.earliest));
    const Date last = std::min(Date::Of(FromMillis(queries.latest)), through);
    CATENA_TRY(answers, AnswerThroughMutations(context, group_by, windowed, {first, last}, events,
                                               queries.keys, {queries.groups, queries.times}));
  } else {
    const Groups groups =
        GroupRows(events.groups, queries.keys.size(), events.times, events.orders);
    answers = AnswerQueries(windowed, events, groups, queries.groups, queries.times);
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    columns.AddColumn(prefix + windowed.outputs()[i].name, answers[i]);
  }
  return columns;
}

}  // namespace

Result<LeftRows> ReadLeft(const BatchContext& context, const conf::Join& join,
                          const table::PartitionRange& range) {
  LeftRows left;
  CATENA_TRY(left.source, ReadSource(context, join.left, {range, {}}));
  if (left.source.rows.rows() >= UINT32_MAX) {
    return Unsupported("more left rows than one pass can hold; choose a shorter range: 2^32");
  }
  if (!std::holds_alternative<conf::EntitySource>(join.left)) {
    left.query_times = left.source.times;
    return left;
  }
  left.query_times.reserve(left.source.days.size());
  for (const Date day : left.source.days) left.query_times.push_back(ToMillis(day.End()));
  return left;
}

Result<types::Batch> JoinPartColumns(const BatchContext& context, const conf::JoinPart& part,
                                     const LeftRows& left, Date through) {
  auto columns = PartColumns(context, part, left, through);
  if (columns.ok()) columns = DerivePart(context, part, left, *columns);
  if (!columns.ok()) {
    return columns.error().WithContext("join part " + part.group_by->metadata.name);
  }
  return columns;
}

}  // namespace catena::batch
