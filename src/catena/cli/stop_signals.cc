// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/stop_signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

namespace catena::cli {
namespace {

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that went away is an error of the write, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  waiter_ = std::jthread([this](std::stop_token quit) {
    const sigset_t waited = Signals();
    const timespec pause{0, 50'000'000};
    while (!quit.stop_requested()) {
      const int number = sigtimedwait(&waited, nullptr, &pause);
      if (number <= 0) continue;
      if (signal_ != 0) _exit(128 + number);
      signal_ = number;
      source_.request_stop();
    }
  });
}

StopSignals::~StopSignals() {
  waiter_.request_stop();
  waiter_.join();
}

bool StopSignals::Sleep(Millis duration) const {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, source_.get_token(), duration, [] { return false; });
  return asked();
}

}  // namespace catena::cli
