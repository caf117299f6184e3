// SPDX-License-Identifier: Apache-2.0
// Timestamp, Millis, Date: instants, durations and table partitions; UTC only.
//
// Instants are whole milliseconds since 1970-01-01T00:00Z, negative before it. Every division
// rounds toward minus infinity, so that days before 1970 are days too (Chronon truncates to zero).
//
//   errors  ParseDate returns kInvalidConf and names the text it could not read

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena {

using Millis = std::chrono::milliseconds;
using Timestamp = std::chrono::sys_time<Millis>;

inline constexpr Millis kDay = std::chrono::days{1};
inline constexpr Millis kHour = std::chrono::hours{1};
inline constexpr Millis kFiveMinutes = std::chrono::minutes{5};

constexpr Timestamp FromMillis(int64_t millis) { return Timestamp{Millis{millis}}; }
constexpr int64_t ToMillis(Timestamp time) { return time.time_since_epoch().count(); }

// The latest multiple of `step` (> 0) since the epoch that is not after `time`.
constexpr int64_t FloorMillis(int64_t time, int64_t step) {
  const int64_t past = time % step;
  return time - (past < 0 ? past + step : past);
}
constexpr Timestamp FloorTo(Timestamp time, Millis step) {
  return FromMillis(FloorMillis(ToMillis(time), step.count()));
}

// A partition of a table: one UTC day, counted from 1970-01-01.
struct Date {
  int32_t days = 0;

  static Date Of(Timestamp time) {
    return Date{static_cast<int32_t>(ToMillis(FloorTo(time, kDay)) / kDay.count())};
  }
  Timestamp Start() const { return FromMillis(int64_t{days} * kDay.count()); }
  Timestamp End() const { return Start() + kDay; }
  Date operator+(int32_t more) const { return Date{days + more}; }
  Date operator-(int32_t less) const { return Date{days - less}; }
  auto operator<=>(const Date&) const = default;
};

// "2026-11-20".
std::string FormatDate(Date date);
Result<Date> ParseDate(std::string_view text);

// "2026-11-20T13:05:00.123Z".
std::string FormatTimestamp(Timestamp time);

}  // namespace catena
