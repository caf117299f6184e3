// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_rows.h"

#include <algorithm>

#include "catena/aggregate/window/sawtooth.h"
#include "catena/base/bytes.h"
#include "catena/batch/element_wise_lengths.h"
#include "catena/batch/sources/source_range.h"
#include "catena/batch/table_meanings.h"
#include "catena/conf/output_names.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

constexpr size_t kSourcesMax = 16;

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What to ask every source for; of a pass-through GroupBy the first source tells.
Result<std::vector<std::string>> ColumnsOf(const BatchContext& context,
                                           const conf::GroupBy& group_by) {
  std::vector<std::string> columns = group_by.key_columns;
  const auto add = [&](const std::string& name) {
    if (!Contains(columns, name)) columns.push_back(name);
  };
  for (const conf::Aggregation& aggregation : group_by.aggregations) {
    add(aggregation.input_column);
    for (const std::string& bucket : aggregation.buckets) add(bucket);
  }
  if (!group_by.aggregations.empty()) return columns;
  CATENA_TRY(const types::Schema all, SchemaOfSource(context, group_by.sources.front(), {}));
  for (const types::Field& field : all.fields) {
    if (field.name != "ts" && field.name != kTopicPartitionColumn && field.name != kOffsetColumn) {
      add(field.name);
    }
  }
  return columns;
}

types::Schema FirstFields(const types::Schema& schema, size_t count) {
  types::Schema first;
  first.fields.assign(schema.fields.begin(), schema.fields.begin() + static_cast<int64_t>(count));
  return first;
}

// Gathers the rows of one GroupBy piece by piece.
class Gatherer {
 public:
  Gatherer(const conf::GroupBy& group_by, const types::Schema& schema, const GroupByRead& read,
           KeyIndex* keys)
      : schema_(schema),
        read_(read),
        keys_(keys),
        reader_(schema, group_by.key_columns),
        lengths_(group_by),
        needs_time_(!group_by.aggregations.empty()) {
    for (const types::Field& field : schema.fields) names_.push_back(field.name);
  }

  Status Add(const SourceRows& piece, uint64_t source_bits) {
    gathered_.rows_read += piece.rows.rows();
    AddCut(piece.rows);
    const types::Batch rows = piece.rows.Select(names_);
    taken_.clear();
    for (size_t row = 0; row < rows.rows(); ++row) {
      if (needs_time_ && piece.times[row] == kNoTime) continue;
      if (!reader_.Read(rows, row, &key_)) continue;
      if (read_.by_day) KeyReader::AppendDay(piece.days[row], &key_);
      const uint32_t group = read_.known_keys_only ? keys_->Find(key_) : keys_->Add(key_);
      if (group == kNoGroup) continue;
      taken_.push_back(static_cast<uint32_t>(row));
      gathered_.times.push_back(piece.times[row]);
      gathered_.orders.push_back(piece.orders[row] | source_bits);
      gathered_.groups.push_back(group);
    }
    if (taken_.empty()) return Status();
    CATENA_RETURN_IF_ERROR(lengths_.Check(rows, taken_,
                                          std::span(gathered_.groups).last(taken_.size()),
                                          std::span(gathered_.times).last(taken_.size())));
    pieces_.push_back(taken_.size() == rows.rows() ? rows : rows.Take(taken_));
    if (gathered_.groups.size() >= UINT32_MAX) {
      return Unsupported(
          "more rows than one pass can hold; choose a shorter range or narrower "
          "wheres: 2^32");
    }
    return Status();
  }

  Result<GroupByRows> Take() {
    if (pieces_.empty()) pieces_.push_back(types::BatchBuilder(schema_).Build());
    gathered_.rows = types::Concat(pieces_);
    return std::move(gathered_);
  }

