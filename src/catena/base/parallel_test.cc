// SPDX-License-Identifier: Apache-2.0
#include "catena/base/parallel.h"

#include <gtest/gtest.h>

namespace catena {
namespace {

TEST(ParallelFor, DoesEachNumberOnce) {
  for (const int threads : {-1, 1, 2, 7}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{3}, size_t{1000}}) {
      std::vector<std::atomic<int>> times(count);
      EXPECT_TRUE(ParallelFor(count, threads, [&](size_t i) {
                    ++times[i];
                    return Status();
                  }).ok());
      for (const auto& done : times) EXPECT_EQ(done, 1);
    }
  }
}

TEST(ParallelFor, GivesTheSmallestFailureAndStops) {
  std::atomic<int> done = 0;
  const Status status = ParallelFor(100000, 3, [&](size_t i) -> Status {
    ++done;
    if (i >= 10) return InvalidData("number " + std::to_string(i));
    return Status();
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "number 10");
  EXPECT_LE(done, 13);
}

}  // namespace
}  // namespace catena
