// SPDX-License-Identifier: Apache-2.0
// The definition of a windowed aggregation: for each query, scan all events.
//
// Written from semantics, on boxed values, sharing nothing with aggregate/: what it answers is what
// every fast path must answer, to the last bit (AgreesWithNaive: where a definition needs roots and
// quotients of rounded numbers, to 1e-12; what approximates, within its bound: naive_sketches.h).
//
//   input   events of one key in any order; times in milliseconds
//   output  one Value per output of conf::OutputsOf, in that order; null for an empty window and
//           for a scalar that is NaN or infinite
//   source  Chronon NaiveAggregator; exact sums: Shewchuk, "Adaptive Precision Floating-Point
//           Arithmetic" (1997)

#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "catena/base/time.h"
#include "catena/conf/output_names.h"
#include "catena/testing/naive_sketches.h"
#include "catena/types/batch.h"

namespace catena::testing {

struct NaiveEvent {
  int64_t time = 0;
  uint64_t order = 0;
  types::Value value;  // Never null.
};

// The exact sum of finite doubles, rounded once, ties to even.
inline double NaiveSum(const std::vector<double>& values) {
  using Wide = __float128;  // A sum of doubles does not overflow on its way.
  const auto magnitude = [](Wide x) { return x < 0 ? -x : x; };
  std::vector<Wide> parts;  // Their sum is exact; none overlaps another; ascending.
  for (const double value : values) {
    Wide x = value;
    size_t kept = 0;
    for (Wide y : parts) {
      if (magnitude(x) < magnitude(y)) std::swap(x, y);
      const Wide high = x + y;
      const Wide low = y - (high - x);
      if (low != 0) parts[kept++] = low;
      x = high;
    }
    parts.resize(kept);
    parts.push_back(x);
  }
  Wide sum = 0;
  Wide rest = 0;  // Beyond the last bit of `sum`.
  while (!parts.empty() && rest == 0) {
    const Wide x = sum;
    const Wide y = parts.back();
    parts.pop_back();
    sum = x + y;
    rest = y - (sum - x);
  }
  const auto nearest = static_cast<double>(sum);
  if (rest == 0) return nearest;
  // A tie that was rounded to even although more lies beyond it.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto wide = [](double x) {
    return std::isfinite(x) ? Wide{x} : std::copysign(0x1p1023, x) * Wide{2};
  };
  const double other = std::nextafter(nearest, sum > wide(nearest) ? kInfinity : -kInfinity);
  const bool tie = sum - wide(nearest) == wide(other) - sum;
  return tie && (rest > 0) == (sum > wide(nearest)) ? other : nearest;
}

inline double NaiveNumber(const types::Value& value) {
  if (const auto* truth = std::get_if<bool>(&value.data)) return *truth ? 1.0 : 0.0;
  if (const auto* integer = std::get_if<int64_t>(&value.data)) {
    return static_cast<double>(*integer);
  }
  return std::get<double>(value.data);
}

inline double NaiveFloatingSum(const std::vector<NaiveEvent>& events) {
  std::vector<double> finite;
  double special = 0.0;  // Adding what is not finite has no rounding.
  for (const NaiveEvent& event : events) {
    const double number = NaiveNumber(event.value);
    if (std::isfinite(number)) {
      finite.push_back(number);
    } else {
      special += number;
    }
  }
  return special == 0.0 ? NaiveSum(finite) : special;
}

inline __int128 NaiveIntegerSum(const std::vector<NaiveEvent>& events) {
  __int128 sum = 0;
  for (const NaiveEvent& event : events) {
    const auto* truth = std::get_if<bool>(&event.value.data);
    sum += truth != nullptr ? static_cast<int64_t>(*truth) : std::get<int64_t>(event.value.data);
  }
  return sum;
}

