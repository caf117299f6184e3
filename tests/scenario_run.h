// SPDX-License-Identifier: Apache-2.0
// ScenarioRun: one scenario in a world of its own: warehouse, topics, store; and its answers.
//
//   errors   every failure of the engine is a failure of the test, with the engine's message
//   threads  one run belongs to one thread

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/batch/runner.h"
#include "catena/conf/conf.h"
#include "catena/fetch/fetcher.h"
#include "catena/kv/kv_store.h"
#include "catena/streaming/job.h"
#include "catena/topic/topic.h"
#include "scenario.h"

namespace catena::scenario {

struct RunOptions {
  int partitions = 1;
  int workers = 1;
  // Raw rows are kept for two hours only: older queries must lie on the five-minute grid.
  bool tiled = false;
  // Tables carry _topic_partition and _offset, as archived topics do.
  bool source_order = true;
  // Chains in two stages, each over a store of its own.
  bool staged = false;
  // Differences are counted, not failures: for negative controls.
  bool may_differ = false;
};

// What became of the queries.
struct Compared {
  size_t equal = 0;             // Rows of which every feature is as expected.
  size_t different = 0;         // At least one is not.
  size_t nonnull = 0;           // Their features that are not null.
  size_t incomplete = 0;        // Said so.
  size_t out_of_retention = 0;  // Said so.
};

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, const RunOptions& options);
  ~ScenarioRun();

  // The final Join over all tables, compared.
  Compared Backfill();

  Date first_day() const;  // Of the records.
  size_t records() const { return records_.size(); }
  // Records of all topics in the order of their appending; goes on where it stopped.
  void AppendRecords(size_t until);
  // The first record that was appended at or after `time`.
  size_t RecordAt(Timestamp time) const;
  // Daily values of everything with SNAPSHOT accuracy: what the chain looks up by day.
  void UploadSnapshots();
  // Every streaming GroupBy, with what had landed in the tables by the end of that day.
  void Upload(Date end);
  // Until it has caught up, or stopped somewhere in the middle.
  void Stream(Millis stop_after = Millis::max());
  // Waits until raw rows of old are gone.
  void Trim();
  // Queries from `since` on.
  Compared Fetch(Timestamp since = Timestamp::min());

 private:
  struct TopicRecord {
    size_t table = 0;
    size_t row = 0;
    int32_t partition = 0;
    int64_t offset = 0;
  };
  void NumberRecords();
  void CreateTopics();
  void WriteTables();
  std::vector<std::shared_ptr<const conf::GroupBy>> GroupBysOf(conf::Accuracy accuracy) const;
  void Materialise();  // The final Join and what it reads.
  void UploadOne(const std::shared_ptr<const conf::GroupBy>& group_by, Date end);
  void PublishEnriched();  // Topics for all that is enriched.
  void RunJob(Millis stop_after, const std::function<bool()>& done);
  void RunJobOver(kv::KVStore* store, plan::ChainStage stage, Millis stop_after,
                  const std::function<bool()>& done);
  void ExpectConserved(kv::KVStore* store, const std::string& name);
  void CompareRow(const types::Batch& features, size_t row, size_t query, Compared* compared);

  const Scenario& scenario_;
  RunOptions options_;
  std::string folder_;
  std::string suffix_;
  conf::Conf conf_;
  std::vector<TopicRecord> records_;
  size_t appended_ = 0;
  std::vector<std::unique_ptr<topic::TopicWriter>> writers_;  // By table; null: no topic.
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<table::Warehouse> warehouse_;
  std::unique_ptr<kv::KVStore> store_;
  std::unique_ptr<kv::KVStore> enrich_store_;  // Of a staged run.
  SimulatedClock clock_;
  batch::BatchContext context_;
  streaming::StreamJobOptions stream_;
};

}  // namespace catena::scenario
