// SPDX-License-Identifier: Apache-2.0
// AppendLiving: outputs of one key of TEMPORAL entities, from its rows that live at an instant.
//
//     rows of the snapshot  ->  its mutations before the instant  ->  rows that live  ->  windows
//
//   input    stored bytes: the key's EntityRows at batchEnd (empty: none), and its MutationRows in
//            [batchEnd, as_of) as the store has them, by time and sequence
//   output   one row of windowed.output_schema(): what a backfill answers at as_of
//   null     an empty window
//   errors   kCorruption: bytes that do not decode
//   order    ties in event time: rows of the snapshot, then by source order
//   cost     linear in the key's rows and its mutations since batchEnd: nothing is folded ahead
//   threads  pure

#pragma once

#include <span>
#include <string_view>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/base/result.h"
#include "catena/kv/kv_store.h"
#include "catena/types/row_codec.h"

namespace catena::fetch {

struct KeyLife {
  std::string_view snapshot;
  std::span<const kv::FlatAnswers::Value> mutations;
  Timestamp as_of;
  // Rows without a time of their own have that of the snapshot before as_of: the end of its day.
  bool has_time = true;
};

Status AppendLiving(const aggregate::WindowedAggregator& windowed, const types::RowCodec& inputs,
                    const KeyLife& life, std::span<types::Column* const> columns);

}  // namespace catena::fetch
