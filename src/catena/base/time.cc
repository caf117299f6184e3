// SPDX-License-Identifier: Apache-2.0
#include "catena/base/time.h"

#include <cstdio>

namespace catena {
namespace {

bool ReadDigits(std::string_view text, size_t from, size_t count, int* value) {
  *value = 0;
  for (size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    *value = *value * 10 + (text[i] - '0');
  }
  return true;
}

}  // namespace

std::string FormatDate(Date date) {
  const std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{date.days}}};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text;
}

Result<Date> ParseDate(std::string_view text) {
  int year = 0, month = 0, day = 0;
  const bool shaped = text.size() == 10 && text[4] == '-' && text[7] == '-' &&
                      ReadDigits(text, 0, 4, &year) && ReadDigits(text, 5, 2, &month) &&
                      ReadDigits(text, 8, 2, &day);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!shaped || !date.ok()) {
    return InvalidConf("not a date, write it as YYYY-MM-DD: \"" + std::string(text) + "\"");
  }
  return Date{static_cast<int32_t>(std::chrono::sys_days{date}.time_since_epoch().count())};
}

std::string FormatTimestamp(Timestamp time) {
  const Date date = Date::Of(time);
  const int64_t rest = (time - date.Start()).count();
  char text[48];
  std::snprintf(text, sizeof text, "T%02d:%02d:%02d.%03dZ", static_cast<int>(rest / 3600000),
                static_cast<int>(rest / 60000 % 60), static_cast<int>(rest / 1000 % 60),
                static_cast<int>(rest % 1000));
  return FormatDate(date) + text;
}

}  // namespace catena
