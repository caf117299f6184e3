// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/group_by_reader.h"

#include <algorithm>

#include "catena/aggregate/ir_codec.h"
#include "catena/aggregate/window/resolution.h"
#include "catena/conf/semantic_hash.h"
#include "catena/fetch/entities/living_rows.h"

namespace catena::fetch {

using aggregate::Layer;
using aggregate::OnlineWindows;

namespace {

// Instants beyond these leave no room for a window before them, or for the rest of their day.
constexpr Timestamp kEarliest = FromMillis(-(int64_t{1} << 58));
constexpr Timestamp kLatest = FromMillis(int64_t{1} << 58);

}  // namespace

namespace {

// The stored watermark of a healthy stream trails by a second and what its gate waits.
constexpr Millis kStreamSlack{5000};

}  // namespace

std::string_view IncompleteName(Incomplete reason) {
  switch (reason) {
    case Incomplete::kNone:
      return "";
    case Incomplete::kUpstream:
      return "upstream";
    case Incomplete::kUploadLate:
      return "upload_late";
    case Incomplete::kNoUpload:
      return "no_upload";
    case Incomplete::kUploadOld:
      return "upload_old";
    case Incomplete::kStreamBehind:
      return "stream_behind";
    case Incomplete::kDerivation:
      return "derivation";
    case Incomplete::kNoStream:
      return "no_stream";
  }
  return "unknown";
}

Result<GroupByReader> GroupByReader::Open(kv::KVStore* store,
                                          std::shared_ptr<const conf::GroupBy> group_by) {
  const std::string& name = group_by->metadata.name;
  if (group_by->exact_windows) {
    return Unsupported(
        "windows that are exact are answered by backfills only: drop exact_windows of the "
        "GroupBy: " +
        name);
  }
  CATENA_TRY(auto info, ReadServingInfo(store, name));
  if (!info) {
    return NotFound(
        "nothing was uploaded or streamed for this GroupBy yet; run `catena "
        "group-by-upload` or `catena group-by-streaming` on its conf: " +
        name);
  }
  if (info->meaning != conf::MeaningOf(*group_by)) {
    return InvalidConf(
        "the conf and what is stored under its name are of different definitions; compile, upload "
        "and stream one definition, and give a changed GroupBy a new name: " +
        name);
  }
  GroupByReader reader;
  reader.info_ = std::move(*info);
  if (group_by->aggregations.empty()) {
    reader.output_schema_ = reader.info_.inputs;
  } else {
    auto bound = aggregate::WindowedAggregator::Bind(*group_by, reader.info_.inputs);
    if (!bound.ok()) return bound.error().WithContext(name);
    reader.windowed_ = std::move(*bound);
    reader.output_schema_ = reader.windowed_->output_schema();
  }
  reader.row_codec_ = std::make_shared<types::RowCodec>(reader.info_.inputs);
  reader.value_codec_ = std::make_shared<types::RowCodec>(reader.output_schema_);
  reader.upload_dataset_ = UploadDataset(name);
  reader.raw_dataset_ = RawDataset(name);
  reader.prefix_dataset_ = PrefixDataset(name);
  reader.late_dataset_ = LateDataset(name);
  reader.mutation_dataset_ = MutationDataset(name);
  for (const Layer layer : aggregate::kLayers) {
    reader.tile_datasets_[static_cast<size_t>(layer)] = TileDataset(name, layer);
  }
  reader.group_by_ = std::move(group_by);
  return reader;
}

Result<GroupByReader::View> GroupByReader::ReadView(kv::KVStore* store) const {
  View view;
  CATENA_TRY(view.generations, ReadGenerations(store, group_by_->metadata.name));
  if (group_by_->accuracy == conf::Accuracy::kTemporal) {
    CATENA_TRY(view.retention, ReadRetention(store, group_by_->metadata.name));
  }
  return view;
}

// True when streamed tiles alone hold every window of a query at `as_of`.
bool GroupByReader::StreamReaches(const View& view, Timestamp as_of) const {
  if (!view.retention) return false;
  const int64_t start = view.retention->coverage_start;
  if (start == INT64_MIN) return true;
  if (windowed_->unwindowed()) return false;
  return std::all_of(windowed_->windows().begin(), windowed_->windows().end(),
                     [&](const aggregate::WindowLength& window) {
                       return ToMillis(aggregate::WindowTail(as_of, *window)) >= start;
                     });
}

Incomplete GroupByReader::PickGeneration(const View& view, Timestamp as_of,
                                         const Generation** generation) const {
  *generation = nullptr;
  for (const Generation& candidate : view.generations) {
    if (candidate.batch_end <= as_of) *generation = &candidate;
  }
  if (*generation == nullptr) {
    return StreamReaches(view, as_of) ? Incomplete::kNone : Incomplete::kNoUpload;
  }
  const bool streams = conf::StreamingSource(*group_by_) != nullptr;
  const Timestamp batch_end = (*generation)->batch_end;
  if (aggregate::UploadIr::Covers(*windowed_, batch_end, as_of)) {
    if (!streams || as_of == batch_end) return Incomplete::kNone;
    if (!view.retention) return Incomplete::kNoStream;
    return view.retention->coverage_start <= ToMillis(batch_end) ? Incomplete::kNone
                                                                 : Incomplete::kNoUpload;
  }
  if (StreamReaches(view, as_of)) {
    *generation = nullptr;
    return Incomplete::kNone;
  }
  return Incomplete::kUploadOld;
}

// A snapshot stands for all time before its batchEnd, however old it is; what it lacks are the
// mutations since, of which none may be missing.
Incomplete GroupByReader::PickSnapshot(const View& view, Timestamp as_of,
                                       const Generation** generation) const {
  *generation = nullptr;
  for (const Generation& candidate : view.generations) {
    if (candidate.batch_end <= as_of) *generation = &candidate;
  }
  if (*generation == nullptr) return Incomplete::kNoUpload;
  if ((*generation)->batch_end == as_of) return Incomplete::kNone;
  if (!view.retention) return Incomplete::kNoStream;
  const int64_t batch_end = ToMillis((*generation)->batch_end);
  const bool reaches =
      view.retention->coverage_start <= batch_end && view.retention->raw_floor <= batch_end;
  return reaches ? Incomplete::kNone : Incomplete::kNoUpload;
}

bool GroupByReader::IsBehind(const View& view, const RowPlan& plan) {
  const bool all_uploaded = plan.generation != nullptr && plan.generation->batch_end == plan.as_of;
  return plan.answer.incomplete == Incomplete::kNone && view.retention && !view.gated &&
         !all_uploaded && view.retention->watermark < ToMillis(plan.as_of - kStreamSlack);
}

void GroupByReader::PlanEntities(const View& view, std::string_view key,
                                 std::vector<kv::GetRequest>* requests, RowPlan* plan) const {
  plan->entities = true;
  const Timestamp as_of = plan->as_of;
  if (view.retention && ToMillis(as_of) < view.retention->as_of_floor) {
    plan->answer.out_of_retention = true;
    plan->nothing = true;
    return;
  }
  plan->answer.incomplete = PickSnapshot(view, as_of, &plan->generation);
  if (plan->generation == nullptr) {
    plan->nothing = true;
    return;
  }
  if (IsBehind(view, *plan)) plan->answer.incomplete = Incomplete::kStreamBehind;
  requests->push_back(UploadOf(*plan->generation, key));
  requests->push_back({mutation_dataset_, key, plan->generation->batch_end, as_of});
}

void GroupByReader::PlanSnapshot(const View& view, std::string_view key,
                                 std::vector<kv::GetRequest>* requests, RowPlan* plan) const {
  plan->snapshot = true;
  const Timestamp day = FloorTo(plan->as_of, kDay);
  for (const Generation& candidate : view.generations) {
    if (candidate.batch_end <= day) plan->generation = &candidate;
  }
  if (plan->generation == nullptr) {
    plan->answer.incomplete = Incomplete::kNoUpload;
    plan->nothing = true;
    return;
  }
  if (plan->generation->batch_end != day) plan->answer.incomplete = Incomplete::kUploadLate;
  requests->push_back(UploadOf(*plan->generation, key));
}

void GroupByReader::PlanTemporal(const View& view, std::string_view key, const RowPlan* before,
                                 std::vector<kv::GetRequest>* requests, RowPlan* plan) const {
  const Timestamp as_of = plan->as_of;
  if (view.retention) {
    const int64_t head = ToMillis(aggregate::RawHead(as_of));
    const bool on_grid = head == ToMillis(as_of);
    if (ToMillis(as_of) < view.retention->as_of_floor ||
        (!on_grid && head < view.retention->raw_floor)) {
      plan->answer.out_of_retention = true;
      plan->nothing = true;
      return;
    }
  }
  plan->answer.incomplete = PickGeneration(view, as_of, &plan->generation);
  if (IsBehind(view, *plan)) plan->answer.incomplete = Incomplete::kStreamBehind;
  aggregate::OnlineStart start;
  if (plan->generation != nullptr) {
    start = {plan->generation->batch_end, plan->generation->batch_end};
  } else if (windowed_->unwindowed()) {
    plan->with_prefix = true;
    start.unwindowed = FloorTo(as_of, kDay);
  }
  plan->cover = before != nullptr && before->cover != nullptr &&
                        before->cover->Serves(*windowed_, as_of, start)
                    ? before->cover
                    : std::make_shared<const aggregate::OnlineCover>(*windowed_, as_of, start);
  if (before != nullptr && before->cover == plan->cover && before->key == key &&
      before->as_of <= as_of) {
    plan->shares = true;
    plan->request_begin = before->request_begin;
    requests->back().before = as_of;  // The raw rows of the plan before.
    return;
  }
  if (plan->generation != nullptr) {
    requests->push_back(UploadOf(*plan->generation, key));
    requests->push_back({late_dataset_, key});
  } else if (plan->with_prefix) {
    const Timestamp day = start.unwindowed;
    requests->push_back({prefix_dataset_, key, Timestamp::min(), day + Millis{1}, 1});
    requests->push_back(
        {tile_datasets_[static_cast<size_t>(Layer::kDay)], key, Timestamp::min(), day, 1});
  }
  for (const aggregate::TileRange& range : plan->cover->needed_tiles()) {
    requests->push_back(
        {tile_datasets_[static_cast<size_t>(range.layer)], key, range.begin, range.end});
  }
  requests->push_back({raw_dataset_, key, plan->cover->raw_begin(), as_of});
}

GroupByReader::RowPlan GroupByReader::Plan(const View& view, std::string_view key, Timestamp as_of,
                                           const RowPlan* before,
                                           std::vector<kv::GetRequest>* requests) const {
  RowPlan plan;
  plan.key = key;
  plan.as_of = as_of;
  plan.request_begin = requests->size();
  if (key.empty()) {
    plan.nothing = true;
  } else if (as_of < kEarliest || as_of > kLatest) {
    plan.answer.out_of_retention = true;
    plan.nothing = true;
  } else if (group_by_->accuracy == conf::Accuracy::kSnapshot) {
    PlanSnapshot(view, key, requests, &plan);
  } else if (conf::IsEntity(*group_by_)) {
    PlanEntities(view, key, requests, &plan);
  } else {
    PlanTemporal(view, key, before, requests, &plan);
  }
  return plan;
}

Status GroupByReader::FinishSnapshot(Values values, std::span<types::Column* const> columns) const {
  if (values.empty()) {
    for (types::Column* column : columns) column->AppendNull();
    return Status();
  }
  types::BatchBuilder row(output_schema_);
  CATENA_RETURN_IF_ERROR(value_codec_->DecodeInto(values.back().bytes, &row));
  const types::Batch decoded = row.Build();
  for (size_t i = 0; i < columns.size(); ++i) columns[i]->AppendFrom(decoded.column(i), 0);
  return Status();
}

Status GroupByReader::AddUpload(Values values, OnlineWindows* windows) const {
  if (values.empty()) return Status();
  CATENA_TRY(auto upload, aggregate::UploadIr::Decode(*windowed_, values.back().bytes));
  windows->AddUpload(upload);
  return Status();
}

// Events that the upload's table had not held: their day had ended when they were appended.
Status GroupByReader::AddLate(Values values, const Generation& generation,
                              OnlineWindows* windows) const {
  for (const kv::FlatAnswers::Value& value : values) {
    CATENA_TRY(LateRow late, DecodeLateRow(value.bytes));
    const auto partition = static_cast<int32_t>(value.sequence >> 48);
    const auto offset = static_cast<int64_t>(value.sequence & ((uint64_t{1} << 48) - 1));
    if (FromMillis(late.event_time) >= generation.batch_end ||
        generation.Holds(partition, offset, value.time)) {
      continue;
    }
    types::BatchBuilder row(info_.inputs);
    CATENA_RETURN_IF_ERROR(row_codec_->DecodeInto(late.row, &row));
    aggregate::IR ir(windowed_->rows());
    const uint32_t first = 0;
    windowed_->rows().UpdateOne(row.Build(), {&late.event_time, 1}, {&value.sequence, 1},
                                {&first, 1}, ir.data());
    windows->AddCorrection(FloorTo(FromMillis(late.event_time), kFiveMinutes), ir.data(),
                           late.incomplete ? 1 : 0);
  }
  return Status();
}

// A key's newest prefix stands at its newest day with events, so that day's tile completes it when
// the query's own day has none yet.
Status GroupByReader::AddPrefix(Values prefix, Values newest_day, aggregate::IR* scratch,
                                OnlineWindows* windows) const {
  if (prefix.empty()) return Status();
  const auto add = [&](const kv::FlatAnswers::Value& value) -> Status {
    uint64_t incomplete = 0;
    std::string_view bytes;
    CATENA_RETURN_IF_ERROR(DecodeTile(value.bytes, &incomplete, &bytes));
    CATENA_RETURN_IF_ERROR(
        aggregate::DecodeIr(windowed_->rows(), bytes, value.time, scratch->data()));
    windows->AddPrefix(scratch->data(), incomplete);
    return Status();
  };
  CATENA_RETURN_IF_ERROR(add(prefix.back()));
  if (prefix.back().time == FloorTo(windows->query(), kDay) || newest_day.empty()) return Status();
  return add(newest_day.back());
}

// The last one of a plan.
size_t GroupByReader::RawRequestOf(const RowPlan& plan) const {
  const size_t before = plan.generation != nullptr || plan.with_prefix ? 2 : 0;
  return plan.request_begin + before + plan.cover->needed_tiles().size();
}

Result<GroupByReader::RawRows> GroupByReader::DecodeRaw(std::span<const RowPlan> plans,
                                                        const kv::FlatAnswers& answers) const {
  RawRows raw;
  size_t rows_max = 0;
  for (const RowPlan& plan : plans) {
    if (plan.cover != nullptr && !plan.shares) rows_max += answers[RawRequestOf(plan)].size();
  }
  types::BatchBuilder rows(info_.inputs, rows_max);
  raw.times.reserve(rows_max);
  raw.orders.reserve(rows_max);
  raw.of_plan.resize(plans.size());
  std::span<const kv::FlatAnswers::Value> left;  // Of a plan's values those from its time on.
  for (size_t i = 0; i < plans.size(); ++i) {
    RawRows::Range& range = raw.of_plan[i];
    range.begin = range.end = static_cast<uint32_t>(raw.times.size());
    if (plans[i].cover == nullptr) continue;
    if (!plans[i].shares) {
      const size_t at = RawRequestOf(plans[i]);
      CATENA_RETURN_IF_ERROR(answers.StatusOf(at));
      left = answers[at];
    }
    for (; !left.empty() && left.front().time < plans[i].as_of; left = left.subspan(1)) {
      const kv::FlatAnswers::Value& value = left.front();
      bool flag = false;
      std::string_view row;
      CATENA_RETURN_IF_ERROR(DecodeRawRow(value.bytes, &flag, &row));
      CATENA_RETURN_IF_ERROR(row_codec_->DecodeInto(row, &rows));
      raw.times.push_back(ToMillis(value.time));
      raw.orders.push_back(value.sequence);
      range.incomplete += flag ? 1 : 0;
    }
    range.end = static_cast<uint32_t>(raw.times.size());
  }
  raw.rows = rows.Build();
  return raw;
}

Status GroupByReader::FinishEntities(const RowPlan& plan, const kv::FlatAnswers& answers,
                                     std::span<types::Column* const> columns) const {
  const size_t at = plan.request_begin;
  CATENA_RETURN_IF_ERROR(answers.StatusOf(at));
  CATENA_RETURN_IF_ERROR(answers.StatusOf(at + 1));
  KeyLife life;
  if (!answers[at].empty()) life.snapshot = answers[at].back().bytes;
  life.mutations = answers[at + 1];
  life.as_of = plan.as_of;
  life.has_time = !conf::QueryOf(group_by_->sources.front()).time_column.spark.empty();
  return AppendLiving(*windowed_, *row_codec_, life, columns);
}

Status GroupByReader::AddStored(const RowPlan& plan, const kv::FlatAnswers& answers,
                                aggregate::IR* scratch, OnlineWindows* windows) const {
  size_t at = plan.request_begin;
  if (plan.generation != nullptr || plan.with_prefix) {
    CATENA_RETURN_IF_ERROR(answers.StatusOf(at));
    CATENA_RETURN_IF_ERROR(answers.StatusOf(at + 1));
    if (plan.with_prefix) {
      CATENA_RETURN_IF_ERROR(AddPrefix(answers[at], answers[at + 1], scratch, windows));
    } else {
      CATENA_RETURN_IF_ERROR(AddUpload(answers[at], windows));
      CATENA_RETURN_IF_ERROR(AddLate(answers[at + 1], *plan.generation, windows));
    }
    at += 2;
  }
  for (const aggregate::TileRange& tile_range : windows->needed_tiles()) {
    CATENA_RETURN_IF_ERROR(answers.StatusOf(at));
    for (const kv::FlatAnswers::Value& tile : answers[at++]) {
      uint64_t incomplete = 0;
      std::string_view bytes;
      CATENA_RETURN_IF_ERROR(DecodeTile(tile.bytes, &incomplete, &bytes));
      CATENA_RETURN_IF_ERROR(
          aggregate::DecodeIr(windowed_->rows(), bytes, tile.time, scratch->data()));
      windows->AddTile(tile_range.layer, tile.time, scratch->data(), incomplete);
    }
  }
  return Status();
}

Status GroupByReader::Finish(std::span<RowPlan> plans, const kv::FlatAnswers& answers,
                             std::span<types::Column* const> columns) const {
  RawRows raw;
  std::optional<aggregate::IR> scratch;
  std::optional<OnlineWindows> windows;  // Those that share add to the same, row after row.
  if (windowed_) {
    CATENA_TRY(raw, DecodeRaw(plans, answers));
    scratch.emplace(windowed_->rows());
  }
  for (size_t i = 0; i < plans.size(); ++i) {
    RowPlan& plan = plans[i];
    if (plan.nothing) {
      for (types::Column* column : columns) column->AppendNull();
    } else if (plan.snapshot) {
      CATENA_RETURN_IF_ERROR(answers.StatusOf(plan.request_begin));
      CATENA_RETURN_IF_ERROR(FinishSnapshot(answers[plan.request_begin], columns));
    } else if (plan.entities) {
      CATENA_RETURN_IF_ERROR(FinishEntities(plan, answers, columns));
    } else {
      if (!plan.shares) {
        if (windows) {
          windows->Begin(plan.as_of, plan.cover);
        } else {
          windows.emplace(*windowed_, plan.as_of, plan.cover);
        }
        CATENA_RETURN_IF_ERROR(AddStored(plan, answers, &*scratch, &*windows));
      }
      const RawRows::Range& range = raw.of_plan[i];
      windows->AddRowRange(raw.rows, raw.times, raw.orders, range.begin, range.end,
                           range.incomplete);
      windows->AppendTo(columns);
      if (windows->incomplete() > 0 && plan.answer.incomplete == Incomplete::kNone) {
        plan.answer.incomplete = Incomplete::kUpstream;
      }
    }
  }
  return Status();
}

}  // namespace catena::fetch
