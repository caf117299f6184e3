// SPDX-License-Identifier: Apache-2.0
// HeldTile: a tile in the form in which a stream's cache has it: not encoded where that can wait.
//
//     kFlat    incomplete count, 8 bytes; the IR row as it lies in memory: of IRs that own none
//     kStored  what fetch::EncodeTile writes: of all others, and of what was read from the store
//
// A fold that adds to a flat tile copies it there and back; it is encoded when it is committed, or
// when somebody else asks for it.
//
//   input    IR rows of `rows`; the tile's start
//   errors   kCorruption from Decode: stored bytes do not decode
//   threads  immutable

#pragma once

#include <string>
#include <string_view>

#include "catena/aggregate/flat_ir.h"
#include "catena/aggregate/row_aggregator.h"
#include "catena/kv/cache/value_form.h"

namespace catena::streaming {

class HeldTile : public kv::ValueForm {
 public:
  enum class Keep : uint8_t { kFlat, kStored };  // kStored: all of them.
  HeldTile(aggregate::RowAggregator rows, Keep keep)
      : rows_(std::move(rows)), flat_(rows_), keep_(keep) {}

  // Appends.
  void Encode(const std::byte* ir, uint64_t incomplete, Timestamp start, std::string* held) const;
  // Into an empty IR row.
  Status Decode(std::string_view held, Timestamp start, std::byte* ir, uint64_t* incomplete) const;

  void ToStored(std::string_view held, Timestamp start, std::string* stored) const override;
  void ToHeld(std::string_view stored, std::string* held) const override;

 private:
  aggregate::RowAggregator rows_;
  aggregate::FlatIr flat_;
  Keep keep_;
};

}  // namespace catena::streaming