// Two passes in 113 bits: deviations of doubles from their mean are good to 60 bits at least.
inline double NaiveMoment(conf::Operation operation, const std::vector<NaiveEvent>& events) {
  using Wide = __float128;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<Wide>(events.size());
  Wide sum = 0;
  for (const NaiveEvent& event : events) {
    if (!std::isfinite(NaiveNumber(event.value))) return kNan;
    sum += NaiveNumber(event.value);
  }
  Wide powers[5] = {};
  for (const NaiveEvent& event : events) {
    Wide power = 1;
    for (Wide& total : powers) {
      total += power;
      power *= NaiveNumber(event.value) - sum / n;
    }
  }
  if (operation == conf::Operation::kVariance) return static_cast<double>(powers[2] / n);
  const bool skew = operation == conf::Operation::kSkew;
  if (powers[2] == 0 || events.size() < (skew ? 3 : 4)) return kNan;
  if (!skew) return static_cast<double>(n * powers[4] / (powers[2] * powers[2]) - 3);
  const Wide ratio = powers[3] / powers[2];
  const double square = static_cast<double>(n * ratio * ratio / powers[2]);
  return powers[3] < 0 ? -std::sqrt(square) : std::sqrt(square);
}

// The values of the first k.
inline types::Value NaiveList(const conf::Aggregation& aggregation,
                              const std::vector<NaiveEvent>& events) {
  const size_t k = std::stoul(aggregation.arguments.at("k"));
  types::ValueList list;
  for (size_t i = 0; i < std::min(k, events.size()); ++i) list.push_back(events[i].value);
  return types::Value(std::move(list));
}

// Every different value once, ascending.
inline std::vector<types::Value> NaiveUnique(const std::vector<NaiveEvent>& events) {
  std::vector<types::Value> values;
  for (const NaiveEvent& event : events) {
    const bool known = std::any_of(values.begin(), values.end(),
                                   [&](const types::Value& value) { return value == event.value; });
    if (!known) values.push_back(event.value);
  }
  std::sort(values.begin(), values.end(),
            [](const types::Value& a, const types::Value& b) { return types::Compare(a, b) < 0; });
  return values;
}

// Text to how often, of the k most frequent; the smaller text wins a tie.
inline types::Value NaiveHistogram(const conf::Aggregation& aggregation,
                                   const std::vector<NaiveEvent>& events) {
  std::vector<std::pair<int64_t, types::Value>> entries;
  for (const types::Value& text : NaiveUnique(events)) {
    const auto count = std::count_if(events.begin(), events.end(),
                                     [&](const NaiveEvent& event) { return event.value == text; });
    entries.emplace_back(count, text);
  }
  const auto k = aggregation.arguments.find("k");
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (k != aggregation.arguments.end() && k->second != "0" &&
      entries.size() > std::stoul(k->second)) {
    entries.resize(std::stoul(k->second));
  }
  types::ValueMap map;
  for (const auto& [count, text] : entries) map.emplace_back(text, count);
  std::sort(map.begin(), map.end(),
            [](const auto& a, const auto& b) { return types::Compare(a.first, b.first) < 0; });
  return types::Value(std::move(map));
}

// What the approximate operations are judged by.
inline types::Value NaiveExact(const conf::Aggregation& aggregation,
                               const std::vector<NaiveEvent>& events) {
  if (aggregation.operation == conf::Operation::kApproxUniqueCount) {
    return NaiveCpcCount(NaiveUnique(events));
  }
  if (IsFrequent(aggregation.operation)) {
    types::ValueMap counts;
    for (const types::Value& input : NaiveUnique(events)) {
      counts.emplace_back(
          input, std::count_if(events.begin(), events.end(),
                               [&](const NaiveEvent& event) { return event.value == input; }));
    }
    return types::Value(std::move(counts));
  }
  std::vector<double> floats;
  for (const NaiveEvent& event : events) {
    const auto* integer = std::get_if<int64_t>(&event.value.data);
    const float number = integer != nullptr ? static_cast<float>(*integer)
                                            : static_cast<float>(NaiveNumber(event.value));
    if (!std::isnan(number)) floats.push_back(number);
  }
  std::vector<double> shares{0.5};
  const auto argument = aggregation.arguments.find("percentiles");
  if (argument != aggregation.arguments.end()) {
    shares = Json::parse(argument->second).get<std::vector<double>>();
  }
  return NaivePercentiles(aggregation, shares, std::move(floats));
}

