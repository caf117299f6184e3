// SPDX-License-Identifier: Apache-2.0
// Retained: from when on what is kept of a GroupBy is still asked for.
//
//   input    the windows of its outputs, and its retention mark (online_state.h)
//   output   horizons of its streamed datasets (KVStore::SetHorizon): what is older no read at or
//            after the mark's floors asks for. Datasets that are kept for good have none
//   threads  pure functions

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/conf/group_by.h"
#include "catena/fetch/online_state.h"
#include "catena/kv/kv_store.h"

namespace catena::fetch {

struct Horizon {
  std::string dataset;
  Timestamp time;
};

std::vector<Horizon> HorizonsOf(const conf::GroupBy& group_by,
                                std::span<const aggregate::WindowLength> windows,
                                const Retention& retention);

// Those of what the store holds of the GroupBy now, its uploads too. Errors of
// GroupByReader::Open: nothing stored, another definition.
Result<std::vector<Horizon>> ReadHorizons(kv::KVStore* store,
                                          const std::shared_ptr<const conf::GroupBy>& group_by);

}  // namespace catena::fetch
