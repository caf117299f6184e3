// SPDX-License-Identifier: Apache-2.0
// What a GroupBy keeps in a KVStore: datasets, marks and the bytes of their values.
//
// Written by streaming (tiles, raw rows, prefixes, late rows, checkpoints) and by batch (uploads,
// generations), read by the Fetcher. Everything of one key lies under the same key bytes
// (types/row_codec.h EncodeKey), one dataset a layer:
//
//     <group by>_BATCH            (key, batchEnd + slot)        UploadIr, or a row when SNAPSHOT
//     <group by>_STREAMING/1d     (key, tile start)             Tile, also /1h and /5m
//     <group by>_STREAMING/raw    (key, event time, order)      RawRow
//     <group by>_STREAMING/prefix (key, day)                    Tile of all events before the day
//     <group by>_STREAMING/late   (key, append time, order)     LateRow: arrived after its day
//
// Of TEMPORAL entities nothing is folded before it is asked for, since rows die:
//
//     <group by>_BATCH               (key, batchEnd + slot)              EntityRows: its snapshot
//     <group by>_STREAMING/mutations (key, mutation time, order, image)  MutationRow
//
// STORED FORMAT: golden bytes in online_state_test.cc.
//
//   errors   decoding other bytes is kCorruption
//   threads  pure functions
//   source   datasets as Chronon names them; late rows stand for its correction tiles
//            (docs/decisions/0004)

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/aggregate/window/cover.h"
#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/base/time.h"
#include "catena/kv/kv_store.h"
#include "catena/types/schema.h"

