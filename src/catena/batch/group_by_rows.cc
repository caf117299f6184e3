// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_rows.h"

#include <algorithm>
#include <functional>
#include <mutex>

#include "catena/base/parallel.h"
#include "catena/batch/element_wise_lengths.h"
#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/sources/source_range.h"
#include "catena/batch/table_meanings.h"
#include "catena/conf/output_names.h"

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
  CATENA_TRY(const std::vector<size_t> made, MadeSources(context, group_by));
  CATENA_TRY(const types::Schema all, SchemaOfSource(context, group_by.sources[made[0]], {}));
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

// Gathers the rows of one GroupBy piece by piece; pieces come from several threads at once.
class Gatherer {
 public:
  Gatherer(const conf::GroupBy& group_by, const types::Schema& schema, const GroupByRead& read,
           KeyIndex* keys, int threads)
      : schema_(schema),
        read_(read),
        keys_(keys),
        threads_(threads),
        reader_(schema, group_by.key_columns, read.share),
        lengths_(group_by),
        several_(group_by.sources.size() > 1),
        needs_time_(!group_by.aggregations.empty()),
        key_count_(group_by.key_columns.size()) {
    for (const types::Field& field : schema.fields) names_.push_back(field.name);
  }

  Status Add(size_t source, size_t number, SourceRows piece) {
    const types::Batch rows = piece.rows.Select(names_);
    std::vector<uint32_t> ids(rows.rows(), 0);
    for (size_t row = 0; needs_time_ && row < ids.size(); ++row) {
      const int64_t time = piece.times[row];
      if (time == kNoTime || time < read_.begin || time >= read_.end) ids[row] = kNoGroup;
    }
    if (read_.known_keys_only) {
      reader_.Find(rows, DaysOfKeys(piece.days), *keys_, ids);
      for (size_t row = 0; read_.dated != nullptr && row < ids.size(); ++row) {
        ids[row] = read_.dated->Find(ids[row], piece.days[row]);
      }
    } else {
      reader_.PassOver(rows, ids);  // Finish adds the keys.
    }
    std::vector<uint32_t> taken;
    for (uint32_t row = 0; row < ids.size(); ++row) {
      if (ids[row] != kNoGroup) taken.push_back(row);
    }
    Part part;
    part.as_read = taken.size() == ids.size();
    part.rows = part.as_read ? rows : rows.Take(taken);
    part.times = Take(piece.times, taken);
    part.groups = Take(ids, taken);
    if (read_.by_day && !read_.known_keys_only) part.days = Take(piece.days, taken);
    part.orders = Take(piece.orders, taken);
    if (several_) {
      CATENA_RETURN_IF_ERROR(PlaceOrders(uint64_t{source} << kSourceShift, part.orders));
    }
    const std::lock_guard lock(mutex_);
    gathered_.rows_read += piece.rows.rows();
    taken_ += taken.size();
    AddCut(piece.rows);
    if (!taken.empty()) parts_[{source, number}] = std::move(part);
    if (taken_ < UINT32_MAX) return Status();
    return Unsupported(
        "more rows than one pass can hold; choose a shorter range or narrower "
        "wheres: 2^32");
  }

  Result<GroupByRows> Finish() {
    if (!read_.known_keys_only) AddKeys();
    for (const auto& [place, part] : parts_) {
      CATENA_RETURN_IF_ERROR(lengths_.Check(part.rows, part.groups, part.times));
    }
    const std::function<void()> gather[] = {[&] { Gather(&Part::times, &gathered_.times); },
                                            [&] { Gather(&Part::groups, &gathered_.groups); },
                                            [&] { AddOrders(); }};
    ParallelEach(std::size(gather), threads_, [&](size_t i) { gather[i](); });
    std::vector<types::Batch> batches;
    size_t first = 0;
    for (auto& [place, part] : parts_) {
      if (part.as_read) gathered_.keys_as_read.push_back({KeysOf(part.rows), first});
      first += part.rows.rows();
      batches.push_back(std::move(part.rows));
    }
    parts_.clear();
    if (batches.empty()) batches.push_back(types::BatchBuilder(schema_).Build());
    gathered_.rows = ConcatPieces(std::move(batches), threads_);
    return std::move(gathered_);
  }

 private:
  struct Part {
    types::Batch rows;
    std::vector<int64_t> times;
    std::vector<uint32_t> groups;
    std::vector<uint64_t> orders;
    std::vector<Date> days;  // When they are part of keys that Finish adds.
    bool as_read = false;    // No row of the piece was passed over.
  };

