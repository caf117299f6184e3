// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/element_wise_lengths.h"

#include <algorithm>

#include "catena/base/time.h"

namespace catena::batch {

ElementWiseLengths::ElementWiseLengths(const conf::GroupBy& group_by) {
  for (const conf::Aggregation& aggregation : group_by.aggregations) {
    const std::string& column = aggregation.input_column;
    const bool seen = std::ranges::count(inputs_, column, &Input::column) > 0;
    if (aggregation.element_wise && !seen) inputs_.push_back({column, {}});
  }
}

Status ElementWiseLengths::Check(const types::Batch& rows, std::span<const uint32_t> groups,
                                 std::span<const int64_t> times) {
  for (Input& input : inputs_) {
    const types::Column* lists = rows.Find(input.column);
    if (lists == nullptr || lists->type().kind != types::Kind::kList) continue;  // Bind refuses it.
    for (size_t i = 0; i < groups.size(); ++i) {
      const uint64_t length = lists->offset(i + 1) - lists->offset(i);
      if (length == 0) continue;
      if (groups[i] >= input.firsts.size()) input.firsts.resize(groups[i] + 1);
      First& first = input.firsts[groups[i]];
      if (first.length == 0) first = {length, times[i]};
      if (first.length == length) continue;
      return InvalidData(
          "lists of one key have different lengths, so that they cannot be aggregated element "
          "by element; filter or pad them in the source's Query: column " +
          input.column + ": " + std::to_string(first.length) + " elements at " +
          FormatTimestamp(FromMillis(first.time)) + ", " + std::to_string(length) + " at " +
          FormatTimestamp(FromMillis(times[i])));
    }
  }
  return Status();
}

}  // namespace catena::batch
