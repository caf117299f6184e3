// SPDX-License-Identifier: Apache-2.0
// EnrichedRow: the newest enriched row of each key of a Join that publishes to the KVStore.
//
//     <join>_ENRICHED   (key, 1970-01-01, 0)   event time, source order, flag, row
//     marks             shape                  names and types of the keys, and of the row
//
// A stream writes them (publish_kv), so the newest is by event time, of one instant the one whose
// left record comes last by partition and offset. STORED FORMAT: golden bytes in
// enriched_row_test.cc.
//
//   errors   decoding other bytes is kCorruption; ReadEnrichedRows: kNotFound when the Join never
//            published a row, kInvalidConf when a key column is missing or has another type
//   threads  pure functions; reads as the store allows

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/json.h"
#include "catena/kv/kv_store.h"
#include "catena/types/schema.h"

namespace catena::fetch {

std::string EnrichedDataset(const std::string& join);
// When a row is stored, whatever its time: there is one a key.
inline constexpr Timestamp kEnrichedInstant = FromMillis(0);

struct EnrichedRow {
  int64_t event_time = 0;
  uint64_t source_order = 0;
  bool incomplete = false;
  std::string_view row;  // As RowCodec writes the Join's columns.

  bool IsNewerThan(const EnrichedRow& other) const {
    return event_time > other.event_time ||
           (event_time == other.event_time && source_order > other.source_order);
  }
};
void EncodeEnrichedRow(const EnrichedRow& row, std::string* out);
Result<EnrichedRow> DecodeEnrichedRow(std::string_view bytes);

struct EnrichedShape {
  types::Schema keys;
  types::Schema rows;
  bool operator==(const EnrichedShape&) const = default;
};
kv::Mark EnrichedShapeMark(const std::string& join, const EnrichedShape& shape);
Result<std::optional<EnrichedShape>> ReadEnrichedShape(kv::KVStore* store, const std::string& join);

// Of every key map {"row": {...}, "event_time": millis, "complete": bool}, or null when there is no
// row of the key.
Result<std::vector<Json>> ReadEnrichedRows(kv::KVStore* store, const std::string& join,
                                           const Json& keys);

}  // namespace catena::fetch
