// SPDX-License-Identifier: Apache-2.0
// Heart: tells the next stage, in the topic of enriched rows, how far this one is.
//
//     rows published since the last beat    within 50 ms
//     only the clock has moved              every second
//
//   errors   those of the topic, kUnavailable where memory ran out: told by failure(), and no more
//            beats
//   threads  its own; failure() may be called by any

#pragma once

#include <mutex>
#include <thread>

#include "catena/streaming/progress.h"
#include "catena/streaming/publish/publisher.h"

namespace catena::streaming {

class Heart {
 public:
  // Both outlive it; `progress` has the partitions of the left topic under the publisher's name.
  Heart(Publisher* publisher, const Progress* progress)
      : publisher_(publisher), progress_(progress) {}
  void Start();
  // Tells all that is known, and nothing from then on: once no more rows are published.
  Status Finish();
  Status failure() const;

 private:
  void Run(const std::stop_token& stop);
  Heartbeat Listen() const;
  Status BeatUntil(const std::stop_token& stop);

  Publisher* publisher_;
  const Progress* progress_;
  mutable std::mutex mutex_;  // Guards failure_.
  Status failure_;
  std::jthread thread_;
};

}  // namespace catena::streaming
