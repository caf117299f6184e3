// SPDX-License-Identifier: Apache-2.0
// StopSignals: SIGINT and SIGTERM ask for a stop instead of ending the process.
//
//   threads  made before any other thread, so that those inherit the blocked signals; a second
//            signal while the process is still stopping ends it at once
//   output   ExitCode: 128 + the signal's number when one came, else `otherwise`

#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "catena/base/time.h"

namespace catena::cli {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();

  std::stop_token token() const { return source_.get_token(); }
  void Stop() { source_.request_stop(); }
  bool asked() const { return source_.stop_requested(); }
  // Returns early, with true, when a stop was asked for.
  bool Sleep(Millis duration) const;
  int ExitCode(int otherwise) const { return signal_ == 0 ? otherwise : 128 + signal_; }

 private:
  std::stop_source source_;
  std::atomic<int> signal_ = 0;
  std::jthread waiter_;
};

}  // namespace catena::cli
