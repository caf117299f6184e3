// SPDX-License-Identifier: Apache-2.0
// Crew: workers of one topic that take turns on one thread.
//
// A deep chain has a task for each of its Joins, all of the same left topic. Where there are more
// tasks than cores their threads would only push each other aside: in turns, parents first, a row
// finds what the task before it has just folded, and nobody is woken for it.
//
//   input    workers of the same partitions that share their News, those looked up first
//   errors   as Worker
//   threads  Run belongs to one thread

#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "catena/streaming/worker.h"

namespace catena::streaming {

class Crew {
 public:
  // What its workers are told by.
  const std::shared_ptr<News>& news() const { return news_; }
  // `worker` outlives the crew.
  void Add(Worker* worker) { workers_.push_back(worker); }
  Status Run(const std::stop_token& stop);

 private:
  Status AwaitRecords();

  std::shared_ptr<News> news_ = std::make_shared<News>();
  std::vector<Worker*> workers_;
};

// Deals the tasks of each topic out to crews: where there are enough cores each is on its own, else
// neighbours in a chain are together. One thread.
class CrewPlan {
 public:
  explicit CrewPlan(int cores) : cores_(cores) {}
  // A task, by its topic; all of them before what is asked below.
  void Count(const std::string& topic);
  // How many cores each task has; none where there are more tasks.
  int CoresOfTask() const { return cores_ / tasks_; }
  // Which of its topic's crews the next task of the topic is in; `alone`: in none with others.
  int ThreadOf(const std::string& topic, bool alone);

 private:
  struct TopicTasks {
    int all = 0;
    int dealt = 0;
  };
  int cores_;
  int tasks_ = 0;
  std::map<std::string, TopicTasks> topics_;
};

}  // namespace catena::streaming
