// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/entities/lives.h"

#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "catena/base/check.h"

namespace catena::fetch {
namespace {

// Rows that are equal, in the order in which they came; those before `next` are dead.
struct Equals {
  std::vector<uint32_t> rows;
  size_t next = 0;
};

}  // namespace

bool ComesBefore(const Mutation& a, const Mutation& b) {
  return std::tie(a.group, a.time, a.reversal, a.row) <
         std::tie(b.group, b.time, b.reversal, b.row);
}

uint64_t EndLives(std::span<const Mutation> mutations, std::span<const uint32_t> snapshot,
                  const std::function<std::string(uint32_t)>& identity, std::span<int64_t> died) {
  std::unordered_map<std::string, Equals> living;
  for (const uint32_t row : snapshot) living[identity(row)].rows.push_back(row);
  uint64_t without_row = 0;
  for (size_t i = 0; i < mutations.size(); ++i) {
    const Mutation& mutation = mutations[i];
    CATENA_CHECK(i == 0 || !ComesBefore(mutation, mutations[i - 1]), "mutations are sorted");
    std::string bytes = identity(mutation.row);
    if (!mutation.reversal) {
      living[std::move(bytes)].rows.push_back(mutation.row);
      continue;
    }
    const auto at = living.find(bytes);
    if (at == living.end() || at->second.next == at->second.rows.size()) {
      ++without_row;
      continue;
    }
    died[at->second.rows[at->second.next++]] = mutation.time;
  }
  return without_row;
}

}  // namespace catena::fetch
