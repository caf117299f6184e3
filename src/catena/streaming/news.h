// SPDX-License-Identifier: Apache-2.0
// News: wakes one who waits for what others do.
//
//   threads  any may tell; one waits
//   order    told after what it tells of: who reads Told, then looks, then awaits, misses none

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace catena::streaming {

class News {
 public:
  void Tell() {
    const std::lock_guard lock(mutex_);
    ++told_;
    came_.notify_one();
  }
  uint64_t Told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  // Until Told() is another one, at most for a while.
  void Await(uint64_t told, std::chrono::microseconds at_most) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, at_most, [&] { return told_ != told; });
  }

 private:
  mutable std::mutex mutex_;  // Guards told_.
  std::condition_variable came_;
  uint64_t told_ = 0;
};

}  // namespace catena::streaming
