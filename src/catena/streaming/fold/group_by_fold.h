// SPDX-License-Identifier: Apache-2.0
// GroupByFold: rows of one GroupBy into its online state, with the offset, in one atomic write.
//
//     rows -> tiles (5m, 1h, 1d; those that windows use)   read, merged, written back
//          -> raw rows                                     written
//          -> prefixes (unwindowed outputs, day by day)    written at a key's first event of a day
//          -> late rows (their day had ended)              written beside, for uploads that miss
//          them
//          -> checkpoint: next offset, watermark, counts
//     rows of TEMPORAL entities -> mutations                  written; folded when asked for
//
//   input    rows after the GroupBy's final Query, of one topic partition, offsets ascending
//   null     a row with a null key part is counted and not folded; a mutation of a row without time
//            is filtered
//   errors   kUnavailable, kCorruption from the store: nothing of the call is stored
//   threads  Apply may be called by several workers, one at a time goes on (one process merges at
//            write); a checkpoint belongs to the worker of its partition
//   order    folding is independent of order; ties in time go by source order
//   source   docs/concepts/tiles.md, delivery.md

#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/window/cover.h"
#include "catena/fetch/online_state.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/streaming/fold/mutation_rows.h"
#include "catena/streaming/fold/row_sink.h"
#include "catena/streaming/fold/rows_by_key.h"
#include "catena/streaming/stream_options.h"
#include "catena/types/row_codec.h"

namespace catena::streaming {

class GroupByFold : public RowSink {
 public:
  // `rows` is the schema that Apply will be given. Reads checkpoints and retention.
  // Of entities `rows` are mutations (fetch::MutationQuery), their event times those of mutation.
  // `read_back`: whether the process itself looks rows up, as the parent of a chain's are.
  static Result<std::unique_ptr<GroupByFold>> Open(std::shared_ptr<const conf::GroupBy> group_by,
                                                   const types::Schema& rows,
                                                   const StreamOptions& options,
                                                   kv::CachedStore* store,
                                                   kv::CachedStore::ReadBack read_back);

  const conf::GroupBy& group_by() const { return *group_by_; }
  const std::string& name() const override { return group_by_->metadata.name; }
  const char* stage() const override { return "fold"; }
  const std::vector<std::string>& key_columns() const override { return group_by_->key_columns; }

  fetch::Checkpoint CheckpointOf(int32_t partition) const override;
  bool HasCheckpoint(int32_t partition) const override;
  void BeginAt(int32_t partition, int64_t offset) override;
  void SkipTo(int32_t partition, int64_t offset) override;

  fetch::Retention retention() const;
  // Stores the mark and lets the store forget what lies below the mark before it.
  Status SetRetention(const fetch::Retention& retention);

  Result<fetch::Checkpoint> Apply(const FoldRows& rows, int32_t partition, fetch::Checkpoint next,
                                  std::vector<kv::Put> dead_letters) override;

  uint64_t tile_updates() const override { return tile_updates_.load(); }
  Result<uint64_t> StateBytes() const override;

 private:
  // The tiles of one layer that a call touches: one IR a tile, loaded, merged, written. Those of
  // one key stand together.
  struct TileSet {
    struct Tile {
      uint32_t key = 0;
      int64_t start = 0;
      std::byte* ir = nullptr;
      uint64_t incomplete = 0;
    };
    aggregate::Layer layer = aggregate::Layer::kDay;
    std::vector<Tile> tiles;
    std::vector<uint32_t> tile_of_row;  // By position in RowsByKey::rows.
  };
  // Of some day that a call touches, or a later one; kFirst: of one day, and it has none at all.
  enum class NeedsPrefix : uint8_t { kNo, kYes, kFirst };
  // One call's scratch, kept for its memory.
  struct Work {
    const FoldRows* input = nullptr;
    RowsByKey rows;
    std::vector<TileSet> sets;                   // By layer, as in layers_.
    std::vector<kv::CachedStore::Place> places;  // To be read.
    std::vector<TileSet::Tile*> tile_of_place;   // Null: of a prefix.
    std::vector<uint32_t> key_of_place;
    kv::CachedStore::Found found;
    std::vector<NeedsPrefix> needs_prefix;  // By key.
    int64_t first_day = INT64_MIN;
    std::string first_prefix;  // Of a key that has had nothing before first_day.
    std::vector<kv::CachedStore::HeldPut> puts;
    std::string row;    // One, encoded.
    std::string bytes;  // Of the puts' values; those of puts[i] end at ends[i].
    std::vector<size_t> ends;
    kv::WriteBatch prefixes;
  };

  GroupByFold(std::shared_ptr<const conf::GroupBy> group_by, aggregate::WindowedAggregator windowed,
              const StreamOptions& options, kv::CachedStore* store,
              kv::CachedStore::ReadBack read_back);
  void SelectRows(Work* work, fetch::Checkpoint* next) const;
  void FindTiles(const Work& work, TileSet* set) const;
  Status LoadTiles(Work* work);
  void UpdateTiles(const Work& work, TileSet* set) const;
  Status FoldPrefixes(Work* work);
  Status FindFirstPrefixes(Work* work) const;
  bool KeepsPrefixes() const;
  void PutTiles(const TileSet& set, size_t key, size_t* next, Work* work) const;
  void PutFirstPrefix(int64_t day, size_t key, Work* work) const;
  void PutRows(size_t key, Work* work) const;
  static void Put(kv::CachedStore::DatasetNumber dataset, size_t key, Timestamp time,
                  uint64_t sequence, Work* work);
  void PutMutations(size_t key, Work* work) const;
  Status Store(int32_t partition, const fetch::Checkpoint& next, std::vector<kv::Put> dead_letters,
               Work* work);
  Result<fetch::Retention> WithMutationFloor(fetch::Retention retention) const;

  std::shared_ptr<const conf::GroupBy> group_by_;
  aggregate::WindowedAggregator windowed_;
  StreamOptions options_;
  kv::CachedStore* store_;
  types::RowCodec row_codec_;
  std::vector<size_t> key_columns_;        // In the rows' schema.
  std::vector<size_t> input_columns_;      // Of the raw row, in the rows' schema.
  std::optional<MutationRows> mutations_;  // Of entities.
  std::vector<aggregate::Layer> layers_;
  std::vector<kv::CachedStore::DatasetNumber> tile_datasets_;  // As layers_.
  kv::CachedStore::DatasetNumber raw_dataset_, late_dataset_, prefix_dataset_, mutation_dataset_;
  Millis reach_;  // Older than this at append: no window can want it any more.

  mutable std::mutex mutex_;
  aggregate::IrPool pool_;  // Of the tiles of one call.
  Work work_;
  std::map<int32_t, fetch::Checkpoint> checkpoints_;
  fetch::Retention retention_;
  std::atomic<uint64_t> tile_updates_{0};
};

}  // namespace catena::streaming
