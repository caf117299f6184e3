// SPDX-License-Identifier: Apache-2.0
// ForSeeds: runs a property over many seeds and names the one that failed.
//
//   input   CATENA_SEED=<n> runs seed n alone; CATENA_CASES=<n> runs n seeds instead of the default
//   output  gtest failures, each traced with the CATENA_SEED that repeats it; stops at the first
//   order   seeds follow from the test's own default, so that two runs are the same run

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "catena/base/random.h"

namespace catena::testing {

// body(Random& random) makes one case and its expectations.
template <typename Body>
void ForSeeds(uint64_t cases, Body body) {
  const char* only = std::getenv("CATENA_SEED");
  const char* asked = std::getenv("CATENA_CASES");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 20'000'000;
  uint64_t count = asked != nullptr ? std::strtoull(asked, nullptr, 10) : cases;
  if (only != nullptr && asked == nullptr) count = 1;
  for (uint64_t i = 0; i < count; ++i) {
    SCOPED_TRACE("repeat with CATENA_SEED=" + std::to_string(first + i));
    Random random(first + i);
    body(random);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace catena::testing
