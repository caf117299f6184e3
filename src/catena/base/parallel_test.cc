// SPDX-License-Identifier: Apache-2.0
#include "catena/base/parallel.h"

#include <gtest/gtest.h>

#include <functional>
#include <new>

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

TEST(ParallelFor, ThrowsOnWhatIsThrownWhenAllHaveEnded) {
  for (const int threads : {1, 3}) {
    std::atomic<int> begun = 0, ended = 0;
    EXPECT_THROW(static_cast<void>(ParallelFor(100000, threads,
                                               [&](size_t i) -> Status {
                                                 ++begun;
                                                 if (i == 10) {
                                                   ++ended;
                                                   throw std::bad_alloc();
                                                 }
                                                 ++ended;
                                                 return Status();
                                               })),
                 std::bad_alloc);
    EXPECT_EQ(begun, ended);
    EXPECT_LT(begun, 100000);
  }
}

TEST(Contained, GivesWhatWorkGivesAndTellsWhatItThrows) {
  const Result<int> given = Contained("work", []() -> Result<int> { return 7; });
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(*given, 7);
  const Status thrown = Contained("work", []() -> Status { throw std::bad_alloc(); });
  ASSERT_FALSE(thrown.ok());
  EXPECT_EQ(thrown.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(thrown.error().message, "work stopped: std::bad_alloc");
}

TEST(ParallelSort, SortsAsOneThreadDoes) {
  for (const int threads : {1, 2, 3, 7}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{40000}, size_t{200003}}) {
      std::vector<uint64_t> values;
      for (uint64_t i = 0; i < count; ++i) values.push_back(i * 0x9E3779B97F4A7C15u >> 44);
      std::vector<uint64_t> sorted = values;
      std::sort(sorted.begin(), sorted.end());
      ParallelSort(&values, threads, std::less<>());
      EXPECT_EQ(values, sorted) << count << " on " << threads;
    }
  }
}

}  // namespace
}  // namespace catena