// The operations that pick or list inputs; `events` are sorted by (time, order).
inline types::Value NaivePick(const conf::Aggregation& aggregation,
                              std::vector<NaiveEvent> events) {
  const auto by_value = [](const NaiveEvent& a, const NaiveEvent& b) {
    return types::Compare(a.value, b.value) < 0;
  };
  switch (aggregation.operation) {
    case conf::Operation::kFirst:
      return events.front().value;
    case conf::Operation::kLast: {
      const int64_t newest = events.back().time;
      return std::find_if(events.begin(), events.end(),
                          [&](const NaiveEvent& event) { return event.time == newest; })
          ->value;
    }
    case conf::Operation::kFirstK:
      return NaiveList(aggregation, events);
    case conf::Operation::kLastK:
      std::stable_sort(events.begin(), events.end(),
                       [](const NaiveEvent& a, const NaiveEvent& b) { return a.time > b.time; });
      return NaiveList(aggregation, events);
    case conf::Operation::kTopK:
      std::sort(events.begin(), events.end(), by_value);
      std::reverse(events.begin(), events.end());
      return NaiveList(aggregation, events);
    case conf::Operation::kBottomK:
      std::sort(events.begin(), events.end(), by_value);
      return NaiveList(aggregation, events);
    case conf::Operation::kUniqueTopK: {
      types::ValueList values = NaiveUnique(events);
      std::reverse(values.begin(), values.end());
      values.resize(std::min(values.size(), size_t{std::stoul(aggregation.arguments.at("k"))}));
      return types::Value(std::move(values));
    }
    default:
      CATENA_CHECK(false, "give the operation its definition in testing/naive_aggregator.h");
  }
}

// `events` are those inside the window whose value is not null.
inline types::Value NaiveAnswer(const conf::Aggregation& aggregation, const types::DataType& type,
                                std::vector<NaiveEvent> events) {
  if (events.empty()) return types::Value();
  std::sort(events.begin(), events.end(), [](const NaiveEvent& a, const NaiveEvent& b) {
    return std::pair(a.time, a.order) < std::pair(b.time, b.order);
  });
  const auto count = static_cast<int64_t>(events.size());
  const auto by_value = [](const NaiveEvent& a, const NaiveEvent& b) {
    return types::Compare(a.value, b.value) < 0;
  };
  const bool has_nan = std::any_of(events.begin(), events.end(), [](const NaiveEvent& event) {
    const auto* number = std::get_if<double>(&event.value.data);
    return number != nullptr && std::isnan(*number);
  });
  switch (aggregation.operation) {
    case conf::Operation::kCount:
      return types::Value(count);
    case conf::Operation::kSum:
      if (type.IsFloating()) return types::Value(NaiveFloatingSum(events));
      return types::Value(static_cast<int64_t>(NaiveIntegerSum(events)));
    case conf::Operation::kAverage:
      return types::Value((type.IsFloating() ? NaiveFloatingSum(events)
                                             : static_cast<double>(NaiveIntegerSum(events))) /
                          static_cast<double>(count));
    case conf::Operation::kVariance:
    case conf::Operation::kSkew:
    case conf::Operation::kKurtosis:
      return types::Value(NaiveMoment(aggregation.operation, events));
    case conf::Operation::kMin:
      if (has_nan) return types::Value(std::numeric_limits<double>::quiet_NaN());
      return std::min_element(events.begin(), events.end(), by_value)->value;
    case conf::Operation::kMax:
      if (has_nan) return types::Value(std::numeric_limits<double>::quiet_NaN());
      return std::max_element(events.begin(), events.end(), by_value)->value;
    case conf::Operation::kUniqueCount:
      return types::Value(static_cast<int64_t>(NaiveUnique(events).size()));
    case conf::Operation::kBoundedUniqueCount: {
      const auto k = aggregation.arguments.find("k");
      const int64_t bound = k == aggregation.arguments.end() ? 8 : std::stol(k->second);
      return types::Value(std::min(bound, static_cast<int64_t>(NaiveUnique(events).size())));
    }
    case conf::Operation::kHistogram:
      return NaiveHistogram(aggregation, events);
    case conf::Operation::kApproxUniqueCount:
    case conf::Operation::kApproxPercentile:
    case conf::Operation::kApproxHistogramK:
    case conf::Operation::kApproxFrequentK:
    case conf::Operation::kApproxHeavyHittersK:
      return NaiveExact(aggregation, events);
    default:
      return NaivePick(aggregation, std::move(events));
  }
}

