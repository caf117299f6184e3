// SPDX-License-Identifier: Apache-2.0
// UploadIr: what a batch upload knows of one key at batchEnd, so that windows can still move on.
//
// Per window one collapsed IR of what stays inside for the next two days, and hop by hop what may
// fall out at the tail meanwhile; unwindowed outputs are one IR. For a window w:
//
//     batchEnd - w (floored to its hop)     batchEnd - w + 2 days                      batchEnd
//      |--hop--|--hop--| ... |--hop--|------------ collapsed ----------------------------|
//
// Windows up to two days long are all hops. Hops are shared by windows of one hop class. Only base
// aggregations that some output asks of the window are stored with it.
// STORED FORMAT: golden bytes in upload_ir_test.cc.
//
//   input    events of one key before batchEnd; batchEnd is a midnight UTC
//   output   for a query at q >= batchEnd the part of each window that lies before batchEnd
//   errors   Decode of other bytes is kCorruption
//   source   Chronon FinalBatchIr; tails inclusive, as offline (Chronon's online tail is not)

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/stored/ir_reader.h"
#include "catena/aggregate/windowed_aggregator.h"

namespace catena::aggregate {

// How far a query may run ahead of batchEnd before tails leave the hops.
inline constexpr Millis kUploadSlack = std::chrono::days{2};

class UploadIr {
 public:
  // Empty: a key without events.
  UploadIr(const WindowedAggregator& windowed, Timestamp batch_end);

  Timestamp batch_end() const { return batch_end_; }
  bool IsEmpty() const;

  // Folds rows of the key, in any order; rows at or after batchEnd are not counted.
  void AddRows(const types::Batch& batch, std::span<const int64_t> event_times,
               std::span<const uint64_t> source_orders, std::span<const uint32_t> rows);

  // What windows()[window] of a query at `query` holds before batchEnd, merged into `ir`.
  void MergeInto(size_t window, Timestamp query, std::byte* ir) const;

  // False when a window of the query would have to be cut inside its collapsed IR, whatever the
  // key: its tail lies past the hops and before batchEnd. Also false before batchEnd.
  bool Covers(Timestamp query) const { return Covers(windowed_, batch_end_, query); }
  static bool Covers(const WindowedAggregator& windowed, Timestamp batch_end, Timestamp query);
  static bool Covers(WindowLength window, Timestamp batch_end, Timestamp query);

  // Missing parts that went into this upload; travels with it.
  uint64_t incomplete = 0;

  // Canonical.
  void Encode(std::string* out) const;
  static Result<UploadIr> Decode(const WindowedAggregator& windowed, std::string_view bytes);

 private:
  struct Hop {
    Timestamp start;
    std::byte* ir;  // In pool_.
  };
  std::byte* HopIr(size_t hop_class, Timestamp start);
  bool IsEmpty(const std::byte* ir, const std::vector<bool>& uses) const;
  bool KeepsHop(size_t hop_class, Timestamp start) const;
  Status DecodeBody(IrReader* reader);

  WindowedAggregator windowed_;
  Timestamp batch_end_;
  IrPool pool_;
  std::vector<std::byte*> collapsed_;        // By window, in pool_.
  std::vector<std::vector<Hop>> hops_;       // By index in kFiveMinuteResolution; sorted by start.
  std::vector<std::vector<bool>> hop_uses_;  // By the same index: base aggregations kept in hops.
};

}  // namespace catena::aggregate
