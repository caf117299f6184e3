// SPDX-License-Identifier: Apache-2.0
// GrowthWatch: sleeps until a file in one of some folders changes.
//
// The kernel wakes the sleeper (inotify), so waiting costs nothing and a change is seen within some
// ten microseconds. Where the kernel has no watch to give (its number per user is limited) or tells
// nothing (network file systems), the sleeper wakes by itself: the caller looks after every wake.
//
//   errors   none: without watches it sleeps for short times, and says so once in the log
//   threads  belongs to one thread

#pragma once

#include <string>
#include <vector>

#include "catena/base/time.h"
#include "catena/topic/file/file_descriptor.h"

namespace catena::topic {

class GrowthWatch {
 public:
  // Folders stay watched as long as the object lives.
  explicit GrowthWatch(const std::vector<std::string>& folders);

  enum class Wake { kLook, kSignal };
  // Returns after a change since the last call, a signal, or `at_most`; may return early.
  Wake Sleep(Millis at_most);

 private:
  FileDescriptor watches_;
  int naps_ = 0;  // In a row, without watches.
};

}  // namespace catena::topic