inline bool NaiveInside(int64_t time, int64_t query, const conf::AggregationOutput& output,
                        bool exact_windows = false) {
  if (time >= query) return false;
  if (!output.windowed) return true;
  constexpr int64_t kMinute = 60'000;
  const int64_t length = output.window.Length().count();
  if (exact_windows) return time >= query - length;
  const int64_t hop = length >= 12 * 24 * 60 * kMinute ? 24 * 60 * kMinute
                      : length >= 12 * 60 * kMinute    ? 60 * kMinute
                                                       : 5 * kMinute;
  int64_t tail = (query - length) / hop * hop;
  if (tail > query - length) tail -= hop;
  return time >= tail;
}

// Equal; for moments within 1e-12 of the larger, or of one where the definition subtracts (a skew
// or an excess kurtosis near zero); for what approximates, within its bound.
inline bool AgreesWithNaive(const conf::Aggregation& aggregation, const types::Value& answer,
                            const types::Value& naive) {
  const bool variance = aggregation.operation == conf::Operation::kVariance;
  const bool subtracts = aggregation.operation == conf::Operation::kSkew ||
                         aggregation.operation == conf::Operation::kKurtosis;
  const auto* list = std::get_if<types::ValueList>(&answer.data);
  const auto* naive_list = std::get_if<types::ValueList>(&naive.data);
  if (aggregation.element_wise && list != nullptr && naive_list != nullptr) {
    conf::Aggregation each = aggregation;
    each.element_wise = false;
    return std::equal(list->begin(), list->end(), naive_list->begin(), naive_list->end(),
                      [&](const auto& a, const auto& b) { return AgreesWithNaive(each, a, b); });
  }
  const auto* answers = std::get_if<types::ValueMap>(&answer.data);
  const auto* naives = std::get_if<types::ValueMap>(&naive.data);
  if (answers != nullptr && naives != nullptr) {
    // By bucket or by key of a map the values are maps again.
    if (IsFrequent(aggregation.operation) && !aggregation.element_wise &&
        !std::holds_alternative<types::ValueMap>(naives->front().second.data)) {
      return AgreesWithFrequent(aggregation, *answers, *naives);
    }
    return std::equal(answers->begin(), answers->end(), naives->begin(), naives->end(),
                      [&](const auto& a, const auto& b) {
                        return a.first == b.first &&
                               AgreesWithNaive(aggregation, a.second, b.second);
                      });
  }
  if (aggregation.operation == conf::Operation::kApproxPercentile) {
    return AgreesWithPercentiles(answer, naive);
  }
  const auto* count = std::get_if<int64_t>(&answer.data);
  const auto* exact = std::get_if<int64_t>(&naive.data);
  if (aggregation.operation == conf::Operation::kApproxUniqueCount && count != nullptr &&
      exact != nullptr) {
    return AgreesWithCount(aggregation, *count, *exact);
  }
  const auto* x = std::get_if<double>(&answer.data);
  const auto* y = std::get_if<double>(&naive.data);
  if (x == nullptr || y == nullptr || (!variance && !subtracts)) return answer == naive;
  const double scale = std::max({std::fabs(*x), std::fabs(*y), subtracts ? 1.0 : 0.0});
  return answer == naive || std::fabs(*x - *y) <= 1e-12 * scale;
}

// Whether equal inputs make equal states, and so equal bytes, whatever order of updates and merges
// led there. Not those sketches whose state tells that order: KLL, which throws away every other
// sample when it is full, and frequent items, which throws away what was rare then. Their answers
// are compared.
inline bool IsCanonical(conf::Operation operation) {
  switch (operation) {
    case conf::Operation::kApproxPercentile:
    case conf::Operation::kApproxHistogramK:
    case conf::Operation::kApproxFrequentK:
    case conf::Operation::kApproxHeavyHittersK:
      return false;
    default:
      return true;
  }
}

// What one row gives: by key (of the bucket, of the map, else "") the values that are not null.
using NaiveByKey = std::map<std::string, std::vector<NaiveEvent>>;
inline void NaiveSpread(const types::Value& value, const std::string& key, NaiveEvent event,
                        NaiveByKey* by_key) {
  if (value.is_null()) return;
  if (const auto* list = std::get_if<types::ValueList>(&value.data)) {
    for (const types::Value& element : *list) NaiveSpread(element, key, event, by_key);
  } else if (const auto* map = std::get_if<types::ValueMap>(&value.data)) {
    for (const auto& [name, mapped] : *map) {
      NaiveSpread(mapped, std::get<std::string>(name.data), event, by_key);
    }
  } else {
    event.value = value;
    (*by_key)[key].push_back(event);
  }
}

