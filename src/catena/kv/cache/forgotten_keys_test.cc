// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/forgotten_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace catena::kv {
namespace {

std::string KeyOf(int i) { return "key " + std::to_string(i); }

TEST(ForgottenKeysTest, HasWhatWasAddedAndLittleElse) {
  constexpr int kKeys = 4096;
  ForgottenKeys keys(kKeys / 4 * sizeof(uint64_t));
  EXPECT_FALSE(keys.MayHave(KeyOf(0)));
  for (int i = 0; i < kKeys; ++i) keys.Add(KeyOf(i));
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(keys.MayHave(KeyOf(i)));
  int mistaken = 0;
  for (int i = kKeys; i < 11 * kKeys; ++i) mistaken += keys.MayHave(KeyOf(i)) ? 1 : 0;
  EXPECT_LT(mistaken, 10 * kKeys / 50);
  keys.Clear();
  EXPECT_FALSE(keys.MayHave(KeyOf(0)));
}

TEST(ForgottenKeysTest, WithoutMemoryMayHaveAnything) {
  ForgottenKeys keys(0);
  for (int i = 0; i < 1000; ++i) keys.Add(KeyOf(i));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(keys.MayHave(KeyOf(i)));
}

}  // namespace
}  // namespace catena::kv
