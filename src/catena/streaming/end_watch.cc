// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/end_watch.h"

#include <algorithm>
#include <utility>

#include "catena/base/parallel.h"

namespace catena::streaming {
namespace {

constexpr int kAtOnce = 2;

}  // namespace

Result<std::unique_ptr<EndWatch>> EndWatch::Open(const std::vector<topic::TopicAddress>& topics,
                                                 const Clock* clock) {
  CATENA_TRY(auto ends, topic::OpenTopicEnds(topics));
  return std::make_unique<EndWatch>(std::move(ends), clock);
}

EndWatch::EndWatch(std::unique_ptr<topic::TopicEnds> ends, const Clock* clock)
    : ends_(std::move(ends)), clock_(clock) {
  for (int i = 0; i < kAtOnce; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { Run(stop); });
  }
}

EndWatch::~EndWatch() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

std::shared_ptr<const EndWatch::Look> EndWatch::Ask(const std::shared_ptr<News>& asker) {
  const std::lock_guard lock(mutex_);
  if (asked_ == nullptr) asked_ = std::make_shared<Look>();
  std::vector<std::shared_ptr<News>>& askers = asked_->asked_by_;
  if (std::find(askers.begin(), askers.end(), asker) == askers.end()) askers.push_back(asker);
  asked_for_.notify_one();
  return asked_;
}

Result<const EndWatch::Ends*> EndWatch::Answer(const Look& look) const {
  const std::lock_guard lock(mutex_);
  if (look.ends_) return &*look.ends_;
  if (!failure_.ok()) return failure_.error();
  return nullptr;
}

Result<std::vector<std::vector<topic::Offset>>> EndWatch::LookUp() {
  return Contained("a look-up of the ends of topics", [this] { return ends_->Look(); });
}

void EndWatch::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (asked_for_.wait(lock, stop, [this] { return asked_ != nullptr; })) {
    const std::shared_ptr<Look> look = std::move(asked_);
    asked_ = nullptr;
    lock.unlock();
    const Timestamp began = clock_->Now();
    Result<std::vector<std::vector<topic::Offset>>> offsets = LookUp();
    lock.lock();
    if (offsets.ok()) {
      look->ends_ = Ends{began, std::move(*offsets)};
    } else {
      failure_ = offsets.error();
    }
    lock.unlock();
    for (const std::shared_ptr<News>& asker : look->asked_by_) asker->Tell();
    lock.lock();
  }
}

}  // namespace catena::streaming