// A list or a map as one value: maps by key.
inline types::Value NaiveWhole(types::Value value, const types::DataType& type) {
  if (auto* list = std::get_if<types::ValueList>(&value.data)) {
    for (types::Value& element : *list) element = NaiveWhole(element, type.children[0]);
  } else if (auto* map = std::get_if<types::ValueMap>(&value.data)) {
    const bool fields = type.kind == types::Kind::kStruct;
    for (size_t i = 0; i < map->size(); ++i) {
      (*map)[i].second = NaiveWhole((*map)[i].second, type.children[fields ? i : 1]);
    }
    if (!fields) {
      std::sort(map->begin(), map->end(),
                [](const auto& a, const auto& b) { return types::Compare(a.first, b.first) < 0; });
    }
  }
  return value;
}

// Of lists, position by position; null when they are not of one length.
inline types::Value NaiveElementWise(const conf::Aggregation& aggregation,
                                     const types::DataType& element,
                                     const std::vector<NaiveEvent>& lists) {
  types::ValueList answers;
  const auto length = [](const NaiveEvent& event) {
    return std::get<types::ValueList>(event.value.data).size();
  };
  for (const NaiveEvent& event : lists) {
    if (length(event) != length(lists.front())) return types::Value();
  }
  for (size_t i = 0; i < length(lists.front()); ++i) {
    std::vector<NaiveEvent> events;
    for (NaiveEvent event : lists) {
      const types::Value at = std::get<types::ValueList>(event.value.data)[i];
      event.value = at;
      if (!at.is_null()) events.push_back(event);
    }
    answers.push_back(NaiveAnswer(aggregation, element, std::move(events)));
  }
  return types::Value(std::move(answers));
}

// One answer per output, for the events `rows` of one key.
inline std::vector<types::Value> NaiveOutputs(const conf::GroupBy& group_by,
                                              const types::Batch& batch,
                                              std::span<const int64_t> event_times,
                                              std::span<const uint64_t> source_orders,
                                              std::span<const uint32_t> rows, int64_t query) {
  using types::Value;
  std::vector<Value> answers;
  for (const conf::AggregationOutput& output : conf::OutputsOf(group_by)) {
    const conf::Aggregation& aggregation = group_by.aggregations[output.aggregation];
    const types::Column& column = *batch.Find(aggregation.input_column);
    const types::Column* bucket = output.bucket.empty() ? nullptr : batch.Find(output.bucket);
    using conf::Operation;
    const bool timed =
        aggregation.operation == Operation::kFirst || aggregation.operation == Operation::kLast ||
        aggregation.operation == Operation::kFirstK || aggregation.operation == Operation::kLastK;
    const bool whole = timed || aggregation.element_wise;
    NaiveByKey inside;
    for (const uint32_t row : rows) {
      if (!NaiveInside(event_times[row], query, output, group_by.exact_windows)) continue;
      if (bucket != nullptr && bucket->IsNull(row)) continue;
      const std::string key = bucket == nullptr ? "" : std::string(bucket->Text(row));
      const NaiveEvent event{event_times[row], source_orders[row],
                             whole ? NaiveWhole(column.ValueAt(row), column.type()) : Value()};
      if (!whole) {
        NaiveSpread(column.ValueAt(row), key, event, &inside);
      } else if (!event.value.is_null() &&
                 !(aggregation.element_wise && event.value == Value(types::ValueList()))) {
        inside[key].push_back(event);
      }
    }
    const bool keyed = bucket != nullptr || (!whole && column.type().kind == types::Kind::kMap);
    const types::DataType& element =
        column.type().children.empty() ? column.type() : column.type().children.back();
    types::ValueMap map;
    for (auto& [key, events] : inside) {
      map.emplace_back(key, aggregation.element_wise
                                ? NaiveElementWise(aggregation, element, events)
                                : NaiveAnswer(aggregation, element, std::move(events)));
    }
    if (map.empty()) {
      answers.emplace_back();
    } else if (keyed) {
      answers.emplace_back(std::move(map));
    } else {
      const auto* number = std::get_if<double>(&map[0].second.data);
      answers.push_back(number != nullptr && !std::isfinite(*number) ? types::Value()
                                                                     : map[0].second);
    }
  }
  return answers;
}

}  // namespace catena::testing
