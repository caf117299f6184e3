// SPDX-License-Identifier: Apache-2.0
// Boxed: a value on the heap that is made when first needed, and copied deep.
//
// An IR slot is copied, and held empty, far more often than it is filled; large states hang off it.

#pragma once

#include <memory>
#include <utility>

namespace catena::aggregate {

template <typename T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(const Boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) {
    if (this == &other) return *this;
    if (value_ != nullptr && other.value_ != nullptr) {
      *value_ = *other.value_;  // Reuses its memory.
    } else {
      value_ = other ? std::make_unique<T>(*other) : nullptr;
    }
    return *this;
  }
  Boxed& operator=(Boxed&&) noexcept = default;

  explicit operator bool() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

  // The value, made of `arguments` when there is none yet.
  template <typename... Arguments>
  T& Make(Arguments&&... arguments) {
    if (value_ == nullptr) value_ = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace catena::aggregate
