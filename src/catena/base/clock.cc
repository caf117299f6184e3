// SPDX-License-Identifier: Apache-2.0
#include "catena/base/clock.h"

namespace catena {
namespace {

class MachineClock : public Clock {
 public:
  Timestamp Now() const override {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  }
};

}  // namespace

const Clock& SystemClock() {
  static const MachineClock clock;
  return clock;
}

}  // namespace catena
