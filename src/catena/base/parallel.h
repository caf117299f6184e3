// SPDX-License-Identifier: Apache-2.0
// ParallelFor: the same work for each number below a count, on several threads; ParallelRanges: for
// ranges of them.
//
//   order    each thread takes the next number when it is done with one; the caller works, too
//   errors   the error of the smallest number that failed; numbers not yet begun are then left out
//   threads  `work` is called from up to `threads` threads at once, never twice for one number

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "catena/base/check.h"
#include "catena/base/result.h"

namespace catena {

// work(size_t number) -> Status.
template <typename Work>
Status ParallelFor(size_t count, int threads, const Work& work) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  size_t failed = count;
  Status first_failure;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) {
      const Status status = work(i);
      if (status.ok()) continue;
      next = count;
      const std::lock_guard lock(mutex);
      if (i < failed) {
        failed = i;
        first_failure = status;
      }
      return;
    }
  };
  std::vector<std::thread> others;
  const size_t wanted = std::min(count, static_cast<size_t>(std::max(1, threads)));
  for (size_t i = 1; i < wanted; ++i) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
  return first_failure;
}

// work(size_t begin, size_t end), which cannot fail, for ranges that make up [0, count).
template <typename Work>
void ParallelRanges(size_t count, int threads, const Work& work) {
  constexpr size_t kRange = 65536;
  const Status done = ParallelFor((count + kRange - 1) / kRange, threads, [&](size_t i) {
    work(i * kRange, std::min(count, (i + 1) * kRange));
    return Status();
  });
  CATENA_CHECK(done.ok(), "work on ranges cannot fail");
}

}  // namespace catena
