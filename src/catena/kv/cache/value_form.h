// SPDX-License-Identifier: Apache-2.0
// ValueForm: how the writer of a dataset has its values while a CachedStore holds or keeps them.
//
//     held, kept   the writer's form: what costs it the least to write and to read back
//     stored       what all others see, and what a commit stores
//
// A value that is written again and again before a commit is then encoded once, by the commit.
//
//   order    ToStored of what ToHeld made is what ToHeld was given
//   threads  every call may run concurrently with every other

#pragma once

#include <string>
#include <string_view>

#include "catena/base/time.h"

namespace catena::kv {

class ValueForm {
 public:
  virtual ~ValueForm() = default;
  // Both append.
  virtual void ToStored(std::string_view held, Timestamp time, std::string* stored) const = 0;
  virtual void ToHeld(std::string_view stored, std::string* held) const = 0;
};

}  // namespace catena::kv
