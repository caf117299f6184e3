// SPDX-License-Identifier: Apache-2.0
// SketchesAgree: whether an approximate answer may stand where Chronon has another.
//
// Both are judged by the naive twin over the events of the cell: ours must be within its bound, and
// so must Chronon's, so that the cell is compared. Up to k inputs, or while they fit the counters,
// the bound is zero. One thing is let pass: with more different inputs than counters (t07c, k = 3)
// Chronon's frequent items lose what a purge took off when they are copied, and answer too little.

#pragma once

#include <string>

#include "catena/conf/group_by.h"
#include "catena/testing/naive_aggregator.h"

namespace catena::parity {

// `column` of a left row with this key and time, made by `group_by`, which is named "gb", of events
// with the columns key and ts.
inline bool SketchesAgree(const conf::GroupBy& group_by, const types::Batch& events,
                          const types::Value& key, int64_t time, const std::string& column,
                          const types::Value& theirs, const types::Value& ours) {
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < events.rows(); ++row) {
    times.push_back(std::get<int64_t>(events.Find("ts")->ValueAt(row).data));
    orders.push_back(row);
    if (events.Find("key")->ValueAt(row) == key) rows.push_back(row);
  }
  const auto outputs = conf::OutputsOf(group_by);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if ("gb_" + outputs[i].name != column) continue;
    const conf::Aggregation& aggregation = group_by.aggregations[outputs[i].aggregation];
    const types::Value naive =
        testing::NaiveOutputs(group_by, events, times, orders, rows, time)[i];
    if (!testing::AgreesWithNaive(aggregation, ours, naive)) return false;
    constexpr size_t kCounters = 6;
    const auto* counts = std::get_if<types::ValueMap>(&naive.data);
    return testing::AgreesWithNaive(aggregation, theirs, naive) ||
           (testing::IsFrequent(aggregation.operation) && counts->size() > kCounters);
  }
  return false;
}

}  // namespace catena::parity
