// SPDX-License-Identifier: Apache-2.0
// EndLives: until when each row of an entity table lives, by the mutations of the table.
//
//     snapshot              a 1                  dies at 08:00
//     08:00   before        a 1
//             after         a 5                  lives on
//
// A row lives from its mutation (of a snapshot: from before all of them) until a before-image that
// is equal to it. Within one instant rows are born before others die, so the order in which a table
// or a topic tells of one instant is nobody's business. Of equal rows the first dies. A
// before-image without its row changes nothing. Backfills and the Fetcher share this rule.
//
//   input    mutations of any number of keys, sorted by ComesBefore; rows by their number
//   output   died[row] for each row that dies; how many before-images found no row
//   threads  pure functions
//   source   Chronon's mutations, where a before-image is subtracted; rows make every operation
//            right (docs/decisions/0015)

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace catena::fetch {

struct Mutation {
  uint32_t group = 0;     // The key's, where there are several.
  int64_t time = 0;       // Milliseconds.
  bool reversal = false;  // A before-image.
  uint32_t row = 0;
};

// The order in which mutations are applied; of one instant and kind by row.
bool ComesBefore(const Mutation& a, const Mutation& b);

// `snapshot` lists rows that no mutation made. `identity(row)` is equal for rows that are equal,
// and of one key, and for no others.
uint64_t EndLives(std::span<const Mutation> mutations, std::span<const uint32_t> snapshot,
                  const std::function<std::string(uint32_t)>& identity, std::span<int64_t> died);

}  // namespace catena::fetch