 private:
  void AddCut(const types::Batch& rows) {
    const types::Column* partitions = rows.Find(kTopicPartitionColumn);
    const types::Column* offsets = rows.Find(kOffsetColumn);
    if (partitions == nullptr || offsets == nullptr) return;
    for (size_t row = 0; row < rows.rows(); ++row) {
      if (partitions->IsNull(row) || offsets->IsNull(row)) continue;
      const int64_t offset = IntegerAt(*offsets, row);
      int64_t& next = gathered_.cut[static_cast<int32_t>(IntegerAt(*partitions, row))];
      next = std::max(next, offset + 1);
    }
  }
  static int64_t IntegerAt(const types::Column& column, size_t row) {
    if (column.type().kind == types::Kind::kInt) return column.Values<int32_t>()[row];
    return column.Values<int64_t>()[row];
  }

  const types::Schema& schema_;
  const GroupByRead& read_;
  KeyIndex* keys_;
  KeyReader reader_;
  ElementWiseLengths lengths_;
  bool needs_time_;
  std::vector<std::string> names_;
  GroupByRows gathered_;
  std::vector<types::Batch> pieces_;
  std::vector<uint32_t> taken_;
  std::string key_;
};

}  // namespace

KeyReader::KeyReader(const types::Schema& schema, const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    const auto at = schema.Find(name);
    CATENA_CHECK(at.has_value(), "a key column is in the rows");
    columns_.push_back(*at);
  }
}

bool KeyReader::Read(const types::Batch& rows, size_t row, std::string* key) const {
  key->clear();
  return types::EncodeKey(rows, columns_, row, key);
}

void KeyReader::AppendDay(Date day, std::string* key) { AppendOrderedInt64(key, day.days); }

Date KeyReader::DayOf(std::string_view key) {
  ByteReader reader(key.substr(key.size() - sizeof(uint64_t)));
  return Date{static_cast<int32_t>(reader.OrderedInt64())};
}

bool IsEntity(const conf::GroupBy& group_by) {
  return std::holds_alternative<conf::EntitySource>(group_by.sources.front());
}

Result<types::Schema> SchemaOfRows(const BatchContext& context, const conf::GroupBy& group_by) {
  CATENA_TRY(const std::vector<std::string> columns, ColumnsOf(context, group_by));
  types::Schema schema;
  for (size_t i = 0; i < group_by.sources.size(); ++i) {
    auto own = SchemaOfSource(context, group_by.sources[i], {{}, columns});
    if (!own.ok()) return own.error().WithContext(group_by.metadata.name);
    const types::Schema asked = FirstFields(*own, columns.size());
    if (i == 0) schema = asked;
    if (asked != schema) {
      return InvalidConf("two sources give other types; cast them alike in the selects: " +
                         group_by.metadata.name + ": " + schema.ToString() + " and " +
                         asked.ToString());
    }
  }
  return schema;
}

Result<types::Schema> SchemaOfValues(const BatchContext& context, const conf::GroupBy& group_by) {
  CATENA_TRY(types::Schema schema, SchemaOfRows(context, group_by));
  std::erase_if(schema.fields, [&](const types::Field& field) {
    return Contains(group_by.key_columns, field.name);
  });
  return schema;
}

Result<GroupByRows> ReadGroupByRows(const BatchContext& context, const conf::GroupBy& group_by,
                                    const GroupByRead& read, KeyIndex* keys) {
  CATENA_TRY(const types::Schema schema, SchemaOfRows(context, group_by));
  CATENA_RETURN_IF_ERROR(RequireMaterialised(context, group_by, read.range));
  SourceRequest request{read.range, {}};
  for (const types::Field& field : schema.fields) request.columns.push_back(field.name);
  Gatherer gatherer(group_by, schema, read, keys);
  for (size_t i = 0; i < group_by.sources.size(); ++i) {
    const uint64_t bits = uint64_t{i} << kSourceShift;
    CATENA_TRY(request.range, RangeToRead(context, group_by.sources[i], read.range));
    CATENA_RETURN_IF_ERROR(ScanSource(context, group_by.sources[i], request, [&](SourceRows piece) {
                             return gatherer.Add(piece, bits);
                           }).WithContext(group_by.metadata.name));
  }
  return gatherer.Take();
}

