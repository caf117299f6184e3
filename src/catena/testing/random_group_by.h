// SPDX-License-Identifier: Apache-2.0
// GroupBys over the columns of EveryType(): every operation of the catalog on every input type that
// it takes, and random ones in random windows.

#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "catena/aggregate/operation_catalog.h"
#include "catena/aggregate/windowed_aggregator.h"
#include "catena/conf/group_by.h"
#include "catena/testing/generator.h"

namespace catena::testing {

inline conf::Aggregation AggregationOf(const std::string& column, conf::Operation operation,
                                       std::vector<conf::Window> windows) {
  conf::Aggregation aggregation;
  aggregation.input_column = column;
  aggregation.operation = operation;
  aggregation.windows = std::move(windows);
  constexpr conf::Operation kWithK[] = {conf::Operation::kFirstK,
                                        conf::Operation::kLastK,
                                        conf::Operation::kTopK,
                                        conf::Operation::kBottomK,
                                        conf::Operation::kUniqueTopK,
                                        conf::Operation::kHistogram,
                                        conf::Operation::kApproxHistogramK,
                                        conf::Operation::kApproxFrequentK,
                                        conf::Operation::kApproxHeavyHittersK,
                                        conf::Operation::kBoundedUniqueCount};
  if (std::find(std::begin(kWithK), std::end(kWithK), operation) != std::end(kWithK)) {
    aggregation.arguments.emplace("k", "3");
  }
  if (operation == conf::Operation::kApproxUniqueCount) aggregation.arguments.emplace("k", "5");
  if (operation == conf::Operation::kApproxPercentile) {
    aggregation.arguments = {{"k", "12"}, {"percentiles", "[0.5, 0, 0.99, 1]"}};
  }
  return aggregation;
}

// CATENA_OPERATION=<name> asks for that one, otherwise every one is.
inline bool OperationIsAsked(conf::Operation operation) {
  const char* only = std::getenv("CATENA_OPERATION");
  return only == nullptr || conf::OperationName(operation) == only;
}

// Every operation on every column of EveryType() that it takes, with an argument k and without,
// plain, by bucket and element-wise: whatever binds of what is asked, unwindowed.
inline const std::vector<conf::Aggregation>& EveryAggregation() {
  static const std::vector<conf::Aggregation> every = [] {
    std::vector<conf::Aggregation> bound;
    const auto keep = [&bound](const conf::Aggregation& aggregation) {
      conf::GroupBy alone;
      alone.aggregations = {aggregation};
      if (aggregate::RowAggregator::Bind(alone, EveryType()).ok()) bound.push_back(aggregation);
    };
    for (const conf::Operation operation : conf::kEveryOperation) {
      if (!OperationIsAsked(operation)) continue;
      for (const types::Field& field : EveryType().fields) {
        for (const unsigned shape : {0u, 1u, 2u, 3u}) {
          conf::Aggregation aggregation = AggregationOf(field.name, operation, {});
          if ((shape & 1) != 0) aggregation.buckets = {"string"};
          aggregation.element_wise = (shape & 2) != 0;
          keep(aggregation);
          if (aggregation.arguments.erase("k") == 1) keep(aggregation);
        }
      }
    }
    return bound;
  }();
  return every;
}

inline conf::Window RandomWindow(Random& random) {
  using conf::TimeUnit;
  constexpr conf::Window kWindows[] = {
      {5, TimeUnit::kMinutes}, {7, TimeUnit::kMinutes}, {90, TimeUnit::kMinutes},
      {1, TimeUnit::kHours},   {11, TimeUnit::kHours},  {12, TimeUnit::kHours},
      {13, TimeUnit::kHours},  {24, TimeUnit::kHours},  {1, TimeUnit::kDays},
      {49, TimeUnit::kHours},  {3, TimeUnit::kDays},    {7, TimeUnit::kDays},
      {11, TimeUnit::kDays},   {12, TimeUnit::kDays},   {13, TimeUnit::kDays},
      {30, TimeUnit::kDays}};
  return kWindows[random.Below(std::size(kWindows))];
}

// What the GroupBy reads of EveryType().
inline types::Schema ColumnsOf(const conf::GroupBy& group_by) {
  return aggregate::RowAggregator::Bind(group_by, EveryType()).value().input_schema();
}

// So many of EveryAggregation(), each with up to four windows or unwindowed.
inline conf::GroupBy RandomGroupBy(Random& random, size_t aggregations) {
  const std::vector<conf::Aggregation>& every = EveryAggregation();
  conf::GroupBy group_by;
  group_by.metadata.name = "test/random.v1";
  for (size_t i = 0; i < aggregations; ++i) {
    group_by.aggregations.push_back(every[random.Below(every.size())]);
    if (random.OneIn(4)) continue;
    std::vector<conf::Window>& windows = group_by.aggregations.back().windows;
    for (uint64_t w = random.Below(4) + 1; w > 0; --w) windows.push_back(RandomWindow(random));
  }
  return group_by;
}

}  // namespace catena::testing
