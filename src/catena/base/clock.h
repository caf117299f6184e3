// SPDX-License-Identifier: Apache-2.0
// Clock: the only place that asks what time it is; the system's, or one that a test moves.
//
//   threads  every call may run concurrently with every other

#pragma once

#include <atomic>

#include "catena/base/time.h"

namespace catena {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp Now() const = 0;
};

// Wall time of the machine. Lives as long as the process.
const Clock& SystemClock();

// Stands still until it is told to move.
class SimulatedClock : public Clock {
 public:
  explicit SimulatedClock(Timestamp start) : now_millis_(ToMillis(start)) {}
  Timestamp Now() const override { return FromMillis(now_millis_.load()); }
  void Advance(Millis by) { now_millis_ += by.count(); }
  void Set(Timestamp time) { now_millis_ = ToMillis(time); }

 private:
  std::atomic<int64_t> now_millis_;
};

}  // namespace catena
