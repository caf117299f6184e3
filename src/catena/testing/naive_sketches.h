// SPDX-License-Identifier: Apache-2.0
// What the approximate operations approximate, and how far from it they may be.
//
// For these, NaiveAnswer is not what must be answered but what an answer is judged by:
//
//   APPROX_UNIQUE_COUNT     how many inputs differ
//   APPROX_PERCENTILE       per share the least and the largest input that may be answered
//   APPROX_HISTOGRAM_K, APPROX_FREQUENT_K, APPROX_HEAVY_HITTERS_K    every input and how often
//
// Written from the error bounds, sharing nothing with aggregate/.

#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "catena/conf/aggregation.h"
#include "catena/types/value.h"

namespace catena::testing {

inline size_t NaiveK(const conf::Aggregation& aggregation, size_t absent) {
  const auto k = aggregation.arguments.find("k");
  return k == aggregation.arguments.end() ? absent : std::stoul(k->second);
}

inline bool IsFrequent(conf::Operation operation) {
  return operation == conf::Operation::kApproxHistogramK ||
         operation == conf::Operation::kApproxFrequentK ||
         operation == conf::Operation::kApproxHeavyHittersK;
}

// What a CPC sketch counts of different values: -0.0 and 0.0 are one, empty text is none.
inline types::Value NaiveCpcCount(const std::vector<types::Value>& unique) {
  int64_t count = 0;
  bool zero = false;
  for (const types::Value& value : unique) {
    const auto* number = std::get_if<double>(&value.data);
    const auto* text = std::get_if<std::string>(&value.data);
    if (number != nullptr && *number == 0.0) {
      count += zero ? 0 : 1;
      zero = true;
    } else if (text == nullptr || !text->empty()) {
      ++count;
    }
  }
  return types::Value(count);
}

// Five standard errors; a count of none or one is exact.
inline bool AgreesWithCount(const conf::Aggregation& aggregation, int64_t answer, int64_t exact) {
  if (exact < 2) return answer == exact;
  const double rows = std::pow(2.0, static_cast<double>(NaiveK(aggregation, 8)));
  const double bound = 5 * 0.6931 / std::sqrt(rows) * static_cast<double>(exact) + 1;
  return std::fabs(static_cast<double>(answer - exact)) <= bound;
}

// `values` without NaN. A sketch of up to k values is exact; above, each level that was compacted
// moves a place by at most an eighth of the inputs.
inline types::Value NaivePercentiles(const conf::Aggregation& aggregation,
                                     const std::vector<double>& shares,
                                     std::vector<double> values) {
  if (values.empty()) return types::Value();
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const size_t k = NaiveK(aggregation, 128);
  const double levels = values.size() <= k ? 0 : std::bit_width(values.size() / k);
  const double slack = levels == 0 ? 0 : levels / 8 * n + 1;
  types::ValueList list;
  for (const double share : shares) {
    const bool end = share == 0.0 || share == 1.0;
    const auto at = [&](double offset) {
      const double place = std::floor(share * n) + (end ? 0 : offset);
      return types::Value(values[static_cast<size_t>(std::clamp(place, 0.0, n - 1))]);
    };
    list.push_back(types::Value(types::ValueList{at(-slack), at(slack)}));
  }
  return types::Value(std::move(list));
}

inline bool AgreesWithPercentiles(const types::Value& answer, const types::Value& naive) {
  const auto* values = std::get_if<types::ValueList>(&answer.data);
  const auto* ranges = std::get_if<types::ValueList>(&naive.data);
  if (values == nullptr || ranges == nullptr) return answer.is_null() && naive.is_null();
  return std::equal(
      values->begin(), values->end(), ranges->begin(), ranges->end(),
      [](const types::Value& value, const types::Value& range) {
        const auto& [low, high] = std::pair(std::get<types::ValueList>(range.data)[0],
                                            std::get<types::ValueList>(range.data)[1]);
        const double number = std::get<double>(value.data);
        return number >= std::get<double>(low.data) && number <= std::get<double>(high.data);
      });
}

// How often the naive map has the input that a key of the answer spells; 0 when it has not.
inline int64_t NaiveCountOf(const types::ValueMap& naive, const std::string& key) {
  for (const auto& [input, count] : naive) {
    bool same = false;
    if (const auto* text = std::get_if<std::string>(&input.data)) {
      same = *text == key;
    } else if (const auto* integer = std::get_if<int64_t>(&input.data)) {
      same = std::to_string(*integer) == key;
    } else {
      same = types::Value(std::strtod(key.c_str(), nullptr)) == input;
    }
    if (same) return std::get<int64_t>(count.data);
  }
  return 0;
}

inline bool AgreesWithFrequent(const conf::Aggregation& aggregation, const types::ValueMap& answer,
                               const types::ValueMap& naive) {
  const bool histogram = aggregation.operation == conf::Operation::kApproxHistogramK;
  const bool certain = aggregation.operation != conf::Operation::kApproxFrequentK;
  const size_t k = NaiveK(aggregation, 8);
  size_t counters = 6;
  while (counters < (histogram ? k : 2 * k)) counters *= 2;
  std::vector<int64_t> exact;
  int64_t inputs = 0;
  for (const auto& [input, count] : naive) {
    exact.push_back(std::get<int64_t>(count.data));
    inputs += exact.back();
  }
  std::sort(exact.rbegin(), exact.rend());
  const int64_t offset =
      exact.size() <= counters ? 0 : inputs / static_cast<int64_t>(counters / 2 + 1);
  if (answer.size() > k) return false;

  std::vector<int64_t> estimates;
  std::vector<int64_t> missing = exact;
  for (const auto& [key, value] : answer) {
    const int64_t count = NaiveCountOf(naive, std::get<std::string>(key.data));
    const int64_t estimate = std::get<int64_t>(value.data);
    if (count == 0 || estimate < count || estimate > count + offset) return false;
    estimates.push_back(estimate);
    missing.erase(std::find(missing.begin(), missing.end(), count));
  }
  // What is left out is either rare enough to be lost, or not more frequent than any that is in.
  const int64_t largest_missing = missing.empty() ? 0 : missing.front();
  const int64_t may_be_lost = offset == 0 ? 0 : certain ? 2 * offset : offset;
  if (largest_missing <= may_be_lost) return true;
  return answer.size() == k &&
         *std::min_element(estimates.begin(), estimates.end()) >= largest_missing;
}

}  // namespace catena::testing
