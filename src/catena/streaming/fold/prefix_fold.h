// SPDX-License-Identifier: Apache-2.0
// PrefixFold: what lies before each day of a key, so that unwindowed reads walk no lifetime.
//
// At a key's first event of a day the fold of everything before that day is stored at the day; a
// late event is merged into every later prefix. So the newest prefix at or before a query's day,
// and that day's tiles, are the whole past.
//
//   input    keys, each once, with the days that a call touched: each with its events alone (rows)
//            and the day's tile after the call
//   output   puts into the prefix dataset
//   errors   kCorruption, kUnavailable from the store
//   threads  one thread at a time (inside GroupByFold)

#pragma once

#include <string>
#include <vector>

#include "catena/aggregate/ir.h"
#include "catena/kv/kv_store.h"
#include "catena/streaming/fold/row_sink.h"

namespace catena::streaming {

struct TouchedDay {
  int64_t day = 0;                  // Start, milliseconds.
  const std::byte* tile = nullptr;  // The day's tile, this call included.
  uint64_t tile_incomplete = 0;
  std::vector<uint32_t> rows;  // This call's events of the day.
};

struct TouchedKey {
  std::string_view key;
  std::vector<TouchedDay> days;  // Ascending.
};

class PrefixFold {
 public:
  PrefixFold(aggregate::RowAggregator rows, std::string prefix_dataset, std::string day_dataset,
             kv::KVStore* store)
      : rows_(std::move(rows)),
        prefix_dataset_(std::move(prefix_dataset)),
        day_dataset_(std::move(day_dataset)),
        store_(store) {}

  // The value of a key's first prefix of all: before that day it has nothing.
  static std::string FirstOf(const aggregate::RowAggregator& rows, int64_t day);
  // What is stored of the keys is asked for at once.
  Status Fold(std::span<const TouchedKey> keys, const FoldRows& input, kv::WriteBatch* batch);

 private:
  struct Prefix {
    aggregate::IR ir;
    uint64_t incomplete = 0;
    bool changed = false;
  };
  using Values = std::span<const kv::TimedValue>;
  Status FoldKey(const TouchedKey& touched, Values before, Values later, const FoldRows& input,
                 kv::WriteBatch* batch);
  Result<Prefix> Decode(const kv::TimedValue& value) const;
  Status MergeTile(const TouchedKey& touched, int64_t day, Prefix* into) const;

  aggregate::RowAggregator rows_;
  std::string prefix_dataset_;
  std::string day_dataset_;
  kv::KVStore* store_;
};

}  // namespace catena::streaming
