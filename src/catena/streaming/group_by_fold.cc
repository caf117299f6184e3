// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/group_by_fold.h"

#include <algorithm>
#include <unordered_map>

#include "catena/aggregate/ir_codec.h"
#include "catena/streaming/prefix_fold.h"

namespace catena::streaming {

using aggregate::Layer;
using fetch::Checkpoint;

Result<std::unique_ptr<GroupByFold>> GroupByFold::Open(
    std::shared_ptr<const conf::GroupBy> group_by, const types::Schema& rows,
    const StreamOptions& options, kv::KVStore* store) {
  const std::string name = group_by->metadata.name;
  auto windowed = aggregate::WindowedAggregator::Bind(*group_by, rows);
  if (!windowed.ok()) return windowed.error().WithContext(name);
  std::unique_ptr<GroupByFold> fold(
      new GroupByFold(std::move(group_by), std::move(*windowed), options, store));
  for (const std::string& key : fold->group_by_->key_columns) {
    const auto at = rows.Find(key);
    if (!at) return InvalidConf(name + ": key column is not among the source's columns: " + key);
    fold->key_columns_.push_back(*at);
  }
  for (const types::Field& field : fold->row_codec_.schema().fields) {
    fold->input_columns_.push_back(*rows.Find(field.name));
  }
  CATENA_TRY(fold->checkpoints_, fetch::ReadCheckpoints(store, name));
  CATENA_TRY(auto retention, fetch::ReadRetention(store, name));
  if (retention) fold->retention_ = *retention;
  return fold;
}

GroupByFold::GroupByFold(std::shared_ptr<const conf::GroupBy> group_by,
                         aggregate::WindowedAggregator windowed, const StreamOptions& options,
                         kv::KVStore* store)
    : group_by_(std::move(group_by)),
      windowed_(std::move(windowed)),
      options_(options),
      store_(store),
      row_codec_(windowed_.rows().input_schema()),
      reach_(0) {
  const auto reach = aggregate::LayerReach(windowed_.windows());
  for (const Layer layer : aggregate::kLayers) {
    pools_.emplace_back(windowed_.rows());
    const auto& layer_reach = reach[static_cast<size_t>(layer)];
    if (!layer_reach) continue;
    layers_.push_back(layer);
    reach_ = std::max(reach_, *layer_reach);
  }
  // A day more than any window needs: uploads of yesterday may still ask.
  if (reach_ != Millis::max()) reach_ += options_.as_of_retention + kDay;
}

Checkpoint GroupByFold::CheckpointOf(int32_t partition) const {
  const std::lock_guard lock(mutex_);
  const auto at = checkpoints_.find(partition);
  return at == checkpoints_.end() ? Checkpoint() : at->second;
}

bool GroupByFold::HasCheckpoint(int32_t partition) const {
  const std::lock_guard lock(mutex_);
  return checkpoints_.contains(partition);
}

void GroupByFold::BeginAt(int32_t partition, int64_t offset) {
  const std::lock_guard lock(mutex_);
  Checkpoint& checkpoint = checkpoints_[partition];
  checkpoint.start_offset = checkpoint.next_offset = offset;
}

void GroupByFold::SkipTo(int32_t partition, int64_t offset) {
  const std::lock_guard lock(mutex_);
  Checkpoint& checkpoint = checkpoints_[partition];
  checkpoint.start_offset += offset - checkpoint.next_offset;
  checkpoint.next_offset = offset;
}

fetch::Retention GroupByFold::retention() const {
  const std::lock_guard lock(mutex_);
  return retention_;
}

Status GroupByFold::SetRetention(const fetch::Retention& retention) {
  kv::WriteBatch batch;
  batch.marks.push_back(fetch::RetentionMark(name(), retention));
  CATENA_RETURN_IF_ERROR(store_->Apply(batch));
  fetch::Retention before;
  {
    const std::lock_guard lock(mutex_);
    before = retention_;
    retention_ = retention;
  }
  if (before.raw_floor == retention.raw_floor && before.as_of_floor == retention.as_of_floor) {
    return Status();
  }
  // What may now be forgotten is not asked for again, not even after a crash: the mark is stored,
  // and with it the progress that moved it.
  CATENA_RETURN_IF_ERROR(store_->Sync());
  // One mark behind: a reader that saw the mark before may still be reading down to it.
  if (before.raw_floor != INT64_MIN) {
    CATENA_RETURN_IF_ERROR(
        store_->SetHorizon(fetch::RawDataset(name()), FromMillis(before.raw_floor)));
  }
  if (before.as_of_floor == INT64_MIN) return Status();
  const auto reach = aggregate::LayerReach(windowed_.windows());
  for (const Layer layer : layers_) {
    const Millis layer_reach = *reach[static_cast<size_t>(layer)];
    if (layer_reach == Millis::max()) continue;
    CATENA_RETURN_IF_ERROR(store_->SetHorizon(fetch::TileDataset(name(), layer),
                                              FromMillis(before.as_of_floor) - layer_reach));
  }
  // Three days: by then two daily uploads have read the table that the late rows landed in.
  return store_->SetHorizon(fetch::LateDataset(name()), FromMillis(before.as_of_floor) - 3 * kDay);
}

void GroupByFold::SelectRows(Work* work, Checkpoint* next) const {
  const FoldRows& input = *work->input;
  std::unordered_map<std::string, uint32_t> ids;
  std::string key;
  for (uint32_t row = 0; row < input.rows->rows(); ++row) {
    const bool too_late = reach_ != Millis::max() &&
                          input.event_times[row] < input.append_times[row] - reach_.count();
    if (too_late) {
      ++next->late_beyond_retention;
      continue;
    }
    key.clear();
    if (!types::EncodeKey(*input.rows, key_columns_, row, &key)) {
      ++next->null_key;
      continue;
    }
    const auto [at, added] = ids.emplace(key, static_cast<uint32_t>(work->keys.size()));
    if (added) work->keys.push_back(key);
    work->rows.push_back(row);
    work->key_of_row.push_back(at->second);
    ++next->folded;
    next->incomplete += input.incomplete[row] != 0 ? 1 : 0;
  }
}

Status GroupByFold::LoadTiles(Layer layer, const Work& work, TileSet* set) {
  const std::string dataset = fetch::TileDataset(name(), layer);
  std::vector<kv::GetRequest> requests;
  requests.reserve(set->tiles.size());
  for (const TileSet::Tile& tile : set->tiles) {
    requests.push_back(
        {dataset, work.keys[tile.key], FromMillis(tile.start), FromMillis(tile.start + 1)});
  }
  const auto answers = store_->MultiGet(requests);
  aggregate::IrPool& pool = pools_[static_cast<size_t>(layer)];
  pool.Clear();
  for (size_t i = 0; i < set->tiles.size(); ++i) {
    TileSet::Tile& tile = set->tiles[i];
    tile.ir = pool.New();
    if (!answers[i].ok()) return answers[i].error();
    if (answers[i]->empty()) continue;
    std::string_view bytes;
    CATENA_RETURN_IF_ERROR(fetch::DecodeTile(answers[i]->back().value, &tile.incomplete, &bytes));
    CATENA_RETURN_IF_ERROR(aggregate::DecodeIr(windowed_.rows(), bytes, tile.ir));
  }
  return Status();
}

Status GroupByFold::FoldTiles(Layer layer, Work* work, TileSet* set) {
  const FoldRows& input = *work->input;
  const int64_t step = aggregate::LayerStep(layer).count();
  struct Place {
    uint32_t key;
    int64_t start;
    uint32_t position;
  };
  std::vector<Place> places;
  places.reserve(work->rows.size());
  for (uint32_t i = 0; i < work->rows.size(); ++i) {
    places.push_back({work->key_of_row[i], FloorMillis(input.event_times[work->rows[i]], step), i});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.key, a.start, a.position) < std::tie(b.key, b.start, b.position);
  });
  set->tile_of_row.resize(places.size());
  for (const Place& place : places) {
    if (set->tiles.empty() || set->tiles.back().key != place.key ||
        set->tiles.back().start != place.start) {
      set->tiles.push_back({place.key, place.start});
    }
    set->tile_of_row[place.position] = static_cast<uint32_t>(set->tiles.size() - 1);
  }
  CATENA_RETURN_IF_ERROR(LoadTiles(layer, *work, set));
  std::vector<std::byte*> irs(work->rows.size());
  for (size_t i = 0; i < irs.size(); ++i) {
    TileSet::Tile& tile = set->tiles[set->tile_of_row[i]];
    irs[i] = tile.ir;
    tile.incomplete += input.incomplete[work->rows[i]] != 0 ? 1 : 0;
  }
  windowed_.rows().Update(*input.rows, input.event_times, input.source_orders, work->rows, irs);
  const std::string dataset = fetch::TileDataset(name(), layer);
  std::string ir;
  for (const TileSet::Tile& tile : set->tiles) {
    ir.clear();
    aggregate::EncodeIr(windowed_.rows(), tile.ir, &ir);
    std::string value;
    fetch::EncodeTile(tile.incomplete, ir, &value);
    work->batch.puts.push_back(
        {dataset, work->keys[tile.key], {FromMillis(tile.start), 0, std::move(value)}});
  }
  tile_updates_ += set->tiles.size();
  return Status();
}

