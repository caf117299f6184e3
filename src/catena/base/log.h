// SPDX-License-Identifier: Apache-2.0
// Log lines on stderr: time, level, event name, then fields as key=value.
//
// CATENA_LOG_INFO("plan", "path=chain group_by={} reason=JoinSource", name) prints
// "2026-11-20T13:05:00.123Z INFO plan path=chain group_by=... reason=JoinSource".
//
//   threads  every call may run concurrently with every other; a line is written whole
//   source   fmt; the level comes from CATENA_LOG (debug, info, warn, error), info by default

#pragma once

#include <fmt/format.h>

#include <string_view>

namespace catena {

enum class LogLevel : int { kDebug = 0, kInfo = 1, kWarn = 2, kError = 3 };

bool LogEnabled(LogLevel level);
void WriteLog(LogLevel level, std::string_view event, std::string_view fields);

}  // namespace catena

#define CATENA_LOG(level, event, ...)                             \
  do {                                                            \
    if (::catena::LogEnabled(level)) {                            \
      ::catena::WriteLog(level, event, fmt::format(__VA_ARGS__)); \
    }                                                             \
  } while (false)
#define CATENA_LOG_DEBUG(event, ...) CATENA_LOG(::catena::LogLevel::kDebug, event, __VA_ARGS__)
#define CATENA_LOG_INFO(event, ...) CATENA_LOG(::catena::LogLevel::kInfo, event, __VA_ARGS__)
#define CATENA_LOG_WARN(event, ...) CATENA_LOG(::catena::LogLevel::kWarn, event, __VA_ARGS__)
#define CATENA_LOG_ERROR(event, ...) CATENA_LOG(::catena::LogLevel::kError, event, __VA_ARGS__)
