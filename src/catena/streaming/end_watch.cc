// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/end_watch.h"

#include <utility>

namespace catena::streaming {

Result<std::unique_ptr<EndWatch>> EndWatch::Open(const topic::TopicAddress& topic,
                                                 const Clock* clock,
                                                 std::function<void()> on_answer) {
  CATENA_TRY(auto reader, topic::OpenTopicReader(topic));
  return std::unique_ptr<EndWatch>(new EndWatch(std::move(reader), clock, std::move(on_answer)));
}

EndWatch::EndWatch(std::unique_ptr<topic::TopicReader> reader, const Clock* clock,
                   std::function<void()> on_answer)
    : reader_(std::move(reader)),
      clock_(clock),
      on_answer_(std::move(on_answer)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

EndWatch::~EndWatch() {
  thread_.request_stop();
  thread_.join();
}

uint64_t EndWatch::Ask() {
  const std::lock_guard lock(mutex_);
  asked_ = begun_ + 1;
  asked_for_.notify_one();
  return asked_;
}

Result<std::shared_ptr<const EndWatch::Ends>> EndWatch::Answer(uint64_t look) const {
  const std::lock_guard lock(mutex_);
  if (!failure_.ok()) return failure_.error();
  if (newest_ == nullptr || newest_->look < look) return std::shared_ptr<const Ends>();
  return newest_;
}

void EndWatch::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (asked_for_.wait(lock, stop, [this] { return asked_ > begun_; })) {
    const uint64_t look = ++begun_;
    lock.unlock();
    const Timestamp began = clock_->Now();
    Result<std::vector<topic::Offset>> offsets = reader_->EndOffsets();
    lock.lock();
    if (offsets.ok()) {
      newest_ = std::make_shared<const Ends>(Ends{look, began, std::move(*offsets)});
    } else {
      failure_ = offsets.error();
    }
    lock.unlock();
    on_answer_();
    if (!offsets.ok()) return;
    lock.lock();
  }
}

}  // namespace catena::streaming
