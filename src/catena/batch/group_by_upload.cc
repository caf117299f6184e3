// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/group_by_upload.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

#include "catena/aggregate/window/upload_ir.h"
#include "catena/base/log.h"
#include "catena/base/random.h"
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
  UploadWriter(kv::KVStore* store, const std::string& group_by, Timestamp stored_at,
               size_t chunk_bytes, StepReport* report)
      : store_(store),
        dataset_(fetch::UploadDataset(group_by)),
        stored_at_(stored_at),
        chunk_bytes_(chunk_bytes),
        report_(report) {}

  Status Put(std::string_view key, std::string value) {
    pending_ += key.size() + value.size();
    report_->bytes += key.size() + value.size();
    ++report_->rows;
    chunk_.puts.push_back(
        kv::Put{dataset_, std::string(key), kv::TimedValue{stored_at_, 0, std::move(value)}});
    return pending_ < chunk_bytes_ ? Status() : Flush();
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
  Timestamp stored_at_;
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

Result<Uploaded> UploadTemporal(const BatchContext& context, const plan::Step& step,
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
      if (upload.IsEmpty()) continue;
      upload.Encode(&value);
    }
    CATENA_RETURN_IF_ERROR(writer->Put(keys.Key(id), std::move(value)));
    if (context.progress != nullptr && i % 4096 == 0) context.progress->OnRows(i, ids.size());
  }
  Uploaded uploaded;
  uploaded.info.keys = KeySchema(group_by, events.rows.schema());
  uploaded.info.inputs = windowed.rows().input_schema();
  uploaded.cut = std::move(events.cut);
  return uploaded;
}

Result<Uploaded> UploadSnapshot(const BatchContext& context, const plan::Step& step,
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
  std::string key;
  for (size_t row = 0; row < rows.rows(); ++row) {
    key.clear();
    if (!types::EncodeKey(rows, key_columns, row, &key)) continue;
    std::string value;
    codec.Encode(rows, value_columns, row, &value);
    CATENA_RETURN_IF_ERROR(writer->Put(key, std::move(value)));
    if (context.progress != nullptr && row % 4096 == 0) {
      context.progress->OnRows(row, rows.rows());
    }
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

// Which no other upload has, those that died or are under way at once included: they name theirs
// nowhere. Of the milliseconds of a day two have one in once in many million pairs.
int32_t DrawSlot() {
  return 1 + static_cast<int32_t>(
                 Random(std::random_device()()).Below(static_cast<uint64_t>(kDay.count()) - 1));
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
  generation.slot = DrawSlot();
  generation.computed_at = context.clock->Now();
  CATENA_TRY(const auto stored_info, fetch::ReadServingInfo(store, name));
  CATENA_RETURN_IF_ERROR(RequireSameStream(store, name, stored_info, step.meaning));
  UploadWriter writer(store, name, generation.StoredAt(), options.chunk_bytes, &report);
  report.table = writer.dataset();
  CATENA_TRY(const auto landed_at, LandedAt(context, step));
  auto uploaded = group_by.accuracy == conf::Accuracy::kTemporal
                      ? UploadTemporal(context, step, &writer, &report)
                      : UploadSnapshot(context, step, &writer, &report);
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
