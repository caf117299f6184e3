// SPDX-License-Identifier: Apache-2.0
// StreamingJob: a streaming::StreamJob with the tables and settings of a feature repository.
//
//   errors   those of streaming/job.h
//   threads  Run blocks; CaughtUp may be called from other threads meanwhile

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catena/base/settings.h"
#include "catena/cli/stop_signals.h"
#include "catena/conf/conf.h"
#include "catena/kv/kv_store.h"
#include "catena/plan/chain_stage.h"
#include "catena/sql/database.h"
#include "catena/streaming/job.h"

namespace catena::cli {

struct StreamingRun {
  bool allow_gap = false;
  plan::ChainStage stage = plan::ChainStage::kWhole;
  bool share = false;  // The partitions, with other processes.
};

class StreamingJob {
 public:
  Status Open(const Settings& settings, const std::vector<conf::Conf>& confs, kv::KVStore* store,
              const StreamingRun& run);
  std::string Explain() const { return job_->Explain(); }
  bool CaughtUp() const { return job_->CaughtUp(); }
  // Prints `ready` once everything that was in the topics is in the state.
  Status Run(const StopSignals& signals);

 private:
  std::unique_ptr<sql::Database> database_;  // Outlives the job.
  std::unique_ptr<streaming::StreamJob> job_;
};

}  // namespace catena::cli
