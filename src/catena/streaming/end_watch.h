// SPDX-License-Identifier: Apache-2.0
// EndWatch: the ends of topics' partitions as of moments asked for, looked up beside the workers.
//
//     Ask -> look ... other work ... Answer(look): not yet ... Answer(look): the ends
//
// A broker answers after a millisecond or so, and one look-up of all topics serves all who asked
// before it began. Two may be under way: who asks when one has just begun does not wait for it. An
// answer stays what it is however late it is asked for: who waits for what was there then does not
// wait for what came meanwhile.
//
//   input    topics of one place (topic::PlaceOf)
//   errors   the topics', kUnavailable where memory ran out; from then on for good: a job begins
//            anew with another EndWatch
//   threads  every call may run concurrently with every other; none waits for the topics

#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "catena/base/clock.h"
#include "catena/streaming/news.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

class EndWatch {
 public:
  struct Ends {
    Timestamp began;  // All that was appended before then lies before the offsets.
    std::vector<std::vector<topic::Offset>> offsets;  // By topic, in their order; by partition.
  };
  class Look {
    friend EndWatch;
    std::optional<Ends> ends_;  // Set once.
    std::vector<std::shared_ptr<News>> asked_by_;
  };

  // `clock` outlives it.
  static Result<std::unique_ptr<EndWatch>> Open(const std::vector<topic::TopicAddress>& topics,
                                                const Clock* clock);
  EndWatch(std::unique_ptr<topic::TopicEnds> ends, const Clock* clock);
  ~EndWatch();

  // The first look-up that begins from now on; `asker` is told when it is answered, or has failed.
  std::shared_ptr<const Look> Ask(const std::shared_ptr<News>& asker);
  // Lives as long as the look; null while there is none.
  Result<const Ends*> Answer(const Look& look) const;

 private:
  void Run(const std::stop_token& stop);
  Result<std::vector<std::vector<topic::Offset>>> LookUp();

  std::unique_ptr<topic::TopicEnds> ends_;
  const Clock* clock_;
  mutable std::mutex mutex_;  // Guards what follows but the threads.
  std::condition_variable_any asked_for_;
  std::shared_ptr<Look> asked_;  // That has not begun; null: none.
  Status failure_;
  std::vector<std::jthread> threads_;
};

// One of the topics of a watch.
struct WatchedTopic {
  EndWatch* watch = nullptr;
  size_t at = 0;  // In Ends::offsets.

  const std::vector<topic::Offset>& Of(const EndWatch::Ends& ends) const {
    return ends.offsets[at];
  }
};

}  // namespace catena::streaming
