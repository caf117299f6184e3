// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_upload.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "catena/aggregate/window/upload_ir.h"
#include "catena/base/log.h"
#include "catena/batch/daily/daily_features.h"
#include "catena/batch/partition_facts.h"
#include "catena/batch/partition_output.h"
#include "catena/batch/sources/entity_upload.h"
#include "catena/batch/sources/source_range.h"
#include "catena/conf/semantic_hash.h"
#include "catena/fetch/online_state.h"
#include "catena/plan/streaming_plan.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

using fetch::Generation;

constexpr size_t kGenerationsMin = 2;

// Puts of one generation, applied whenever a chunk is full.
class UploadWriter {
 public:
  // `begin`: no upload of this batchEnd or a later one has written yet; the first chunk says so.
  UploadWriter(kv::KVStore* store, const std::string& group_by, Timestamp batch_end, bool begin,
               size_t chunk_bytes, StepReport* report)
      : store_(store),
        dataset_(fetch::UploadDataset(group_by)),
        batch_end_(batch_end),
        chunk_bytes_(chunk_bytes),
        report_(report) {
    if (begin) chunk_.marks.push_back(fetch::UploadBegunMark(group_by, batch_end));
  }

  Status Put(std::string_view key, std::string value) {
    pending_ += key.size() + value.size();
    report_->bytes += key.size() + value.size();
    ++report_->rows;
    chunk_.puts.push_back(
        kv::Put{dataset_, std::string(key), kv::TimedValue{batch_end_, 0, std::move(value)}});
    return pending_ < chunk_bytes_ ? Status() : Flush();
  }
  // Values of keys that an earlier upload of the same batchEnd had and this one has not.
  Status ClearKeysNotIn(const KeyIndex& keys, const std::string& empty_value) {
    std::vector<std::string> gone;
    CATENA_RETURN_IF_ERROR(
        store_->Scan(dataset_, [&](std::string_view key, const kv::TimedValue& value) {
          if (value.time == batch_end_ && keys.Find(key) == kNoGroup) gone.emplace_back(key);
          return true;
        }));
    for (const std::string& key : gone) CATENA_RETURN_IF_ERROR(Put(key, empty_value));
    report_->rows -= gone.size();
    return Status();
  }
  Status Publish(const std::vector<kv::Mark>& marks) {
    chunk_.marks.insert(chunk_.marks.end(), marks.begin(), marks.end());
    CATENA_RETURN_IF_ERROR(store_->Apply(chunk_, /*durable=*/true));
    return Status();
  }
  const std::string& dataset() const { return dataset_; }

 private:
  Status Flush() {
    CATENA_RETURN_IF_ERROR(store_->Apply(chunk_));
    chunk_ = {};
    pending_ = 0;
    return Status();
  }

  kv::KVStore* store_;
  std::string dataset_;
  Timestamp batch_end_;
  size_t chunk_bytes_;
  StepReport* report_;
  kv::WriteBatch chunk_;
  size_t pending_ = 0;
};

// What one kind of upload found out besides its values.
struct Uploaded {
  fetch::ServingInfo info;
  std::map<int32_t, int64_t> cut;
};

types::Schema KeySchema(const conf::GroupBy& group_by, const types::Schema& rows) {
  types::Schema keys;
  for (const std::string& name : group_by.key_columns) {
    keys.fields.push_back(rows.fields[*rows.Find(name)]);
  }
  return keys;
}

