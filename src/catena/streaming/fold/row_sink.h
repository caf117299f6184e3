// SPDX-License-Identifier: Apache-2.0
// RowSink: what a worker gives its rows to: the state of a GroupBy, or a topic for others.
//
//   input    rows of one topic partition, offsets ascending; the checkpoint that goes with them
//   errors   kUnavailable, kCorruption: nothing of the call is stored
//   threads  every call may run concurrently with every other; a checkpoint belongs to the worker
//            of its partition
//
// A checkpoint is stored together with what came of the rows below its offset, so a sink goes on
// exactly where it was.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/fetch/online_state.h"
#include "catena/kv/kv_store.h"
#include "catena/types/batch.h"

namespace catena::streaming {

struct FoldRows {
  const types::Batch* rows = nullptr;
  // All by row.
  std::span<const int64_t> event_times;
  std::span<const int64_t> append_times;
  std::span<const uint64_t> source_orders;
  std::span<const uint8_t> incomplete;
  // The dead letter of a row that proves not to be taken only when it is sent on; none where such
  // rows are skipped, an error where they end the stream. Null: of sinks that send nothing on.
  std::function<Result<std::optional<kv::Put>>(size_t row, const std::string& reason)> refuse = {};
};

class RowSink {
 public:
  virtual ~RowSink() = default;

  // Under which progress, checkpoints and reports stand.
  virtual const std::string& name() const = 0;
  // Of what is done to the rows, in metrics.
  virtual const char* stage() const = 0;
  virtual const std::vector<std::string>& key_columns() const = 0;

  // What is stored of a partition; a partition never seen begins at `start` once that is said.
  virtual fetch::Checkpoint CheckpointOf(int32_t partition) const = 0;
  virtual bool HasCheckpoint(int32_t partition) const = 0;
  virtual void BeginAt(int32_t partition, int64_t offset) = 0;
  // Records up to `offset` are gone: goes on there, and does not count them as consumed.
  virtual void SkipTo(int32_t partition, int64_t offset) = 0;

  // Why a row cannot be taken, "" when it can: such a row is a dead letter.
  virtual std::string Refusal(const types::Batch& /*rows*/, size_t /*row*/) const { return ""; }
  // `next` is the partition's checkpoint with the caller's counts already added; Apply adds its
  // own, those of refused rows among them, stores everything at once and answers the checkpoint as
  // stored.
  virtual Result<fetch::Checkpoint> Apply(const FoldRows& rows, int32_t partition,
                                          fetch::Checkpoint next,
                                          std::vector<kv::Put> dead_letters) = 0;

  // Tile writes so far, and the bytes that is stored takes, estimated.
  virtual uint64_t tile_updates() const { return 0; }
  virtual Result<uint64_t> StateBytes() const = 0;
};

}  // namespace catena::streaming
