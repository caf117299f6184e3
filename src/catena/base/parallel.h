// SPDX-License-Identifier: Apache-2.0
// ParallelFor: the same work for each number below a count, on several threads; ParallelEach: work
// that cannot fail; ParallelRanges: for ranges of numbers; ParallelSort: what std::sort does;
// Contained: work of a thread that has nobody who catches what it throws.
//
//   order    each thread takes the next number when it is done with one; the caller works, too
//   errors   the error of the smallest number that failed; numbers not yet begun are then left out.
//            What is thrown, for memory ran out, is thrown on to the caller when all have ended
//   threads  `work` is called from up to `threads` threads at once, never twice for one number

#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
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
  std::exception_ptr thrown;
  const auto run = [&] {
    try {
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
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      thrown = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  const size_t wanted = std::min(count, static_cast<size_t>(std::max(1, threads)));
  others.reserve(wanted);
  try {
    while (others.size() + 1 < wanted) others.emplace_back(run);
  } catch (const std::system_error&) {  // No more threads are to be had: those that are do it all.
  }
  run();
  for (std::thread& other : others) other.join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
  return first_failure;
}

// work(size_t number), which cannot fail.
template <typename Work>
void ParallelEach(size_t count, int threads, const Work& work) {
  const Status done = ParallelFor(count, threads, [&](size_t i) {
    work(i);
    return Status();
  });
  CATENA_CHECK(done.ok(), "work that cannot fail");
}

// work(size_t begin, size_t end), which cannot fail, for ranges that make up [0, count).
template <typename Work>
void ParallelRanges(size_t count, int threads, const Work& work) {
  constexpr size_t kRange = 65536;
  ParallelEach((count + kRange - 1) / kRange, threads,
               [&](size_t i) { work(i * kRange, std::min(count, (i + 1) * kRange)); });
}

// Values that are equal come in any order.
template <typename T, typename Less>
void ParallelSort(std::vector<T>* values, int threads, const Less& less) {
  constexpr size_t kWorthAThread = 16384;
  size_t parts = std::clamp<size_t>(values->size() / kWorthAThread, 1,
                                    static_cast<size_t>(std::max(1, threads)));
  const auto at = [&](size_t part, size_t of) {
    return values->begin() + static_cast<std::ptrdiff_t>(values->size() * part / of);
  };
  parts = std::bit_floor(parts);
  ParallelEach(parts, threads, [&](size_t i) { std::sort(at(i, parts), at(i + 1, parts), less); });
  for (; parts > 1; parts /= 2) {
    ParallelEach(parts / 2, threads, [&](size_t i) {
      std::inplace_merge(at(2 * i, parts), at(2 * i + 1, parts), at(2 * i + 2, parts), less);
    });
  }
}

// What work() -> Status or Result throws, where memory or threads ran out, is kUnavailable of
// `who`: what it works on is whole, and can be gone on with later.
template <typename Work>
std::invoke_result_t<Work> Contained(std::string_view who, const Work& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return Unavailable(std::string(who) + " stopped: " + error.what());
  }
}

}  // namespace catena
