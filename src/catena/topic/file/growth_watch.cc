// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/growth_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "catena/base/log.h"

namespace catena::topic {
namespace {

constexpr Millis kBlindMax{50};         // How long a change that the kernel does not tell waits.
constexpr long kNapNanosMin = 100'000;  // Without watches: from 100 us up to 1 ms.
constexpr long kNapNanosMax = 1'000'000;

FileDescriptor WatchAll(const std::vector<std::string>& folders) {
  FileDescriptor watches(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  for (const std::string& folder : folders) {
    if (!watches.is_open()) break;
    if (inotify_add_watch(watches.get(), folder.c_str(), IN_MODIFY | IN_CREATE) < 0) {
      CATENA_LOG_WARN("topic", "the kernel watches no more folders, polling instead: {}: {}",
                      folder, std::strerror(errno));
      return FileDescriptor();
    }
  }
  if (!watches.is_open()) {
    CATENA_LOG_WARN("topic", "the kernel gives no more watches, polling instead: {}",
                    std::strerror(errno));
  }
  return watches;
}

}  // namespace

GrowthWatch::GrowthWatch(const std::vector<std::string>& folders) : watches_(WatchAll(folders)) {}

GrowthWatch::Wake GrowthWatch::Sleep(Millis at_most) {
  if (!watches_.is_open()) {
    const long nanos = std::min(kNapNanosMax, kNapNanosMin << std::min(naps_, 4));
    const timespec nap{.tv_sec = 0, .tv_nsec = std::min<long>(nanos, at_most.count() * 1'000'000)};
    ++naps_;
    return nanosleep(&nap, nullptr) == 0 ? Wake::kLook : Wake::kSignal;
  }
  pollfd watched{.fd = watches_.get(), .events = POLLIN, .revents = 0};
  const int ready = poll(&watched, 1, static_cast<int>(std::min(kBlindMax, at_most).count()));
  if (ready < 0 && errno == EINTR) return Wake::kSignal;
  alignas(inotify_event) char events[4096];
  while (ready > 0 && read(watches_.get(), events, sizeof(events)) > 0) {
  }
  return Wake::kLook;
}

}  // namespace catena::topic
