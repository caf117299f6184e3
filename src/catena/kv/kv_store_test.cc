// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/kv_store.h"

#include <gtest/gtest.h>

namespace catena::kv {
namespace {

TEST(FlatAnswersTest, WhatWasHandedOutStaysWhileMoreIsAdded) {
  FlatAnswers answers;
  for (int round = 0; round < 3; ++round) {
    answers.Clear();
    for (size_t i = 0; i < 2000; ++i) {
      const std::string bytes(i, static_cast<char>('a' + (i + static_cast<size_t>(round)) % 26));
      answers.Add(FromMillis(static_cast<int64_t>(i)), i, bytes);
      answers.Add(FromMillis(static_cast<int64_t>(i)), i + 1, "second");
      answers.Close();
    }
    ASSERT_EQ(answers.size(), 2000u);
    for (size_t i = 0; i < 2000; ++i) {
      const char letter = static_cast<char>('a' + (i + static_cast<size_t>(round)) % 26);
      ASSERT_EQ(answers[i].size(), 2u);
      EXPECT_EQ(answers[i][0].bytes, std::string(i, letter));
      EXPECT_EQ(answers[i][1].bytes, "second");
      EXPECT_EQ(answers[i][1].sequence, i + 1);
    }
  }
}

TEST(FlatAnswersTest, ALimitKeepsTheNewestOfItsAnswerAlone) {
  FlatAnswers answers;
  answers.Add(FromMillis(1), 0, "of another");
  answers.Close();
  for (int64_t i = 0; i < 5; ++i) answers.Add(FromMillis(i), 0, std::to_string(i));
  answers.Close(2);
  EXPECT_EQ(answers[0].size(), 1u);
  ASSERT_EQ(answers[1].size(), 2u);
  EXPECT_EQ(answers[1][0].bytes, "3");
  EXPECT_EQ(answers[1][1].bytes, "4");
}

TEST(FlatAnswersTest, AFailedAnswerHasNoValuesAndItsNeighboursStay) {
  FlatAnswers answers;
  answers.Add(FromMillis(1), 0, "good");
  answers.Close();
  answers.Add(FromMillis(2), 0, "half read");
  answers.Fail(Unavailable("away"));
  answers.Close();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_TRUE(answers.StatusOf(0).ok());
  EXPECT_EQ(answers.StatusOf(1).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(answers.StatusOf(2).ok());
  EXPECT_EQ(answers[0].size(), 1u);
  EXPECT_TRUE(answers[1].empty());
  EXPECT_TRUE(answers[2].empty());
}

}  // namespace
}  // namespace catena::kv
