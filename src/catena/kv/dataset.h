// SPDX-License-Identifier: Apache-2.0
// What the datasets of a GroupBy are called, and where each layer of its streamed state lies.
//
//   <GROUP_BY>_BATCH       uploads: one value per key and generation
//   <GROUP_BY>_STREAMING   per key the layers below, each under its own sub-key
//
// A sub-key is the key and one byte that names the layer, so the layers of one key lie next to
// each other and one layer is one range of time. STORED FORMAT: do not renumber.
//
//   source  Chronon's dataset names: the cleaned name in capitals, `_BATCH` or `_STREAMING`

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace catena::kv {

enum class Layer : uint8_t {
  kRawRows = 1,        // Projected rows, at their event time.
  kTiles5Minutes = 2,  // Tiles, at their start.
  kTiles1Hour = 3,
  kTiles1Day = 4,
  kPrefix = 5,    // The IR of everything before the day it is stored at.
  kLateRows = 6,  // Rows older than an upload that did not contain them.
};

// Of a GroupBy's name in any form: "fraud.user_stats.v1" gives "FRAUD_USER_STATS_V1_BATCH".
std::string BatchDataset(std::string_view group_by);
std::string StreamingDataset(std::string_view group_by);

std::string SubKey(std::string_view key, Layer layer);

struct KeyAndLayer {
  std::string_view key;
  Layer layer;
};

// Undoes SubKey; `sub_key` is not empty.
KeyAndLayer ParseSubKey(std::string_view sub_key);

}  // namespace catena::kv