Result<Uploaded> UploadTemporal(const BatchContext& context, const plan::Step& step, bool again,
                                UploadWriter* writer, StepReport* report) {
  const conf::GroupBy& group_by = *step.group_by;
  const Timestamp batch_end = step.through.End();
  KeyIndex keys;
  const GroupByRead read{
      SourceRange(group_by, table::PartitionRange::Of(step.through)), false, false, {}};
  CATENA_TRY(GroupByRows events, ReadGroupByRows(context, group_by, read, &keys));
  report->rows_read = events.rows_read;
  if (events.orders.empty()) {
    events.orders.resize(events.times.size());
    std::iota(events.orders.begin(), events.orders.end(), uint64_t{0});
  }
  CATENA_TRY(const auto windowed,
             aggregate::WindowedAggregator::Bind(group_by, events.rows.schema()));
  std::optional<EntityUpload> entities;
  if (IsEntity(group_by)) entities.emplace(group_by, events.rows.schema(), windowed);
  const int threads = context.database->options().threads;
  const Groups groups = GroupRows(events.groups, keys.size(), events.times, events.orders, threads);
  const std::vector<uint32_t> ids = keys.SortedIds(threads);
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint32_t id = ids[i];
    const auto rows = std::span<const uint32_t>(groups.rows)
                          .subspan(groups.begin[id], groups.begin[id + 1] - groups.begin[id]);
    std::string value;
    if (entities) {
      CATENA_RETURN_IF_ERROR(entities->Encode(events, rows, keys.Key(id), &value));
    } else {
      aggregate::UploadIr upload(windowed, batch_end);
      upload.AddRows(events.rows, events.times, events.orders, rows);
      if (upload.IsEmpty() && !again) continue;
      upload.Encode(&value);
    }
    CATENA_RETURN_IF_ERROR(writer->Put(keys.Key(id), std::move(value)));
    if (context.progress != nullptr && i % 4096 == 0) context.progress->OnRows(i, ids.size());
  }
  if (again) {
    std::string empty;
    if (entities) {
      fetch::EncodeEntityRows({}, &empty);
    } else {
      aggregate::UploadIr(windowed, batch_end).Encode(&empty);
    }
    CATENA_RETURN_IF_ERROR(writer->ClearKeysNotIn(keys, empty));
  }
  Uploaded uploaded;
  uploaded.info.keys = KeySchema(group_by, events.rows.schema());
  uploaded.info.inputs = windowed.rows().input_schema();
  uploaded.cut = std::move(events.cut);
  return uploaded;
}

Result<Uploaded> UploadSnapshot(const BatchContext& context, const plan::Step& step, bool again,
                                UploadWriter* writer, StepReport* report) {
  const conf::GroupBy& group_by = *step.group_by;
  CATENA_TRY(const types::Schema schema, SchemaOfRows(context, group_by));
  CATENA_TRY(DailyFeatures features,
             ComputeDailyFeatures(context, group_by, table::PartitionRange::Of(step.through)));
  report->rows_read = features.rows_read;
  const types::Batch rows = features.Take(0, features.days.size());
  // Values follow the keys, both in the rows and in what is stored; a key that also is an input of
  // a pass-through is only a key.
  const types::Schema& all = rows.schema();
  types::Schema values;
  std::vector<size_t> value_columns;
  for (size_t i = features.key_columns; i < all.size(); ++i) {
    values.fields.push_back(all.fields[i]);
    value_columns.push_back(i);
  }
  std::vector<size_t> key_columns(features.key_columns);
  std::iota(key_columns.begin(), key_columns.end(), 0);
  const types::RowCodec codec(values);
  KeyIndex keys;
  std::string key;
  for (size_t row = 0; row < rows.rows(); ++row) {
    key.clear();
    if (!types::EncodeKey(rows, key_columns, row, &key)) continue;
    keys.Add(key);
    std::string value;
    codec.Encode(rows, value_columns, row, &value);
    CATENA_RETURN_IF_ERROR(writer->Put(key, std::move(value)));
    if (context.progress != nullptr && row % 4096 == 0) {
      context.progress->OnRows(row, rows.rows());
    }
  }
  if (again) {
    types::BatchBuilder nulls(values);
    for (size_t i = 0; i < values.size(); ++i) nulls.column(i)->AppendNull();
    std::vector<size_t> columns(values.size());
    std::iota(columns.begin(), columns.end(), 0);
    std::string empty;
    codec.Encode(nulls.Build(), columns, 0, &empty);
    CATENA_RETURN_IF_ERROR(writer->ClearKeysNotIn(keys, empty));
  }
  Uploaded uploaded;
  uploaded.info.keys = KeySchema(group_by, schema);
  if (group_by.aggregations.empty()) {
    uploaded.info.inputs = values;
  } else {
    CATENA_TRY(const auto windowed, aggregate::WindowedAggregator::Bind(group_by, schema));
    uploaded.info.inputs = windowed.rows().input_schema();
  }
  uploaded.cut = std::move(features.cut);
  return uploaded;
}

