// SPDX-License-Identifier: Apache-2.0
#include "catena/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace catena {

void CheckFailed(const char* condition, std::string_view message, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s: %.*s (%s:%d)\n", condition,
               static_cast<int>(message.size()), message.data(), file, line);
  std::abort();
}

}  // namespace catena