void GroupByFold::WriteRows(Work* work) const {
  const FoldRows& input = *work->input;
  const std::string raw = fetch::RawDataset(name());
  const std::string late = fetch::LateDataset(name());
  std::string row_bytes;
  for (size_t i = 0; i < work->rows.size(); ++i) {
    const uint32_t row = work->rows[i];
    const int64_t event_time = input.event_times[row];
    const bool incomplete = input.incomplete[row] != 0;
    const std::string& key = work->keys[work->key_of_row[i]];
    row_bytes.clear();
    row_codec_.Encode(*input.rows, input_columns_, row, &row_bytes);
    if (event_time >= retention_.raw_floor) {
      std::string value;
      fetch::EncodeRawRow(incomplete, row_bytes, &value);
      work->batch.puts.push_back(
          {raw, key, {FromMillis(event_time), input.source_orders[row], std::move(value)}});
    }
    const bool after_its_day =
        FloorMillis(event_time, kDay.count()) < FloorMillis(input.append_times[row], kDay.count());
    if (after_its_day) {
      std::string value;
      fetch::EncodeLateRow({event_time, incomplete, row_bytes}, &value);
      work->batch.puts.push_back(
          {late,
           key,
           {FromMillis(input.append_times[row]), input.source_orders[row], std::move(value)}});
    }
  }
}

