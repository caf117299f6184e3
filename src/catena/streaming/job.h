// SPDX-License-Identifier: Apache-2.0
// StreamJob: topics into online state, chains included, in one process.
//
//     topic -> decode -> left query -> [gate -> Fetcher -> query]* -> fold -> one atomic write
//                                       \_ a stage of the chain _/      tiles, raw rows, offset
//
// One task per topic and path (plan/streaming_plan.h), one worker thread per share of its
// partitions. The offset is in the same write as the state, so a killed job goes on exactly where
// it was: nothing is lost, nothing counts twice.
//
//   input    confs with their schemas; a store that this process owns; topics
//   output   the online state of every GroupBy (fetch/online_state.h), metrics, reports
//   errors   Open: kInvalidConf and kUnsupported as the plan and the binders say; kNotFound for a
//            topic that does not exist. Run: a dependency that is away stalls the job, which then
//            begins again where its state is; kUnavailable when it is still away while the job
//            stops; kCorruption stops at once and keeps the evidence
//   threads  Run blocks; Reports and Caught may be called from other threads meanwhile
//   source   Chronon JoinSourceRunner, streaming.GroupBy; docs/concepts/chaining.md, delivery.md

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/settings.h"
#include "catena/conf/conf.h"
#include "catena/kv/kv_store.h"
#include "catena/plan/chain_stage.h"
#include "catena/sql/database.h"
#include "catena/streaming/chain_report.h"
#include "catena/streaming/publish/publish_options.h"
#include "catena/streaming/stream_options.h"
#include "catena/topic/partition_share.h"

namespace catena::streaming {

// The columns of a table, for topics whose conf carries no schema; kNotFound when there is none.
using SchemaLookup = std::function<Result<types::Schema>(const std::string& table)>;

struct StreamJobOptions {
  StreamOptions stream;
  std::string topics_default;                // "file:/dir": where bare topic names live.
  std::map<std::string, std::string> kafka;  // librdkafka's properties.
  int cores = 0;                             // For the tasks to share; 0: the machine's.
  bool allow_gap = false;  // Go on although the topic no longer holds what comes next.
  // Of a chain: all of it, or one of two processes with the publish_topic of its Join between.
  plan::ChainStage stage = plan::ChainStage::kWhole;
  PublishedJoins published;  // Where enriched rows go besides.
  // Of the stage that enriches: among several processes, whose this says which partitions of the
  // left topic are; in the group of that name. Empty: all are this process's.
  std::function<Result<std::unique_ptr<topic::PartitionShare>>(const topic::TopicAddress& topic,
                                                               const std::string& group)>
      share;
};

class StreamJob {
 public:
  // `store`, `database` and `clock` outlive the job.
  static Result<std::unique_ptr<StreamJob>> Open(const std::vector<conf::Conf>& confs,
                                                 const StreamJobOptions& options,
                                                 const SchemaLookup& schemas, kv::KVStore* store,
                                                 sql::Database* database, const Clock* clock);
  ~StreamJob();

  // Which path runs, and why.
  std::string Explain() const;
  // Until `stop` is asked for (then what is in flight is finished) or a task fails.
  Status Run(std::stop_token stop);
  // True when every task has reached the ends of its topics at least once.
  bool CaughtUp() const;
  // The eight metrics of each chain and simple stream, now.
  std::vector<ChainReport> Reports() const;

 private:
  struct State;
  explicit StreamJob(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace catena::streaming
