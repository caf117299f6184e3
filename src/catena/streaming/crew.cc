// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/crew.h"

#include <algorithm>
#include <chrono>

namespace catena::streaming {
namespace {

// Records that arrive while others wait in the gate are read after this at the latest.
constexpr std::chrono::microseconds kGateWait{1000};

}  // namespace

Status Crew::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    bool worked = false;
    bool waiting = false;
    const uint64_t told = news_->Told();
    for (Worker* worker : workers_) {
      CATENA_TRY(const bool read, worker->Read());
      worked = worked || read;
    }
    AskedLooks asked;
    for (Worker* worker : workers_) {
      CATENA_TRY(const Worker::Turn turn, worker->Work(&asked));
      worked = worked || turn.worked;
      waiting = waiting || turn.waiting;
    }
    if (worked) continue;
    if (waiting) {
      news_->Await(told, kGateWait);
    } else {
      CATENA_RETURN_IF_ERROR(AwaitRecords());
    }
  }
  return Status();
}

// What wakes the one that is furthest behind is there for the others, too.
Status Crew::AwaitRecords() {
  Millis wait = Millis::max();
  Worker* behind = workers_.front();
  for (Worker* worker : workers_) {
    wait = std::min(wait, worker->IdleWait());
    if (worker->Position() < behind->Position()) behind = worker;
  }
  return behind->AwaitRecords(wait);
}

void CrewPlan::Count(const std::string& topic) {
  ++topics_[topic].all;
  ++tasks_;
}

int CrewPlan::ThreadOf(const std::string& topic, bool alone) {
  TopicTasks& of = topics_.at(topic);
  const int at = of.dealt++;
  if (alone || tasks_ <= cores_) return of.all + at;
  const int crews = std::max(1, of.all * cores_ / tasks_);
  return at * crews / of.all;
}

}  // namespace catena::streaming