Status GroupByFold::FoldPrefixes(const TileSet& days, Work* work) {
  const FoldRows& input = *work->input;
  std::vector<std::vector<uint32_t>> rows_of_tile(days.tiles.size());
  for (size_t i = 0; i < work->rows.size(); ++i) {
    rows_of_tile[days.tile_of_row[i]].push_back(work->rows[i]);
  }
  PrefixFold fold(windowed_.rows(), fetch::PrefixDataset(name()),
                  fetch::TileDataset(name(), Layer::kDay), store_);
  for (size_t begin = 0, end; begin < days.tiles.size(); begin = end) {
    std::vector<TouchedDay> touched;
    for (end = begin; end < days.tiles.size() && days.tiles[end].key == days.tiles[begin].key;
         ++end) {
      TouchedDay day{days.tiles[end].start, days.tiles[end].ir, days.tiles[end].incomplete,
                     aggregate::IR(windowed_.rows()), 0};
      windowed_.rows().UpdateOne(*input.rows, input.event_times, input.source_orders,
                                 rows_of_tile[end], day.delta.data());
      for (const uint32_t row : rows_of_tile[end]) {
        day.delta_incomplete += input.incomplete[row] != 0 ? 1 : 0;
      }
      touched.push_back(std::move(day));
    }
    CATENA_RETURN_IF_ERROR(fold.FoldKey(work->keys[days.tiles[begin].key], &touched, &work->batch));
  }
  return Status();
}

Result<Checkpoint> GroupByFold::Apply(const FoldRows& rows, int32_t partition, Checkpoint next,
                                      std::vector<kv::Put> dead_letters) {
  const std::lock_guard lock(mutex_);
  Work work;
  work.input = &rows;
  work.batch.puts = std::move(dead_letters);
  for (const int64_t event_time : rows.event_times) {
    if (event_time < next.watermark) ++next.late_after_gate;
    next.event_time_max = std::max(next.event_time_max, event_time);
  }
  SelectRows(&work, &next);
  if (!work.rows.empty()) {
    for (const Layer layer : layers_) {
      TileSet set;
      CATENA_RETURN_IF_ERROR(FoldTiles(layer, &work, &set));
      // Prefixes answer only where the stream knows the whole past.
      if (layer == Layer::kDay && windowed_.unwindowed() &&
          retention_.coverage_start == INT64_MIN) {
        CATENA_RETURN_IF_ERROR(FoldPrefixes(set, &work));
      }
    }
    WriteRows(&work);
  }
  work.batch.marks.push_back(fetch::CheckpointMark(name(), partition, next));
  CATENA_RETURN_IF_ERROR(store_->Apply(work.batch));
  checkpoints_[partition] = next;
  return next;
}

Result<uint64_t> GroupByFold::StateBytes() const {
  uint64_t total = 0;
  std::vector<std::string> datasets = {fetch::RawDataset(name()), fetch::PrefixDataset(name()),
                                       fetch::LateDataset(name())};
  for (const Layer layer : layers_) datasets.push_back(fetch::TileDataset(name(), layer));
  for (const std::string& dataset : datasets) {
    CATENA_TRY(uint64_t bytes, store_->ApproximateBytes(dataset));
    total += bytes;
  }
  return total;
}

}  // namespace catena::streaming
