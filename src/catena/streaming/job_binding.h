// SPDX-License-Identifier: Apache-2.0
// BindJob: a streaming plan made ready to run: schemas, state, topics, gates and workers.
//
// Everything that can be wrong with confs, columns, types and topics is found here, before the
// first record; after it workers only meet data.
//
//   input    the plan (outlives the result), options, schemas of tables, the store
//   output   one fold and one ChainStats a GroupBy, one Worker a share of a task's partitions, one
//            Crew a thread
//   errors   as StreamJob::Open
//   threads  one thread; the result is then shared as its parts allow

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "catena/fetch/fetcher.h"
#include "catena/fetch/schema_resolver.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/plan/chain_stage.h"
#include "catena/streaming/chain_stats.h"
#include "catena/streaming/crew.h"
#include "catena/streaming/fold/group_by_fold.h"
#include "catena/streaming/job.h"
#include "catena/streaming/progress.h"
#include "catena/streaming/publish/publisher_binding.h"
#include "catena/streaming/worker.h"

namespace catena::streaming {

struct BoundGroupBy {
  std::unique_ptr<GroupByFold> fold;
  std::unique_ptr<ChainStats> stats;
  topic::TopicAddress topic;
  int32_t partitions = 0;
  bool chained = false;
  std::vector<std::string> dependents;  // Chains that look this GroupBy up.
};

// A thread: of a topic's URL, of a share of its partitions, which of those that the topic has.
using CrewPlace = std::tuple<std::string, int, int>;

struct BoundJob {
  std::unique_ptr<kv::CachedStore> store;  // Of what follows.
  std::unique_ptr<fetch::Fetcher> fetcher;
  std::unique_ptr<Progress> progress;
  std::map<std::string, BoundGroupBy> group_bys;
  std::map<std::string, BoundPublisher> publishers;  // By Join.
  std::vector<std::unique_ptr<Heart>> hearts;        // Of the stage that enriches.
  std::map<std::string, std::unique_ptr<topic::PartitionShare>> shares;  // By Join.
  std::vector<std::unique_ptr<EndWatch>> ends;                           // Of the tasks' topics.
  std::map<std::string, std::shared_ptr<topic::TopicFeed>> feeds;        // Of the tasks, by URL.
  std::vector<std::unique_ptr<Worker>> workers;
  std::map<CrewPlace, Crew> crews;
};

Status BindJob(const plan::StagedPlan& plan, const StreamJobOptions& options,
               const SchemaLookup& tables, kv::KVStore* store, sql::Database* database,
               const Clock* clock, BoundJob* bound);

}  // namespace catena::streaming
