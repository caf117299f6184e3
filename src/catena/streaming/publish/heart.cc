// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/heart.h"

#include <chrono>
#include <condition_variable>
#include <string>
#include <utility>

#include "catena/base/parallel.h"

namespace catena::streaming {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAfterRows{50};
constexpr std::chrono::milliseconds kWhileIdle{1000};
constexpr char kWho[] = "the heart of a stage";

}  // namespace

void Heart::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

Status Heart::Finish() {
  thread_ = std::jthread();
  CATENA_RETURN_IF_ERROR(failure());
  return Contained(kWho, [this] { return publisher_->Beat(Listen()); });
}

Status Heart::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

// Watermarks are read before the beat is appended, and are raised after the rows that they speak of
// were.
Heartbeat Heart::Listen() const {
  Heartbeat heartbeat;
  heartbeat.partitions = progress_->Partitions(publisher_->name());
  heartbeat.covered_from = publisher_->covered_from();
  for (int32_t p = 0; p < heartbeat.partitions; ++p) {
    const int64_t watermark = progress_->Cell(publisher_->name(), p).watermark.load();
    if (watermark != INT64_MIN) heartbeat.watermarks[p] = watermark;
  }
  return heartbeat;
}

void Heart::Run(const std::stop_token& stop) {
  Status ran = Contained(kWho, [&] { return BeatUntil(stop); });
  const std::lock_guard lock(mutex_);
  failure_ = std::move(ran);
}

Status Heart::BeatUntil(const std::stop_token& stop) {
  std::mutex never_shared;
  std::condition_variable_any sleep;
  Heartbeat told;
  int64_t rows_told = 0;
  Steady::time_point told_at;
  while (!stop.stop_requested()) {
    const int64_t rows = publisher_->rows_published();
    const Heartbeat heartbeat = Listen();
    const bool is_due = rows != rows_told || Steady::now() - told_at >= kWhileIdle;
    if (is_due && heartbeat.watermarks != told.watermarks) {
      CATENA_RETURN_IF_ERROR(publisher_->Beat(heartbeat));
      told = heartbeat;
      rows_told = rows;
      told_at = Steady::now();
    }
    std::unique_lock lock(never_shared);
    sleep.wait_for(lock, stop, kAfterRows, [] { return false; });
  }
  return Status();
}

}  // namespace catena::streaming
