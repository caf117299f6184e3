// SPDX-License-Identifier: Apache-2.0
// ForSeeds: runs a property over many seeds and names the one that failed.
//
//   input   CATENA_SEED=<n> runs seed n alone, or from n on; CATENA_CASES=<n> runs n seeds instead
//           of the default; CATENA_TIMES=<n> n times the default (`make fuzz`)
//   output  gtest failures, each traced with the command that repeats it; stops at the first.
//           "<n> property cases" on the standard output, which tools/run_tests.py adds up
//   order   seeds follow from the test's own default, so that two runs are the same run

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <type_traits>

#include "catena/base/random.h"

namespace catena::testing {

// Absent: 0.
inline uint64_t NumberFromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

// Expectations about all cases together hold only when no one asked for other cases.
inline bool DefaultCases() {
  return std::getenv("CATENA_SEED") == nullptr && std::getenv("CATENA_CASES") == nullptr;
}

// body(Random&), or body(Random&, uint64_t seed) to walk a table by seed, makes one case and its
// expectations.
template <typename Body>
void ForSeeds(uint64_t cases, Body body) {
  const uint64_t asked_seed = NumberFromEnvironment("CATENA_SEED");
  const uint64_t asked_cases = NumberFromEnvironment("CATENA_CASES");
  const uint64_t times = NumberFromEnvironment("CATENA_TIMES");
  const uint64_t first = asked_seed != 0 ? asked_seed : 20'000'000;
  uint64_t count = asked_seed != 0 && times == 0 ? 1 : cases * std::max(times, uint64_t{1});
  if (asked_cases != 0) count = asked_cases;
  const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(test.test_suite_name()) + "." + test.name();
  const std::string program = " " + ::testing::internal::GetArgvs()[0] + " --gtest_filter=" + name;
  const uint64_t tenth = std::max(count / 10, uint64_t{1});
  for (uint64_t i = 0; i < count; ++i) {
    if (times > 1 && i % tenth == 0) {
      std::cout << name << ": " << i << " of " << count << ", from seed " << first << std::endl;
    }
    SCOPED_TRACE("repeat with CATENA_SEED=" + std::to_string(first + i) + program);
    Random random(first + i);
    try {
      if constexpr (std::is_invocable_v<Body, Random&, uint64_t>) {
        body(random, first + i);
      } else {
        body(random);
      }
    } catch (const std::exception& error) {
      ADD_FAILURE() << "thrown: " << error.what();  // Here the trace still names the seed.
    }
    if (::testing::Test::HasFailure()) return;
  }
  std::cout << count << " property cases" << std::endl;
}

}  // namespace catena::testing
