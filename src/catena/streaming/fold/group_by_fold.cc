// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/fold/group_by_fold.h"

#include <algorithm>

#include "catena/aggregate/ir_codec.h"
#include "catena/fetch/retained.h"
#include "catena/streaming/fold/prefix_fold.h"

namespace catena::streaming {

using aggregate::Layer;
using fetch::Checkpoint;

Result<std::unique_ptr<GroupByFold>> GroupByFold::Open(
    std::shared_ptr<const conf::GroupBy> group_by, const types::Schema& rows,
    const StreamOptions& options, kv::CachedStore* store,
    const kv::CachedStore::ReadBack read_back) {
  const std::string name = group_by->metadata.name;
  auto windowed = aggregate::WindowedAggregator::Bind(*group_by, rows);
  if (!windowed.ok()) return windowed.error().WithContext(name);
  std::unique_ptr<GroupByFold> fold(
      new GroupByFold(std::move(group_by), std::move(*windowed), options, store, read_back));
  for (const std::string& key : fold->group_by_->key_columns) {
    const auto at = rows.Find(key);
    if (!at) return InvalidConf(name + ": key column is not among the source's columns: " + key);
    fold->key_columns_.push_back(*at);
  }
  for (const types::Field& field : fold->row_codec_.schema().fields) {
    fold->input_columns_.push_back(*rows.Find(field.name));
  }
  if (conf::IsEntity(*fold->group_by_)) fold->mutations_.emplace(*fold->group_by_, rows);
  CATENA_TRY(fold->checkpoints_, fetch::ReadCheckpoints(store, name));
  CATENA_TRY(auto retention, fetch::ReadRetention(store, name));
  if (retention) fold->retention_ = *retention;
  return fold;
}

GroupByFold::GroupByFold(std::shared_ptr<const conf::GroupBy> group_by,
                         aggregate::WindowedAggregator windowed, const StreamOptions& options,
                         kv::CachedStore* store, const kv::CachedStore::ReadBack read_back)
    : group_by_(std::move(group_by)),
      windowed_(std::move(windowed)),
      options_(options),
      store_(store),
      row_codec_(windowed_.rows().input_schema()),
      raw_dataset_(store->NumberOf(fetch::RawDataset(name()), read_back)),
      late_dataset_(store->NumberOf(fetch::LateDataset(name()))),
      prefix_dataset_(
          store->NumberOf(fetch::PrefixDataset(name()), kv::CachedStore::ReadBack::kYes)),
      mutation_dataset_(store->NumberOf(fetch::MutationDataset(name()), read_back)),
      reach_(0),
      pool_(windowed_.rows()) {
  const auto reach = aggregate::LayerReach(windowed_.windows());
  for (const Layer layer : aggregate::kLayers) {
    const auto& layer_reach = reach[static_cast<size_t>(layer)];
    if (!layer_reach || conf::IsEntity(*group_by_)) continue;
    layers_.push_back(layer);
    tile_datasets_.push_back(
        store->NumberOf(fetch::TileDataset(name(), layer), kv::CachedStore::ReadBack::kYes));
    work_.sets.emplace_back().layer = layer;
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

// Of entities what is kept does not age: mutations are wanted from the oldest live upload on, and
// all of them while there is none.
Result<fetch::Retention> GroupByFold::WithMutationFloor(fetch::Retention retention) const {
  CATENA_TRY(const auto generations, fetch::ReadGenerations(store_, name()));
  retention.raw_floor = generations.empty() ? INT64_MIN : ToMillis(generations.front().batch_end);
  return retention;
}

Status GroupByFold::SetRetention(const fetch::Retention& given) {
  fetch::Retention retention = given;
  if (mutations_) {
    CATENA_TRY(retention, WithMutationFloor(given));
  }
  kv::WriteBatch batch;
  batch.marks.push_back(fetch::RetentionMark(name(), retention));
  CATENA_RETURN_IF_ERROR(store_->Apply(batch, /*durable=*/false));
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
  CATENA_RETURN_IF_ERROR(store_->Commit());
  // One mark behind: a reader that saw the mark before may still be reading down to it.
  for (const fetch::Horizon& horizon : fetch::HorizonsOf(*group_by_, windowed_.windows(), before)) {
    CATENA_RETURN_IF_ERROR(store_->SetHorizon(horizon.dataset, horizon.time));
  }
  return Status();
}

void GroupByFold::SelectRows(Work* work, Checkpoint* next) const {
  const FoldRows& input = *work->input;
  work->rows.Begin(input.rows->rows());
  std::string key;
  for (uint32_t row = 0; row < input.rows->rows(); ++row) {
    const bool too_late =
        mutations_ ? input.event_times[row] < retention_.raw_floor
                   : reach_ != Millis::max() &&
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
    if (mutations_ && !mutations_->HasTime(*input.rows, row)) {
      ++next->filtered;
      continue;
    }
    work->rows.Add(row, key);
    ++next->folded;
    next->incomplete += input.incomplete[row] != 0 ? 1 : 0;
  }
  work->rows.Group();
}

// Mostly a key's rows fall into one tile.
void GroupByFold::FindTiles(const Work& work, TileSet* set) const {
  const FoldRows& input = *work.input;
  const int64_t step = aggregate::LayerStep(set->layer).count();
  const std::span<const uint32_t> rows = work.rows.rows();
  set->tiles.clear();
  set->tile_of_row.resize(rows.size());
  for (uint32_t key = 0; key < work.rows.keys(); ++key) {
    const size_t first = set->tiles.size();
    for (uint32_t i = work.rows.begin(key); i < work.rows.begin(key + 1); ++i) {
      const int64_t start = FloorMillis(input.event_times[rows[i]], step);
      size_t tile = set->tiles.size();
      while (tile > first && set->tiles[tile - 1].start != start) --tile;
      if (tile == first) {
        set->tiles.push_back({key, start});
        tile = set->tiles.size();
      }
      set->tile_of_row[i] = static_cast<uint32_t>(tile - 1);
    }
  }
}

bool GroupByFold::KeepsPrefixes() const {
  // They answer only where the stream knows the whole past.
  return !mutations_ && windowed_.unwindowed() && layers_.front() == Layer::kDay &&
         retention_.coverage_start == INT64_MIN;
}

// Each key is looked up once for all that is known of it.
Status GroupByFold::LoadTiles(Work* work) {
  work->places.clear();
  work->tile_of_place.clear();
  work->key_of_place.clear();
  const auto ask = [work](kv::CachedStore::DatasetNumber dataset, uint32_t key, int64_t start,
                          TileSet::Tile* tile) {
    work->places.push_back({dataset, work->rows.Key(key), FromMillis(start)});
    work->tile_of_place.push_back(tile);
    work->key_of_place.push_back(key);
  };
  std::vector<size_t> next(work->sets.size(), 0);
  const bool with_prefixes = KeepsPrefixes();
  work->needs_prefix.assign(work->rows.keys(), NeedsPrefix::kNo);
  for (uint32_t key = 0; key < work->rows.keys(); ++key) {
    for (size_t s = 0; s < work->sets.size(); ++s) {
      std::vector<TileSet::Tile>& tiles = work->sets[s].tiles;
      const size_t first = next[s];
      for (; next[s] < tiles.size() && tiles[next[s]].key == key; ++next[s]) {
        ask(tile_datasets_[s], key, tiles[next[s]].start, &tiles[next[s]]);
      }
      if (s != 0 || !with_prefixes) continue;
      if (next[s] - first != 1) {
        work->needs_prefix[key] = NeedsPrefix::kYes;
        continue;
      }
      ask(prefix_dataset_, key, tiles[first].start, nullptr);
    }
  }
  pool_.Clear();
  for (TileSet::Tile* tile : work->tile_of_place) {
    if (tile != nullptr) tile->ir = pool_.New();
  }
  return store_->ReadEach(
      work->places,
      [&](size_t i, const std::string_view* value, bool is_newest) -> Status {
        TileSet::Tile* tile = work->tile_of_place[i];
        if (tile == nullptr) {
          // The usual case: the day's prefix is there, no later day has begun.
          if (value == nullptr || !is_newest) {
            work->needs_prefix[work->key_of_place[i]] = NeedsPrefix::kYes;
          }
          return Status();
        }
        if (value == nullptr) return Status();
        std::string_view ir;
        CATENA_RETURN_IF_ERROR(fetch::DecodeTile(*value, &tile->incomplete, &ir));
        return aggregate::DecodeIr(windowed_.rows(), ir, FromMillis(tile->start), tile->ir);
      },
      &work->found);
}

void GroupByFold::UpdateTiles(const Work& work, TileSet* set) const {
  const FoldRows& input = *work.input;
  const std::span<const uint32_t> rows = work.rows.rows();
  std::vector<std::byte*> irs(rows.size());
  for (size_t i = 0; i < irs.size(); ++i) {
    TileSet::Tile& tile = set->tiles[set->tile_of_row[i]];
    irs[i] = tile.ir;
    tile.incomplete += input.incomplete[rows[i]] != 0 ? 1 : 0;
  }
  windowed_.rows().Update(*input.rows, input.event_times, input.source_orders, rows, irs);
}

// Most keys that begin a day here never had one before.
Status GroupByFold::FindFirstPrefixes(Work* work) const {
  std::vector<kv::CachedStore::Place> places;
  std::vector<uint32_t> keys;
  for (size_t i = 0; i < work->places.size(); ++i) {  // Of one day, where a prefix was asked for.
    const uint32_t key = work->key_of_place[i];
    if (work->tile_of_place[i] != nullptr) continue;
    if (work->needs_prefix[key] == NeedsPrefix::kNo) continue;
    places.push_back({prefix_dataset_, work->rows.Key(key), Timestamp::min()});
    keys.push_back(key);
  }
  if (places.empty()) return Status();
  return store_->ReadEach(places, [&](size_t i, const std::string_view*, bool is_newest) -> Status {
    if (is_newest) work->needs_prefix[keys[i]] = NeedsPrefix::kFirst;
    return Status();
  });
}

// Of keys that begin a day, or change one before their newest.
Status GroupByFold::FoldPrefixes(Work* work) {
  CATENA_RETURN_IF_ERROR(FindFirstPrefixes(work));
  const std::span<const uint32_t> rows = work->rows.rows();
  const TileSet& days = work->sets.front();
  std::vector<TouchedKey> keys;
  size_t next = 0;
  for (uint32_t key = 0; key < work->rows.keys(); ++key) {
    const size_t first = next;
    while (next < days.tiles.size() && days.tiles[next].key == key) ++next;
    if (work->needs_prefix[key] != NeedsPrefix::kYes) continue;
    std::vector<TouchedDay>& touched = keys.emplace_back(work->rows.Key(key)).days;
    for (size_t tile = first; tile < next; ++tile) {
      touched.push_back(
          {days.tiles[tile].start, days.tiles[tile].ir, days.tiles[tile].incomplete, {}});
    }
    for (uint32_t i = work->rows.begin(key); i < work->rows.begin(key + 1); ++i) {
      touched[days.tile_of_row[i] - first].rows.push_back(rows[i]);
    }
    std::sort(touched.begin(), touched.end(),
              [](const TouchedDay& a, const TouchedDay& b) { return a.day < b.day; });
  }
  if (keys.empty()) return Status();
  PrefixFold fold(windowed_.rows(), fetch::PrefixDataset(name()),
                  fetch::TileDataset(name(), Layer::kDay), store_);
  return fold.Fold(keys, *work->input, &work->prefixes);
}

// What has been appended to the bytes is the value of a put.
void GroupByFold::Put(kv::CachedStore::DatasetNumber dataset, size_t key, Timestamp time,
                      uint64_t sequence, Work* work) {
  work->puts.push_back({dataset, work->rows.Key(key), time, sequence, {}});
  work->ends.push_back(work->bytes.size());
}

void GroupByFold::PutTiles(const TileSet& set, size_t key, size_t* next, Work* work) const {
  const auto dataset = tile_datasets_[static_cast<size_t>(&set - work->sets.data())];
  for (; *next < set.tiles.size() && set.tiles[*next].key == key; ++*next) {
    const TileSet::Tile& tile = set.tiles[*next];
    fetch::EncodeTile(tile.incomplete, /*ir=*/{}, &work->bytes);  // It follows without a copy.
    aggregate::EncodeIr(windowed_.rows(), tile.ir, FromMillis(tile.start), &work->bytes);
    Put(dataset, key, FromMillis(tile.start), 0, work);
  }
}

void GroupByFold::PutFirstPrefix(int64_t day, size_t key, Work* work) const {
  if (day != work->first_day) {
    work->first_prefix = PrefixFold::FirstOf(windowed_.rows(), day);
    work->first_day = day;
  }
  work->bytes.append(work->first_prefix);
  Put(prefix_dataset_, key, FromMillis(day), 0, work);
}

void GroupByFold::PutRows(size_t key, Work* work) const {
  const FoldRows& input = *work->input;
  for (uint32_t i = work->rows.begin(key); i < work->rows.begin(key + 1); ++i) {
    const uint32_t row = work->rows.rows()[i];
    const int64_t event_time = input.event_times[row];
    const bool incomplete = input.incomplete[row] != 0;
    const bool is_raw = event_time >= retention_.raw_floor;
    const bool after_its_day =
        FloorMillis(event_time, kDay.count()) < FloorMillis(input.append_times[row], kDay.count());
    if (!is_raw && !after_its_day) continue;
    work->row.clear();
    row_codec_.Encode(*input.rows, input_columns_, row, &work->row);
    if (is_raw) {
      fetch::EncodeRawRow(incomplete, work->row, &work->bytes);
      Put(raw_dataset_, key, FromMillis(event_time), input.source_orders[row], work);
    }
    if (after_its_day) {
      fetch::EncodeLateRow({event_time, incomplete, work->row}, &work->bytes);
      Put(late_dataset_, key, FromMillis(input.append_times[row]), input.source_orders[row], work);
    }
  }
}

void GroupByFold::PutMutations(size_t key, Work* work) const {
  const FoldRows& input = *work->input;
  for (uint32_t i = work->rows.begin(key); i < work->rows.begin(key + 1); ++i) {
    const uint32_t row = work->rows.rows()[i];
    work->row.clear();
    row_codec_.Encode(*input.rows, input_columns_, row, &work->row);
    const kv::TimedValue value = mutations_->ValueOf(*input.rows, row, input.event_times[row],
                                                     input.source_orders[row], work->row);
    work->bytes.append(value.value);
    Put(mutation_dataset_, key, value.time, value.sequence, work);
  }
}

// All of a key together, so that it is looked up once.
Status GroupByFold::Store(int32_t partition, const Checkpoint& next,
                          std::vector<kv::Put> dead_letters, Work* work) {
  work->puts.clear();
  work->bytes.clear();
  work->ends.clear();
  std::vector<size_t> at(work->sets.size(), 0);
  for (size_t key = 0; key < work->rows.keys(); ++key) {
    if (work->needs_prefix[key] == NeedsPrefix::kFirst) {
      PutFirstPrefix(work->sets.front().tiles[at.front()].start, key, work);
    }
    for (size_t s = 0; s < work->sets.size(); ++s) PutTiles(work->sets[s], key, &at[s], work);
    mutations_ ? PutMutations(key, work) : PutRows(key, work);
  }
  size_t begin = 0;
  for (size_t i = 0; i < work->ends.size(); ++i) {  // The bytes no longer move.
    work->puts[i].value = std::string_view(work->bytes).substr(begin, work->ends[i] - begin);
    begin = work->ends[i];
  }
  const auto put = [&](kv::CachedStore::DatasetNumber dataset, const kv::Put& given) {
    work->puts.push_back(
        {dataset, given.key, given.value.time, given.value.sequence, given.value.value});
  };
  for (const kv::Put& prefix : work->prefixes.puts) put(prefix_dataset_, prefix);
  for (const kv::Put& letter : dead_letters) put(store_->NumberOf(letter.dataset), letter);
  for (const TileSet& set : work->sets) tile_updates_ += set.tiles.size();
  return store_->Hold(work->puts, {fetch::CheckpointMark(name(), partition, next)}, &work->found);
}

Result<Checkpoint> GroupByFold::Apply(const FoldRows& rows, int32_t partition, Checkpoint next,
                                      std::vector<kv::Put> dead_letters) {
  const std::lock_guard lock(mutex_);
  Work& work = work_;
  work.input = &rows;
  work.prefixes.puts.clear();
  for (const int64_t event_time : rows.event_times) {
    if (event_time < next.watermark) ++next.late_after_gate;
    next.event_time_max = std::max(next.event_time_max, event_time);
  }
  SelectRows(&work, &next);
  for (TileSet& set : work.sets) FindTiles(work, &set);
  CATENA_RETURN_IF_ERROR(LoadTiles(&work));
  for (TileSet& set : work.sets) UpdateTiles(work, &set);
  if (KeepsPrefixes()) CATENA_RETURN_IF_ERROR(FoldPrefixes(&work));
  CATENA_RETURN_IF_ERROR(Store(partition, next, std::move(dead_letters), &work));
  checkpoints_[partition] = next;
  return next;
}

Result<uint64_t> GroupByFold::StateBytes() const {
  uint64_t total = 0;
  std::vector<std::string> datasets = {fetch::RawDataset(name()), fetch::PrefixDataset(name()),
                                       fetch::LateDataset(name()), fetch::MutationDataset(name())};
  for (const Layer layer : layers_) datasets.push_back(fetch::TileDataset(name(), layer));
  for (const std::string& dataset : datasets) {
    CATENA_TRY(uint64_t bytes, store_->ApproximateBytes(dataset));
    total += bytes;
  }
  return total;
}

}  // namespace catena::streaming
