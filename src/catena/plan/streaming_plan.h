// SPDX-License-Identifier: Apache-2.0
// StreamingPlan: which topics are read, what is enriched on the way, and which GroupBys fold it.
//
// The seed's runtime decision: a GroupBy with a JoinSource runs the chain; without, the simple
// stream. GroupBys over one parent Join share its enrichment. What a chain looks up must be fresh,
// so the streaming GroupBys on the right side of its Joins are tasks too, before it.
//
//   input    confs: each a GroupBy, or a Join whose parts are meant
//   output   tasks, right sides before the chains that read them; each GroupBy in one task
//   errors   kUnsupported: the conf cannot stream, and why (SNAPSHOT accuracy, no topic, entities
//   on
//            the left of a chain); kInvalidConf: one name, two definitions
//   source   Chronon Driver GroupByStreaming; Join-of-Join and any depth are ours

#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "catena/conf/conf.h"

namespace catena::plan {

// One enrichment on the way of a left row: the Join, and the Query over its output that makes the
// next stage's left rows (null at the last stage: each GroupBy has its own).
struct EnrichStage {
  std::shared_ptr<const conf::Join> join;
  const conf::Query* next_left = nullptr;  // Owned by the definition that holds the stage.
};

struct StreamTask {
  std::string topic;                              // As the conf says it.
  std::string table;                              // Whose schema the records have.
  const conf::Query* left_query = nullptr;        // Over the topic's records.
  const conf::EntitySource* entities = nullptr;   // Whose mutations they are.
  std::vector<EnrichStage> stages;                // Empty: the simple stream.
  std::shared_ptr<const conf::Join> enriched_by;  // Instead of stages: another process.
  std::vector<std::shared_ptr<const conf::GroupBy>> group_bys;  // Folded from the same rows.
  // Folded from them in any process: more than group_bys in a stage of the chain.
  std::vector<std::shared_ptr<const conf::GroupBy>> next_group_bys;
  std::vector<std::string> right_sides;  // Names of streaming GroupBys that are looked up.
  std::string reason;                    // Why this path, as a sentence.
};

struct StreamingPlan {
  std::vector<StreamTask> tasks;
  std::set<std::string> asked;  // Names of the GroupBys that the confs mean themselves.
  // Keeps alive what the tasks point into.
  std::vector<std::shared_ptr<const conf::GroupBy>> group_bys;
  std::vector<std::shared_ptr<const conf::Join>> joins;

  // A task a paragraph: path, reason, topic, right sides, GroupBys.
  std::string ToString() const;
};

// Why a GroupBy cannot stream, as a clause; empty when it can.
std::string WhyNotStreamed(const conf::GroupBy& group_by);

Result<StreamingPlan> PlanStreaming(std::span<const conf::Conf> confs);

// The source of a GroupBy that streams, as a JoinSource or an EventSource; its final Query.
const conf::Query& StreamingQueryOf(const conf::GroupBy& group_by);

}  // namespace catena::plan