// When the rows that an upload reads last landed; absent when the tables have no day of them. Of a
// chain the left table at its root counts: a Join made of it since then holds no row more.
Result<std::optional<Timestamp>> LandedAt(const BatchContext& context, const plan::Step& step) {
  std::optional<Timestamp> landed;
  for (const conf::Source& source : step.group_by->sources) {
    table::PartitionRange range =
        SourceRange(*step.group_by, table::PartitionRange::Of(step.through));
    const conf::Source* at = &source;
    while (true) {
      const conf::Query& query = conf::QueryOf(*at);
      if (const auto first = ParseDate(query.start_partition); first.ok()) {
        range.first = std::max(range.first, *first);
      }
      if (const auto last = ParseDate(query.end_partition); last.ok()) {
        range.last = std::min(range.last, *last);
      }
      const auto* chain = std::get_if<conf::JoinSource>(at);
      if (chain == nullptr) break;
      at = &chain->join->left;
    }
    CATENA_TRY(range, RangeToRead(context, *at, range));
    CATENA_TRY(const table::Table table, context.warehouse->Find(conf::TableOf(*at)));
    CATENA_TRY(const auto facts, FactsOf(table, range));
    for (const auto& [day, fact] : facts) {
      landed = std::max(landed.value_or(fact.newest), fact.newest);
    }
  }
  return landed;
}

// A fetch as of an instant within retention reads the newest generation not after it, so one is
// needed for as long as its successor is younger than the retention.
std::vector<Generation> Retained(std::vector<Generation> generations, const Generation& added,
                                 Timestamp horizon) {
  std::erase_if(generations,
                [&](const Generation& old) { return old.batch_end == added.batch_end; });
  generations.push_back(added);
  std::sort(generations.begin(), generations.end(),
            [](const Generation& a, const Generation& b) { return a.batch_end < b.batch_end; });
  size_t drop = 0;
  while (generations.size() - drop > kGenerationsMin &&
         generations[drop + 1].batch_end <= horizon) {
    ++drop;
  }
  generations.erase(generations.begin(), generations.begin() + static_cast<int64_t>(drop));
  return generations;
}

// Whether the store may hold values of that batchEnd: of a generation, of one that went or was
// another definition's, or of an upload that died.
Result<bool> MayHoldValues(kv::KVStore* store, const std::string& name, Timestamp batch_end) {
  CATENA_TRY(const auto begun, fetch::ReadUploadBegun(store, name));
  CATENA_TRY(const std::vector<Generation> generations, fetch::ReadGenerations(store, name));
  if (begun && batch_end <= *begun) return true;
  return !generations.empty() && batch_end <= generations.back().batch_end;
}

// Entities as of any time are a snapshot and what a stream adds; without one they would stand
// still.
Status RequireStreamed(const conf::GroupBy& group_by) {
  if (!IsEntity(group_by) || group_by.accuracy == conf::Accuracy::kSnapshot) return Status();
  const std::string why = plan::WhyNotStreamed(group_by);
  if (why.empty()) return Status();
  return Unsupported("what is uploaded would stand still between uploads, because " + why +
                     "; make the GroupBy SNAPSHOT to serve it: " + group_by.metadata.name);
}

