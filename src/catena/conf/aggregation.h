// SPDX-License-Identifier: Apache-2.0
// Aggregation: one operation over one input column, in several windows and buckets.
//
//   source  Chronon api.thrift Aggregation, Window, TimeUnit (Z's MINUTES)

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/time.h"
#include "catena/conf/operations.h"

namespace catena::conf {

#define CATENA_ENUMERATOR(enumerator, name, chronon, zipline) enumerator,
enum class Operation : uint8_t { CATENA_OPERATIONS(CATENA_ENUMERATOR) };
#undef CATENA_ENUMERATOR

// Every one, in the order of the list.
#define CATENA_VALUE(enumerator, name, chronon, zipline) Operation::enumerator,
inline constexpr Operation kEveryOperation[] = {CATENA_OPERATIONS(CATENA_VALUE)};
#undef CATENA_VALUE

// "LAST_K": as Chronon's confs and documents spell it.
std::string OperationName(Operation operation);

enum class TimeUnit : uint8_t { kHours = 0, kDays = 1, kMinutes = 2 };

struct Window {
  int32_t length = 0;
  TimeUnit unit = TimeUnit::kDays;

  Millis Length() const {
    switch (unit) {
      case TimeUnit::kHours:
        return std::chrono::hours{length};
      case TimeUnit::kDays:
        return std::chrono::days{length};
      case TimeUnit::kMinutes:
        return std::chrono::minutes{length};
    }
    return Millis{0};
  }
  // "7d", "1h", "5m".
  std::string Suffix() const;
  bool operator==(const Window&) const = default;
};

struct Aggregation {
  std::string input_column;
  Operation operation = Operation::kLast;
  std::map<std::string, std::string> arguments;  // "k", "percentiles".
  std::vector<Window> windows;                   // Empty: one unwindowed value.
  std::vector<std::string> buckets;
  bool element_wise = false;
};

}  // namespace catena::conf
