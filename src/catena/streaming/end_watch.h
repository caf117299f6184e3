// SPDX-License-Identifier: Apache-2.0
// EndWatch: the ends of a topic's partitions as of moments asked for, looked up beside the workers.
//
//     Ask -> look ... other work ... Answer(look): not yet ... Answer(look): the ends
//
// A broker answers after a millisecond or so, and one look-up serves all who asked before it began.
// Its answer stays what it is however late it is asked for: who waits for what was there then does
// not wait for what came meanwhile.
//
//   errors   the topic's; from then on for good: a job begins anew with another EndWatch
//   threads  every call may run concurrently with every other; none waits for the topic

#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "catena/base/clock.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

class EndWatch {
 public:
  struct Ends {
    Timestamp began;  // All that was appended before then lies before the offsets.
    std::vector<topic::Offset> offsets;  // By partition.
  };
  struct Look {
    std::optional<Ends> ends;  // Read through Answer; set once.
  };

  // `on_answer` is called after every look-up, by its thread. `clock` outlives it.
  static Result<std::unique_ptr<EndWatch>> Open(
      const topic::TopicAddress& topic, const Clock* clock,
      std::function<void()> on_answer = [] {});
  ~EndWatch();

  // The first look-up that begins from now on.
  std::shared_ptr<const Look> Ask();
  // Lives as long as the look; null while there is none.
  Result<const Ends*> Answer(const Look& look) const;

 private:
  EndWatch(std::unique_ptr<topic::TopicReader> reader, const Clock* clock,
           std::function<void()> on_answer);
  void Run(const std::stop_token& stop);

  std::unique_ptr<topic::TopicReader> reader_;
  const Clock* clock_;
  std::function<void()> on_answer_;
  mutable std::mutex mutex_;  // Guards all below but the thread.
  std::condition_variable_any asked_for_;
  std::shared_ptr<Look> asked_;  // That has not begun; null: none.
  Status failure_;
  std::jthread thread_;
};

}  // namespace catena::streaming
