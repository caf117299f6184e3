// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/unset_vector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>

namespace catena::batch {
namespace {

TEST(UnsetVectorTest, KeepsWhatWasWrittenWhileItGrows) {
  UnsetVector<int64_t> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 5);
  numbers.resize(100'000);
  numbers.push_back(-1);
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(numbers[static_cast<size_t>(i)], i + 5);
  EXPECT_EQ(numbers.back(), -1);
  EXPECT_EQ(numbers.size(), 100'001u);
}

TEST(UnsetVectorTest, SetsWhatItIsTold) {
  UnsetVector<uint32_t> numbers(3, 7);
  numbers.resize(5, 9);
  EXPECT_EQ(numbers, (UnsetVector<uint32_t>{7, 7, 7, 9, 9}));
  EXPECT_EQ((UnsetVector<uint32_t>(numbers)), numbers);
}

}  // namespace
}  // namespace catena::batch
