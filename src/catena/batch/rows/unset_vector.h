// SPDX-License-Identifier: Apache-2.0
// UnsetVector: a vector of numbers that are not set when it is made of a size: who writes each of
// them on several threads does not wait for one thread to write zeroes first.
//
//   null     none; a number is to be written before it is read
//   threads  as a std::vector

#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::batch {

template <typename T>
struct UnsetAllocator : std::allocator<T> {
  static_assert(std::is_trivial_v<T>);
  template <typename U>
  struct rebind {
    using other = UnsetAllocator<U>;
  };
  template <typename U, typename... Values>
  void construct(U* at, Values&&... values) {
    if constexpr (sizeof...(Values) == 0) {
      ::new (static_cast<void*>(at)) U;
    } else {
      std::construct_at(at, std::forward<Values>(values)...);
    }
  }
};

template <typename T>
using UnsetVector = std::vector<T, UnsetAllocator<T>>;

}  // namespace catena::batch
