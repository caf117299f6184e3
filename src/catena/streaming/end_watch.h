// SPDX-License-Identifier: Apache-2.0
// EndWatch: the ends of a topic's partitions as of moments asked for, looked up beside the workers.
//
//     Ask -> 7 ... other work ... Answer(7): not yet ... Answer(7): look-up 7, or a later one
//
// A broker answers after a millisecond or so, and one look-up serves all who asked before it began.
//
//   errors   the topic's; from then on for good: a job begins anew with another EndWatch
//   threads  every call may run concurrently with every other; none waits for the topic

#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "catena/base/clock.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

class EndWatch {
 public:
  struct Ends {
    uint64_t look = 0;
    Timestamp began;  // All that was appended before then lies before the offsets.
    std::vector<topic::Offset> offsets;  // By partition.
  };

  // `on_answer` is called after every look-up, by its thread. `clock` outlives it.
  static Result<std::unique_ptr<EndWatch>> Open(
      const topic::TopicAddress& topic, const Clock* clock,
      std::function<void()> on_answer = [] {});
  ~EndWatch();

  // The number of the first look-up that begins from now on.
  uint64_t Ask();
  // The newest, if it is this one or a later one; null while there is none.
  Result<std::shared_ptr<const Ends>> Answer(uint64_t look) const;

 private:
  EndWatch(std::unique_ptr<topic::TopicReader> reader, const Clock* clock,
           std::function<void()> on_answer);
  void Run(const std::stop_token& stop);

  std::unique_ptr<topic::TopicReader> reader_;
  const Clock* clock_;
  std::function<void()> on_answer_;
  mutable std::mutex mutex_;  // Guards all below but the thread.
  std::condition_variable_any asked_for_;
  uint64_t asked_ = 0;
  uint64_t begun_ = 0;
  std::shared_ptr<const Ends> newest_;
  Status failure_;
  std::jthread thread_;
};

}  // namespace catena::streaming
