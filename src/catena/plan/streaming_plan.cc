// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/streaming_plan.h"

#include <algorithm>
#include <set>

namespace catena::plan {
namespace {

// Follows a left source down to the topic that starts it; stages come out innermost first.
Status Descend(const conf::Source& left, StreamTask* task, bool top = true) {
  if (const auto* events = std::get_if<conf::EventSource>(&left)) {
    task->topic = events->topic;
    task->table = events->table;
    task->left_query = &events->query;
    return Status();
  }
  if (const auto* entities = std::get_if<conf::EntitySource>(&left); entities && top) {
    task->topic = entities->mutation_topic;
    task->table = entities->mutation_table;
    task->left_query = &entities->query;
    task->entities = entities;
    return Status();
  }
  if (const auto* chain = std::get_if<conf::JoinSource>(&left)) {
    CATENA_RETURN_IF_ERROR(Descend(chain->join->left, task, false));
    task->stages.push_back(EnrichStage{chain->join, &chain->query});
    return Status();
  }
  return Unsupported(
      "the left side of a chain is entities, and the image of a row that dies would be enriched "
      "with what is looked up then, not with what the row was folded with; begin the chain with "
      "events, or make its GroupBy SNAPSHOT: " +
      conf::TableOf(left));
}

class Planner {
 public:
  Status Add(const conf::Conf& conf) {
    if (const auto* group_by =
            std::get_if<std::shared_ptr<const conf::GroupBy>>(&conf.definition)) {
      const std::string why = WhyNotStreamed(**group_by);
      if (!why.empty()) {
        return Unsupported("cannot stream " + (*group_by)->metadata.name + ": " + why);
      }
      plan_.asked.insert((*group_by)->metadata.name);
      return AddGroupBy(*group_by);
    }
    const auto& join = std::get<std::shared_ptr<const conf::Join>>(conf.definition);
    plan_.joins.push_back(join);
    for (const conf::JoinPart& part : join->join_parts) {
      if (!WhyNotStreamed(*part.group_by).empty()) continue;
      plan_.asked.insert(part.group_by->metadata.name);
      CATENA_RETURN_IF_ERROR(AddGroupBy(part.group_by));
    }
    if (plan_.tasks.empty()) {
      return Unsupported("cannot stream " + join->metadata.name + ": none of its parts streams");
    }
    return Status();
  }

  StreamingPlan Take() { return std::move(plan_); }

 private:
  Status AddGroupBy(const std::shared_ptr<const conf::GroupBy>& group_by) {
    if (!planned_.insert(group_by->metadata.name).second) return Status();
    plan_.group_bys.push_back(group_by);
    const conf::Source& source = *conf::StreamingSource(*group_by);
    StreamTask task;
    CATENA_RETURN_IF_ERROR(Descend(source, &task));
    for (const EnrichStage& stage : task.stages) {
      if (!stage.join->skew_keys.empty()) {
        return Unsupported(
            "the skewKeys of a parent Join leave out rows of tables only, not of "
            "topics yet; filter them with a where of its left side: " +
            stage.join->metadata.name);
      }
      if (!stage.join->bootstraps.empty()) {
        return Unsupported(
            "bootstrapParts fill in values of tables only, so a stream would give "
            "others; leave them to a Join that no stream reads: " +
            stage.join->metadata.name);
      }
      for (const conf::JoinPart& part : stage.join->join_parts) {
        if (!WhyNotStreamed(*part.group_by).empty()) continue;
        CATENA_RETURN_IF_ERROR(AddGroupBy(part.group_by));
        if (std::find(task.right_sides.begin(), task.right_sides.end(),
                      part.group_by->metadata.name) == task.right_sides.end()) {
          task.right_sides.push_back(part.group_by->metadata.name);
        }
      }
    }
    task.group_bys.push_back(group_by);
    if (task.entities != nullptr) {
      task.reason = "mutations: the source of " + group_by->metadata.name +
                    " is entities; their rows are kept as they are, and folded when asked for";
    } else if (task.stages.empty()) {
      task.reason = "simple stream: the source of " + group_by->metadata.name +
                    " is the topic itself, no JoinSource";
    } else {
      task.stages.back().next_left = nullptr;
      const std::string& parent = task.stages.back().join->metadata.name;
      for (StreamTask& existing : plan_.tasks) {
        if (!existing.stages.empty() && existing.stages.back().join->metadata.name == parent) {
          existing.group_bys.push_back(group_by);
          return Status();
        }
      }
      task.reason = "chain: the source of " + group_by->metadata.name + " is the Join " + parent +
                    " (a JoinSource)";
    }
    plan_.tasks.push_back(std::move(task));
    return Status();
  }

  StreamingPlan plan_;
  std::set<std::string> planned_;
};

}  // namespace

std::string WhyNotStreamed(const conf::GroupBy& group_by) {
  if (group_by.accuracy == conf::Accuracy::kSnapshot) {
    return "its accuracy is SNAPSHOT: daily uploads serve it";
  }
  if (conf::StreamingSource(group_by) == nullptr) {
    return conf::IsEntity(group_by) ? "its entities have no mutationTopic"
                                    : "none of its sources has a topic";
  }
  if (conf::IsEntity(group_by) && group_by.sources.size() > 1) {
    return "its rows are entities of several tables, and a stream reads the mutations of one: make "
           "it a GroupBy for each table";
  }
  if (group_by.aggregations.empty()) return "it has no aggregations";
  if (group_by.exact_windows) {
    return "its windows are exact, and what streams is kept in tiles: drop exact_windows";
  }
  return "";
}

const conf::Query& StreamingQueryOf(const conf::GroupBy& group_by) {
  return conf::QueryOf(*conf::StreamingSource(group_by));
}

std::string StreamingPlan::ToString() const {
  std::string text;
  const auto list = [](const auto& names) {
    std::string joined;
    for (const auto& name : names) joined += (joined.empty() ? "" : ", ") + name;
    return joined;
  };
  for (const StreamTask& task : tasks) {
    std::vector<std::string> folds, joins;
    for (const auto& group_by : task.group_bys) folds.push_back(group_by->metadata.name);
    for (const EnrichStage& stage : task.stages) joins.push_back(stage.join->metadata.name);
    text += task.reason + "\n  topic " + task.topic + "\n";
    if (!joins.empty()) text += "  enriched by " + list(joins) + "\n";
    if (!task.right_sides.empty()) text += "  looks up, fresh " + list(task.right_sides) + "\n";
    if (task.enriched_by != nullptr) {
      text += "  enriched by " + task.enriched_by->metadata.name + ", in another process\n";
    }
    if (!folds.empty()) text += "  folded into " + list(folds) + "\n";
  }
  return text;
}

Result<StreamingPlan> PlanStreaming(std::span<const conf::Conf> confs) {
  Planner planner;
  for (const conf::Conf& conf : confs) {
    CATENA_RETURN_IF_ERROR(conf::LineageOf(conf).status());
    CATENA_RETURN_IF_ERROR(planner.Add(conf));
  }
  return planner.Take();
}

}  // namespace catena::plan
