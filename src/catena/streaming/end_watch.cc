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

std::shared_ptr<const EndWatch::Look> EndWatch::Ask() {
  const std::lock_guard lock(mutex_);
  if (asked_ == nullptr) asked_ = std::make_shared<Look>();
  asked_for_.notify_one();
  return asked_;
}

Result<const EndWatch::Ends*> EndWatch::Answer(const Look& look) const {
  const std::lock_guard lock(mutex_);
  if (look.ends) return &*look.ends;
  if (!failure_.ok()) return failure_.error();
  return nullptr;
}

void EndWatch::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (asked_for_.wait(lock, stop, [this] { return asked_ != nullptr; })) {
    const std::shared_ptr<Look> look = std::move(asked_);
    asked_ = nullptr;
    lock.unlock();
    const Timestamp began = clock_->Now();
    Result<std::vector<topic::Offset>> offsets = reader_->EndOffsets();
    lock.lock();
    if (offsets.ok()) {
      look->ends = Ends{began, std::move(*offsets)};
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