namespace catena::fetch {

// Datasets of the GroupBy of that (uncleaned) name.
std::string UploadDataset(const std::string& group_by);
std::string StreamingDataset(const std::string& group_by);  // Holds the marks.
std::string TileDataset(const std::string& group_by, aggregate::Layer layer);
std::string RawDataset(const std::string& group_by);
std::string PrefixDataset(const std::string& group_by);
std::string LateDataset(const std::string& group_by);
std::string MutationDataset(const std::string& group_by);
// The cleaned name of the GroupBy that the dataset is of; empty for any other dataset.
std::string GroupByOfDataset(std::string_view dataset);

// A tile or a prefix: how many of its events were enriched from something missing, and the IR.
void EncodeTile(uint64_t incomplete, std::string_view ir, std::string* out);
Status DecodeTile(std::string_view bytes, uint64_t* incomplete, std::string_view* ir);

// A raw row: the same flag for one event, and the row as RowCodec writes the input schema.
void EncodeRawRow(bool incomplete, std::string_view row, std::string* out);
Status DecodeRawRow(std::string_view bytes, bool* incomplete, std::string_view* row);

struct LateRow {
  int64_t event_time = 0;
  bool incomplete = false;
  std::string_view row;
};
void EncodeLateRow(const LateRow& late, std::string* out);
Result<LateRow> DecodeLateRow(std::string_view bytes);

// Rows of one key in a snapshot: event time, and the row as RowCodec writes the input schema.
struct EntityRow {
  int64_t event_time = 0;
  std::string_view row;
};
void EncodeEntityRows(std::span<const EntityRow> rows, std::string* out);
Result<std::vector<EntityRow>> DecodeEntityRows(std::string_view bytes);

// A mutation is up to two of these: the row as it was, and as it has been since.
struct MutationRow {
  bool is_before = false;
  EntityRow row;
};
void EncodeMutationRow(const MutationRow& mutation, std::string* out);
Result<MutationRow> DecodeMutationRow(std::string_view bytes);
// Both images of a record stand side by side: source order, the offset doubled, and the image.
uint64_t MutationSequence(uint64_t source_order, bool is_before);

// What a reader must know to decode a GroupBy: Chronon's GroupByServingInfo.
struct ServingInfo {
  types::Schema keys;    // In the order of the GroupBy's key columns.
  types::Schema inputs;  // What raw rows hold; of a GroupBy without aggregations, its columns.
  std::string meaning;   // Fingerprint of the definition; a different one reads as another GroupBy.
  bool operator==(const ServingInfo&) const = default;
};

// One published upload. `cut` tells which records of the topic its table held: offsets below
// cut[partition]; empty when the table carried no offsets, then records appended by computed_at.
//
// Each upload writes where none did before, `slot` milliseconds behind batchEnd and within its day:
// what another one of the same batchEnd has published, or is writing now, stays as it is.
struct Generation {
  Timestamp batch_end;
  Timestamp computed_at;
  std::map<int32_t, int64_t> cut;
  int32_t slot = 0;  // The one of all uploads of the first versions.
  Timestamp StoredAt() const { return batch_end + Millis{slot}; }
  bool Holds(int32_t partition, int64_t offset, Timestamp append_time) const;
  bool operator==(const Generation&) const = default;
};

// [["user_id", "LONG"], ...], as marks hold it. Reading throws what JSON of another shape does.
Json SchemaToJson(const types::Schema& schema);
Result<types::Schema> SchemaFromJson(const Json& columns);

// Marks. Each Read answers the empty value when nothing was ever written.
Result<std::optional<ServingInfo>> ReadServingInfo(kv::KVStore* store, const std::string& group_by);
kv::Mark ServingInfoMark(const std::string& group_by, const ServingInfo& info);
// Oldest first.
Result<std::vector<Generation>> ReadGenerations(kv::KVStore* store, const std::string& group_by);
kv::Mark GenerationsMark(const std::string& group_by, const std::vector<Generation>& generations);

// What was dealt with of one topic partition: the counts that must add up (docs/concepts/delivery).
struct Checkpoint {
  int64_t start_offset = 0;  // Where this GroupBy began to read.
  int64_t next_offset = 0;   // Everything below is in the state.
  int64_t event_time_max = INT64_MIN;
  int64_t watermark = INT64_MIN;
  int64_t folded = 0;
  int64_t filtered = 0;
  int64_t null_key = 0;
  int64_t dead_lettered = 0;
  int64_t late_beyond_retention = 0;
  int64_t duplicate = 0;
  int64_t incomplete = 0;       // Of the folded ones.
  int64_t forced = 0;           // Of the incomplete ones: released by lag_millis.
  int64_t late_after_gate = 0;  // Of the folded ones: came after a left event had looked past them.
  // Of a topic of enriched rows, by partition of the left topic: the left offset below which its
  // rows have come.
  std::map<int32_t, int64_t> origins;
  bool operator==(const Checkpoint&) const = default;

  // consumed = folded + filtered + null key + dead-lettered + late beyond retention + duplicate.
  int64_t Consumed() const { return next_offset - start_offset; }
  int64_t Accounted() const {
    return folded + filtered + null_key + dead_lettered + late_beyond_retention + duplicate;
  }
};
Result<std::map<int32_t, Checkpoint>> ReadCheckpoints(kv::KVStore* store,
                                                      const std::string& group_by);
kv::Mark CheckpointMark(const std::string& group_by, int32_t partition,
                        const Checkpoint& checkpoint);

// What the streamed state can answer: events from `coverage_start` on were all folded; raw rows
// are kept from `raw_floor` on, tiles for queries from `as_of_floor` on; events up to `watermark`
// are in it (written once a second, so it trails; INT64_MAX: whoever wrote it did not say).
struct Retention {
  int64_t coverage_start = INT64_MIN;
  int64_t raw_floor = INT64_MIN;
  int64_t as_of_floor = INT64_MIN;
  int64_t watermark = INT64_MAX;
  bool operator==(const Retention&) const = default;
};
Result<std::optional<Retention>> ReadRetention(kv::KVStore* store, const std::string& group_by);
kv::Mark RetentionMark(const std::string& group_by, const Retention& retention);

}  // namespace catena::fetch
