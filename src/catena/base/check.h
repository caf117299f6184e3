// SPDX-License-Identifier: Apache-2.0
// CATENA_CHECK: a broken invariant stops the process, in release too.
//
// Only for what no input can cause. What an input can cause is a Result (result.h).

#pragma once

#include <string_view>

namespace catena {

// Prints "CHECK failed: <condition>: <message> (<file>:<line>)" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, std::string_view message, const char* file,
                              int line);

}  // namespace catena

#define CATENA_CHECK(condition, message)                                \
  do {                                                                  \
    if (!(condition)) [[unlikely]] {                                    \
      ::catena::CheckFailed(#condition, (message), __FILE__, __LINE__); \
    }                                                                   \
  } while (false)
