// SPDX-License-Identifier: Apache-2.0
// CheckState: whether everything that a store keeps of one GroupBy can be read, and adds up.
//
//   checks   every key, tile, prefix, raw row, late row, mutation and upload decodes by the
//   GroupBy's
//            definition; tiles lie on their grid; of every topic partition, what was consumed was
//            accounted for (online_state.h Checkpoint)
//   output   what there is, by dataset, and what is wrong, with dataset, key and time
//   errors   those of the store, and of GroupByReader::Open: nothing stored, another definition
//   cost     reads all of it, a value at a time

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catena/conf/group_by.h"
#include "catena/kv/kv_store.h"

namespace catena::fetch {

struct DatasetState {
  std::string name;
  uint64_t keys = 0;
  uint64_t values = 0;
  uint64_t bytes = 0;  // Of the values.
};

struct StateCheck {
  std::vector<DatasetState> datasets;
  uint64_t problems = 0;
  std::vector<std::string> first_problems;  // At most kProblemsShown.
};
inline constexpr size_t kProblemsShown = 20;

Result<StateCheck> CheckState(kv::KVStore* store,
                              const std::shared_ptr<const conf::GroupBy>& group_by);

}  // namespace catena::fetch
