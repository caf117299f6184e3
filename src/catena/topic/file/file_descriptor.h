// SPDX-License-Identifier: Apache-2.0
// FileDescriptor: a number of the operating system that is closed once.
//
//   null     a default one is not open: is_open() is false and get() is -1
//   threads  a value of one owner

#pragma once

#include <unistd.h>

#include <utility>

namespace catena::topic {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileDescriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

}  // namespace catena::topic
