// SPDX-License-Identifier: Apache-2.0
#include "catena/base/log.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "catena/base/clock.h"

namespace catena {
namespace {

LogLevel LevelFromEnvironment() {
  const char* text = std::getenv("CATENA_LOG");
  const std::string_view level = text == nullptr ? "info" : text;
  if (level == "debug") return LogLevel::kDebug;
  if (level == "warn") return LogLevel::kWarn;
  if (level == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace

bool LogEnabled(LogLevel level) {
  static const LogLevel lowest = LevelFromEnvironment();
  return level >= lowest;
}

void WriteLog(LogLevel level, std::string_view event, std::string_view fields) {
  static constexpr std::string_view kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
  const std::string line = fmt::format("{} {} {} {}\n", FormatTimestamp(SystemClock().Now()),
                                       kNames[static_cast<int>(level)], event, fields);
  // One write call a line, so that lines of several processes do not interleave.
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace catena