  std::span<const Date> DaysOfKeys(const std::vector<Date>& days) const {
    return read_.by_day && read_.dated == nullptr ? std::span<const Date>(days)
                                                  : std::span<const Date>();
  }
  // They are the first columns.
  std::vector<types::ColumnPtr> KeysOf(const types::Batch& rows) const {
    std::vector<types::ColumnPtr> columns;
    for (size_t i = 0; i < key_count_; ++i) columns.push_back(rows.shared(i));
    return columns;
  }
  void AddKeys() {
    std::vector<KeyedRows> pieces;
    for (auto& [place, part] : parts_) {
      pieces.push_back({&part.rows, DaysOfKeys(part.days), part.groups});
    }
    reader_.AddAll(pieces, threads_, keys_);
  }
  template <typename T>
  static std::vector<T> Take(const std::vector<T>& values, const std::vector<uint32_t>& rows) {
    if (values.size() == rows.size()) return values;
    std::vector<T> taken;
    if (values.empty()) return taken;
    taken.reserve(rows.size());
    for (const uint32_t row : rows) taken.push_back(values[row]);
    return taken;
  }
  template <typename T>
  void Gather(std::vector<T> Part::*member, std::vector<T>* all) {
    all->reserve(taken_);
    for (auto& [place, part] : parts_) {
      const std::vector<T> values = std::move(part.*member);
      all->insert(all->end(), values.begin(), values.end());
    }
  }
  // A source whose table carries no order beside one that does: its rows count on.
  void AddOrders() {
    const bool ordered =
        several_ || std::any_of(parts_.begin(), parts_.end(),
                                [](const auto& part) { return !part.second.orders.empty(); });
    for (const auto& [place, part] : parts_) {
      for (size_t i = 0; ordered && i < part.rows.rows(); ++i) {
        gathered_.orders.push_back(part.orders.empty() ? uint64_t{place.first} << kSourceShift |
                                                             gathered_.orders.size()
                                                       : part.orders[i]);
      }
    }
  }
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
  int threads_;
  KeyReader reader_;
  ElementWiseLengths lengths_;
  bool several_;  // Sources: their numbers are part of the order.
  bool needs_time_;
  size_t key_count_;
  std::vector<std::string> names_;
  std::mutex mutex_;  // Of what follows.
  GroupByRows gathered_;
  std::map<std::pair<size_t, size_t>, Part> parts_;  // By source and piece.
  size_t taken_ = 0;
};

}  // namespace

Status PlaceOrders(uint64_t source_bits, std::span<uint64_t> orders) {
  for (uint64_t& order : orders) {
    if (order >> (kSourceShift - 1) != 0) {
      return Unsupported(
          "rows of topic partitions above 2047 cannot be put in order with those of other sources, "
          "or of mutations; archive a topic of fewer partitions, or leave _topic_partition and "
          "_offset out of the table: topic partition " +
          std::to_string(order >> 48));
    }
    order |= source_bits;
  }
  return Status();
}

Result<types::Schema> SchemaOfRows(const BatchContext& context, const conf::GroupBy& group_by) {
  CATENA_TRY(const std::vector<std::string> columns, ColumnsOf(context, group_by));
  types::Schema schema;
  CATENA_TRY(const std::vector<size_t> made, MadeSources(context, group_by));
  for (const size_t i : made) {
    auto own = SchemaOfSource(context, group_by.sources[i], {{}, columns});
    if (!own.ok()) return own.error().WithContext(group_by.metadata.name);
    const types::Schema asked = FirstFields(*own, columns.size());
    if (i == made[0]) schema = asked;
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
  Gatherer gatherer(group_by, schema, read, keys, context.database->options().threads);
  CATENA_TRY(const std::vector<size_t> made, MadeSources(context, group_by));
  for (const size_t i : made) {
    CATENA_TRY(request.range, RangeToRead(context, group_by.sources[i], read.range));
    CATENA_RETURN_IF_ERROR(
        ScanSource(context, group_by.sources[i], request, [&](size_t number, SourceRows piece) {
          return gatherer.Add(i, number, std::move(piece));
        }).WithContext(group_by.metadata.name));
  }
  return gatherer.Finish();
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
    const auto* entities = std::get_if<conf::EntitySource>(&source);
    if (entities == nullptr) {
      return Unsupported(where +
                         ".sources.joinSource: the left side of its Join is entities, whose "
                         "mutations are not enriched, so that nothing is known within a day; make "
                         "the GroupBy SNAPSHOT: " +
                         conf::TableOf(source));
    }
    if (!entities->mutation_table.empty()) continue;
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
    if (conf::IsOfEntities(source) != entity) {
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
    plan::Freshness freshness(inventory);
    std::vector<Date> missing;
    for (const Date day : days) {
      const auto why = freshness.Of(*chain->join, day).compute;
      if (why && *why != plan::Why::kInputsChanged) missing.push_back(day);
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