namespace {

// What a TEMPORAL GroupBy of entities must have besides snapshots.
Status RequireMutations(const conf::GroupBy& group_by, const std::string& where) {
  if (group_by.aggregations.empty()) {
    return Unsupported(where +
                       ".aggregations: columns of entities pass through as of a day only; make it "
                       "SNAPSHOT, or aggregate them, with LAST for example");
  }
  for (const conf::Source& source : group_by.sources) {
    if (!std::get<conf::EntitySource>(source).mutation_table.empty()) continue;
    return InvalidConf(where + ".sources.entities: TEMPORAL accuracy needs the mutationTable of " +
                       conf::TableOf(source) + "; name it, or make the GroupBy SNAPSHOT");
  }
  return Status();
}

}  // namespace

Status RequireSupported(const conf::GroupBy& group_by) {
  const std::string where = "group_by " + group_by.metadata.name;
  if (group_by.sources.empty() || group_by.sources.size() > kSourcesMax) {
    return Unsupported(where + ".sources: between 1 and 16 sources are possible");
  }
  const bool entity = IsEntity(group_by);
  for (const conf::Source& source : group_by.sources) {
    const auto* events = std::get_if<conf::EventSource>(&source);
    if (events != nullptr && events->is_cumulative && events->query.time_column.spark.empty()) {
      return InvalidConf(where +
                         ".sources.events: isCumulative needs a timeColumn, because the "
                         "partition does not tell when its rows happened: " +
                         events->table);
    }
    if (std::holds_alternative<conf::EntitySource>(source) != entity) {
      return Unsupported(where + ".sources: events and entities can not be mixed");
    }
  }
  if (entity && group_by.accuracy == conf::Accuracy::kTemporal) {
    CATENA_RETURN_IF_ERROR(RequireMutations(group_by, where));
  }
  if (!entity && group_by.aggregations.empty()) {
    return Unsupported(where +
                       ".aggregations: events without aggregations have no value a key; "
                       "only entities pass through");
  }
  return Status();
}

std::vector<types::ColumnPtr> AnswerQueries(const aggregate::WindowedAggregator& windowed,
                                            const GroupByRows& events, const Groups& groups,
                                            std::span<const uint32_t> query_groups,
                                            std::span<const int64_t> query_times) {
  const Groups queries = GroupRows(query_groups, groups.begin.size() - 1, query_times, {});
  aggregate::SawtoothInput input;
  input.events = &events.rows;
  input.event_times = events.times;
  input.event_orders = events.orders;
  input.event_rows = groups.rows;
  input.event_begin = groups.begin;
  input.query_times = query_times;
  input.query_rows = queries.rows;
  input.query_begin = queries.begin;
  input.output_rows = query_groups.size();
  return aggregate::AnswerQueries(windowed, input);
}

Status RequireMaterialised(const BatchContext& context, const conf::GroupBy& group_by,
                           const table::PartitionRange& range) {
  for (const conf::Source& source : group_by.sources) {
    const auto* chain = std::get_if<conf::JoinSource>(&source);
    if (chain == nullptr) continue;
    conf::Conf parent;
    parent.definition = chain->join;
    CATENA_TRY(const auto tables, plan::TablesOf(parent));
    CATENA_TRY(const plan::Inventory inventory, ReadInventory(context, tables));
    const std::string output = conf::OutputTable(chain->join->metadata);
    std::vector<Date> days = plan::DaysOf(source, inventory);
    std::erase_if(days, [&](Date day) { return !range.Contains(day); });
    std::vector<Date> missing;
    for (const auto& [day, why] : plan::DaysToCompute(*chain->join, days, inventory)) {
      missing.push_back(day);
    }
    if (missing.empty()) continue;
    return NotFound(
        "a parent Join is not materialised for all days that the rows reach back to; "
        "backfill it for them first: " +
        chain->join->metadata.name + " (" + output + "): " + plan::PrintDays(missing));
  }
  return Status();
}

}  // namespace catena::batch
