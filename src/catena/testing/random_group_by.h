// SPDX-License-Identifier: Apache-2.0
// Random GroupBys over the columns of EveryType(): every operation of the catalog on every input
// type that it takes, in random windows.

#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "catena/aggregate/operation_catalog.h"
#include "catena/aggregate/windowed_aggregator.h"
#include "catena/conf/group_by.h"
#include "catena/testing/generator.h"

namespace catena::testing {

struct OperationOnColumn {
  conf::Operation operation;
  std::string column;
};

// Every pair that binds.
inline std::vector<OperationOnColumn> EveryOperationOnColumn() {
  std::vector<OperationOnColumn> pairs;
  for (int i = 0; i <= static_cast<int>(conf::Operation::kApproxHeavyHittersK); ++i) {
    const auto operation = static_cast<conf::Operation>(i);
    for (const types::Field& field : EveryType().fields) {
      const std::map<std::string, std::string> arguments{{"k", "3"}};
      aggregate::BindRequest request;
      request.input = field.type;
      request.arguments = &arguments;
      if (aggregate::BindOperation(operation, request).ok()) {
        pairs.push_back({operation, field.name});
      }
    }
  }
  return pairs;
}

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
                                        conf::Operation::kBoundedUniqueCount};
  if (std::find(std::begin(kWithK), std::end(kWithK), operation) != std::end(kWithK)) {
    aggregation.arguments["k"] = "3";
  }
  return aggregation;
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

// `aggregations` of the pairs above, each with up to four windows or unwindowed, some by bucket.
inline conf::GroupBy RandomGroupBy(Random& random, size_t aggregations) {
  static const std::vector<OperationOnColumn> pairs = EveryOperationOnColumn();
  conf::GroupBy group_by;
  group_by.metadata.name = "test/random.v1";
  for (size_t i = 0; i < aggregations; ++i) {
    const OperationOnColumn& pair = pairs[random.Below(pairs.size())];
    std::vector<conf::Window> windows;
    if (!random.OneIn(4)) {
      for (uint64_t w = random.Below(4) + 1; w > 0; --w) windows.push_back(RandomWindow(random));
    }
    group_by.aggregations.push_back(AggregationOf(pair.column, pair.operation, windows));
    if (!pair.column.starts_with("map") && random.OneIn(4)) {
      group_by.aggregations.back().buckets = {"string"};
    }
  }
  return group_by;
}

}  // namespace catena::testing
