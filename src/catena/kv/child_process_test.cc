// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/child_process.h"

#include <gtest/gtest.h>

namespace catena::kv {
namespace {

// Before the first test of this program, and instead of it in a child.
class RoleEnvironment : public testing::Environment {
 public:
  void SetUp() override { RunChildRole(); }
};

const testing::Environment* const kRoles = testing::AddGlobalTestEnvironment(new RoleEnvironment);
const bool kRegistered = RegisterChildRole(
    "echo", [](const std::string& argument) { return TellParent(argument) ? 0 : 1; });

TEST(ChildProcessTest, AChildPlaysItsRoleAndNothingElse) {
  ASSERT_TRUE(kRegistered && kRoles != nullptr);
  ChildProcess child("echo", "hello");
  EXPECT_EQ(child.ReadLine(), "hello");
  EXPECT_EQ(child.ReadLine(), "");
  EXPECT_EQ(child.Wait(), 0);
}

}  // namespace
}  // namespace catena::kv