// What is still to come of a day would be in no upload and, once the day is over, in no late row.
Status RequireEnded(const conf::GroupBy& group_by, Date day, Timestamp now) {
  const bool whole = IsEntity(group_by) && group_by.accuracy == conf::Accuracy::kSnapshot;
  if (whole || day.End() <= now) return Status();
  return InvalidConf(
      "the day has not ended, and its upload would lack what is still to come; upload the day "
      "before, the stream adds the rest: " +
      FormatDate(day));
}

// Streamed state goes on across uploads, so the two must mean the same.
Status RequireSameStream(kv::KVStore* store, const std::string& name,
                         const std::optional<fetch::ServingInfo>& stored,
                         const std::string& meaning) {
  if (!stored || stored->meaning == meaning) return Status();
  CATENA_TRY(const auto streamed, fetch::ReadCheckpoints(store, name));
  if (streamed.empty()) return Status();
  return InvalidConf(
      "the definition changed since its state was streamed; give the changed GroupBy a new name, "
      "or remove the state folder and upload again: " +
      name);
}

}  // namespace

Result<StepReport> RunUploadStep(const BatchContext& context, const plan::Step& step,
                                 kv::KVStore* store, const UploadOptions& options) {
  const conf::GroupBy& group_by = *step.group_by;
  const std::string& name = group_by.metadata.name;
  CATENA_RETURN_IF_ERROR(RequireSupported(group_by));
  CATENA_RETURN_IF_ERROR(RequireStreamed(group_by));
  CATENA_RETURN_IF_ERROR(RequireEnded(group_by, step.through, context.clock->Now()));
  StepReport report = BeginReport(step);
  Generation generation;
  generation.batch_end = step.through.End();
  generation.computed_at = context.clock->Now();
  CATENA_TRY(const auto stored_info, fetch::ReadServingInfo(store, name));
  CATENA_RETURN_IF_ERROR(RequireSameStream(store, name, stored_info, step.meaning));
  CATENA_TRY(const bool again, MayHoldValues(store, name, generation.batch_end));
  UploadWriter writer(store, name, generation.batch_end, !again, options.chunk_bytes, &report);
  report.table = writer.dataset();
  CATENA_TRY(const auto landed_at, LandedAt(context, step));
  auto uploaded = group_by.accuracy == conf::Accuracy::kTemporal
                      ? UploadTemporal(context, step, again, &writer, &report)
                      : UploadSnapshot(context, step, again, &writer, &report);
  if (!uploaded.ok()) return uploaded.error().WithContext(name);
  uploaded->info.meaning = step.meaning;
  generation.cut = uploaded->cut;
  if (generation.cut.empty() && landed_at) {
    generation.computed_at = std::min(generation.computed_at, *landed_at);
  }
  // Read now: another upload may have published one meanwhile.
  CATENA_TRY(const auto old_info, fetch::ReadServingInfo(store, name));
  CATENA_TRY(std::vector<Generation> generations, fetch::ReadGenerations(store, name));
  if (old_info && *old_info != uploaded->info && !generations.empty()) {
    // Values of another definition decode to other features, or not at all.
    report.notes.push_back("generations of another definition are no longer served: " +
                           std::to_string(generations.size()));
    generations.clear();
  }
  generations =
      Retained(std::move(generations), generation, context.clock->Now() - options.as_of_retention);
  CATENA_RETURN_IF_ERROR(writer.Publish(
      {fetch::ServingInfoMark(name, uploaded->info), fetch::GenerationsMark(name, generations)}));
  // The only one may yet get an older one beside it, whose values must not be forgotten.
  if (generations.size() >= kGenerationsMin) {
    CATENA_RETURN_IF_ERROR(store->SetHorizon(writer.dataset(), generations.front().batch_end));
  }
  report.computed.push_back(step.through);
  CATENA_LOG_INFO("generation_published", "group_by={} batch_end={} keys={} bytes={}", name,
                  FormatTimestamp(generation.batch_end), report.rows, report.bytes);
  return report;
}

}  // namespace catena::batch
