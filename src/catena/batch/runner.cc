// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/runner.h"

#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "catena/base/log.h"
#include "catena/batch/group_by_backfill.h"
#include "catena/batch/group_by_rows.h"
#include "catena/batch/join_backfill.h"
#include "catena/batch/partition_output.h"
#include "catena/batch/preview/plan_binding.h"
#include "catena/batch/preview/plan_estimate.h"
#include "catena/batch/sorted_events.h"
#include "catena/batch/source_rows.h"
#include "catena/batch/sources/source_times.h"
#include "catena/batch/table_meanings.h"
#include "catena/conf/semantic_hash.h"

namespace catena::batch {
namespace {

// Of a job's memory, for rows between two steps.
constexpr uint64_t kKeptShare = 4;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Result<StepReport> RunStep(const BatchContext& context, const plan::Step& step, kv::KVStore* store,
                           const UploadOptions& options) {
  switch (step.kind) {
    case plan::StepKind::kJoin:
      return RunJoinStep(context, step);
    case plan::StepKind::kGroupBy:
      return RunGroupByStep(context, step);
    case plan::StepKind::kUpload:
      CATENA_CHECK(store != nullptr, "an upload has a store to go to");
      return RunUploadStep(context, step, store, options);
    case plan::StepKind::kStagingQuery:
    case plan::StepKind::kLabels:
      break;  // Runs by itself: no plan of Joins and GroupBys holds one.
  }
  return Unsupported("unknown kind of step");
}

// What no day of data can make possible is refused before the first table is looked at.
Status RequireSupportedBelow(const conf::Conf& conf) {
  CATENA_TRY(const conf::Lineage lineage, conf::LineageOf(conf));
  for (const auto& group_by : lineage.group_bys) {
    CATENA_RETURN_IF_ERROR(RequireSupported(*group_by));
  }
  return Status();
}

Result<plan::Inventory> InventoryOf(const BatchContext& context, const conf::Conf& conf) {
  CATENA_RETURN_IF_ERROR(RequireSupportedBelow(conf));
  CATENA_TRY(const auto tables, plan::TablesOf(conf));
  return ReadInventory(context, tables);
}

std::set<std::string> TablesWritten(const plan::BackfillPlan& plan) {
  std::set<std::string> tables;
  for (const plan::Step& step : plan.steps) {
    if (!step.table.empty() && !step.compute.empty()) tables.insert(step.table);
  }
  for (const auto& [table, days] : plan.adopted) tables.insert(table);
  return tables;
}

// The lock of every table that this job writes.
class JobLocks {
 public:
  // False when the plan writes a table that was not locked before; it is then.
  Result<bool> Cover(const BatchContext& context, const plan::BackfillPlan& plan) {
    bool covered = true;
    for (const std::string& name : TablesWritten(plan)) {
      if (locks_.contains(name)) continue;
      CATENA_TRY(const table::Table table, context.warehouse->Find(name));
      CATENA_TRY(FileLock lock, table.LockForJob(/*wait=*/false));
      locks_.emplace(name, std::move(lock));
      CATENA_RETURN_IF_ERROR(RemoveHalfWrittenMarks(table));
      covered = false;
    }
    return covered;
  }

 private:
  std::map<std::string, FileLock> locks_;
};

// What a step reads that an earlier one may have kept: materialised Joins, and what is left of a
// Join.
std::vector<const conf::Source*> KeptSourcesOf(const plan::Step& step) {
  std::vector<const conf::Source*> sources;
  const auto add = [&](const conf::Source& source) {
    if (std::holds_alternative<conf::JoinSource>(source)) sources.push_back(&source);
  };
  if (step.join != nullptr) {
    if (!step.compute.empty()) sources.push_back(&step.join->left);
    for (const conf::JoinPart& part : step.join->join_parts) {
      for (const conf::Source& source : part.group_by->sources) add(source);
    }
  }
  if (step.group_by != nullptr) {
    for (const conf::Source& source : step.group_by->sources) add(source);
  }
  return sources;
}

// What the GroupBys mean whose events the step may find sorted, or keep so.
std::set<std::string> EventsOf(const plan::Step& step) {
  std::set<std::string> meanings;
  if (step.compute.empty()) return meanings;
  const auto add = [&](const conf::GroupBy& group_by) {
    const bool chained = group_by.sources.size() == 1 &&
                         std::holds_alternative<conf::JoinSource>(group_by.sources.front());
    if (chained && !group_by.aggregations.empty()) meanings.insert(conf::MeaningOf(group_by));
  };
  if (step.join != nullptr) {
    for (const conf::JoinPart& part : step.join->join_parts) add(*part.group_by);
  }
  if (step.kind == plan::StepKind::kGroupBy && !step.group_by->is_incremental) add(*step.group_by);
  return meanings;
}

// What did not end, and what was not begun because of it.
void ReportFailure(const plan::BackfillPlan& plan, size_t failed, const Error& error,
                   RunReport* report) {
  for (size_t i = failed; i < plan.steps.size(); ++i) {
    StepReport step = BeginReport(plan.steps[i]);
    step.outcome = i == failed ? StepOutcome::kFailed : StepOutcome::kSkipped;
    step.reason = i == failed ? error.message : plan.steps[failed].name + " failed";
    step.notes = plan.steps[i].notes;
    report->steps.push_back(std::move(step));
  }
}

// What one job holds from its first plan to its last.
struct Held {
  JobLocks locks = {};
  KeptRows kept;
  std::vector<plan::Step> later = {};  // Of plans that are still to come.
  std::set<std::string> made = {};     // Tables that none of these makes again.
};

// Of the step behind step `i` that computes something.
std::set<std::string> EventsBehind(const plan::BackfillPlan& plan, size_t i, const Held& held) {
  for (size_t next = i + 1; next < plan.steps.size(); ++next) {
    if (!plan.steps[next].compute.empty()) return EventsOf(plan.steps[next]);
  }
  for (const plan::Step& step : held.later) {
    if (!step.compute.empty() && !held.made.contains(step.table)) return EventsOf(step);
  }
  return {};
}

// What the steps behind step `i` read.
KeptRows::Columns ReadBehind(const plan::BackfillPlan& plan, size_t i, const Held& held) {
  KeptRows::Columns read;
  const auto add = [&](const plan::Step& step) {
    for (const conf::Source* source : KeptSourcesOf(step)) {
      if (const auto columns = PlainColumns(*source)) {
        read[conf::TableOf(*source)].insert(columns->begin(), columns->end());
      }
    }
  };
  for (size_t next = i + 1; next < plan.steps.size(); ++next) add(plan.steps[next]);
  for (const plan::Step& step : held.later) {
    if (!held.made.contains(step.table)) add(step);
  }
  return read;
}

// Rows and events that step `i` may find, and what it is to keep for those behind it.
void BeginStep(const plan::BackfillPlan& plan, size_t i, Held* held) {
  const plan::Step& step = plan.steps[i];
  held->made.insert(step.table);
  std::set<std::string> tables;
  for (const conf::Source* source : KeptSourcesOf(step)) tables.insert(conf::TableOf(*source));
  held->kept.BeginStep(ReadBehind(plan, i, *held), tables);
  held->kept.events()->BeginStep(EventsOf(step), EventsBehind(plan, i, *held));
}

Status RunSteps(const BatchContext& given, const plan::BackfillPlan& plan, kv::KVStore* store,
                const UploadOptions& options, Held* held, RunReport* report) {
  CATENA_RETURN_IF_ERROR(Adopt(given, plan.adopted));
  BatchContext context = given;
  context.kept = &held->kept;
  if (context.progress != nullptr) context.progress->OnPlan(plan);
  std::set<std::string> warned;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::Step& step = plan.steps[i];
    BeginStep(plan, i, held);
    if (context.progress != nullptr) context.progress->OnStep(step, i, plan.steps.size());
    SourceTimes times;
    context.times = &times;
    const auto step_start = std::chrono::steady_clock::now();
    auto done = RunStep(context, step, store, options);
    if (!done.ok()) {
      ReportFailure(plan, i, done.error(), report);
      return done.error().WithContext(step.name);
    }
    done->seconds = SecondsSince(step_start);
    done->notes.insert(done->notes.begin(), step.notes.begin(), step.notes.end());
    for (SourceTimes::Finding& finding : times.Findings()) {
      if (finding.wrong_unit && warned.insert(finding.sentence).second) {
        CATENA_LOG_WARN("event_times", "{}", finding.sentence);
      }
      done->notes.push_back(std::move(finding.sentence));
    }
    CATENA_LOG_INFO("step_done", "kind={} name={} computed={} reused={} rows={} seconds={:.3f}",
                    done->kind, done->name, done->computed.size(), done->reused.size(), done->rows,
                    done->seconds);
    report->seconds += done->seconds;
    report->steps.push_back(std::move(done).value());
  }
  return Status();
}

// Another job may have written between a plan and its locks, so the plan that counts is made under
// them; it may ask for a table more, never for one for ever.
Status RunLocked(const BatchContext& context,
                 const std::function<Result<plan::BackfillPlan>()>& make_plan, kv::KVStore* store,
                 const UploadOptions& options, Held* held, RunReport* report) {
  for (;;) {
    CATENA_TRY(plan::BackfillPlan plan, make_plan());
    CATENA_TRY(const bool covered, held->locks.Cover(context, plan));
    if (!covered) continue;
    // A first step says by itself what it lacks; the others may begin hours later.
    if (plan.steps.size() > 1) CATENA_RETURN_IF_ERROR(BindPlan(context, plan));
    if (context.progress != nullptr) CATENA_RETURN_IF_ERROR(EstimatePlan(context, &plan));
    return RunSteps(context, plan, store, options, held, report);
  }
}

using MarksByTable = std::map<std::string, std::map<Date, plan::DayMark>>;

// Of the tables whose marks are other ones then.
Result<MarksByTable> MarksForOwn(const BatchContext& context, const conf::Conf& conf) {
  CATENA_TRY(plan::Inventory inventory, InventoryOf(context, conf));
  const plan::Inventory before = inventory;
  CATENA_RETURN_IF_ERROR(plan::TakeForOwn(conf, &inventory));
  MarksByTable marks;
  for (const auto& [name, state] : inventory) {
    if (state.marks != before.at(name).marks) marks.emplace(name, state.marks);
  }
  return marks;
}

}  // namespace

Result<plan::BackfillPlan> PlanBackfill(const BatchContext& context, const conf::Conf& conf,
                                        const plan::DaysAsked& asked) {
  CATENA_TRY(const plan::Inventory inventory, InventoryOf(context, conf));
  return plan::PlanBackfill(conf, asked, inventory);
}

Result<plan::BackfillPlan> PlanUpload(const BatchContext& context, const conf::Conf& conf, Date end,
                                      bool allow_holes) {
  CATENA_TRY(const plan::Inventory inventory, InventoryOf(context, conf));
  return plan::PlanUpload(conf, end, inventory, allow_holes);
}

Status RunBackfill(const BatchContext& context, const conf::Conf& conf,
                   const plan::DaysAsked& asked, RunReport* report) {
  return RunBackfills(context, {&conf, 1}, asked, report);
}

Status RunBackfills(const BatchContext& context, std::span<const conf::Conf> confs,
                    const plan::DaysAsked& asked, RunReport* report) {
  Held held{.kept = KeptRows(context.memory_bytes / kKeptShare)};
  std::vector<plan::BackfillPlan> plans;
  for (size_t i = 1; i < confs.size(); ++i) {
    CATENA_TRY(plan::BackfillPlan plan, PlanBackfill(context, confs[i], asked));
    plans.push_back(std::move(plan));
  }
  plan::DaysAsked now = asked;
  for (size_t i = 0; i < confs.size(); ++i) {
    held.later.clear();
    for (size_t later = i; later < plans.size(); ++later) {
      held.later.insert(held.later.end(), plans[later].steps.begin(), plans[later].steps.end());
    }
    const size_t done = report->steps.size();
    CATENA_RETURN_IF_ERROR(RunLocked(
        context, [&] { return PlanBackfill(context, confs[i], now); }, nullptr, {}, &held, report));
    for (size_t step = done; step < report->steps.size(); ++step) {
      const std::vector<Date>& days = report->steps[step].computed;
      now.made[report->steps[step].table].insert(days.begin(), days.end());
    }
  }
  return Status();
}

Status RunUpload(const BatchContext& context, const conf::Conf& conf, Date end, kv::KVStore* store,
                 const UploadOptions& options, RunReport* report) {
  Held held{.kept = KeptRows(context.memory_bytes / kKeptShare)};
  return RunLocked(
      context, [&] { return PlanUpload(context, conf, end, options.allow_holes); }, store, options,
      &held, report);
}

Status RunPlan(const BatchContext& context, const plan::BackfillPlan& plan, kv::KVStore* store,
               const UploadOptions& options, RunReport* report) {
  Held held{.kept = KeptRows(context.memory_bytes / kKeptShare)};
  CATENA_RETURN_IF_ERROR(held.locks.Cover(context, plan).status());
  return RunSteps(context, plan, store, options, &held, report);
}

Result<RunReport> Backfill(const BatchContext& context, const conf::Conf& conf,
                           const plan::DaysAsked& asked) {
  RunReport report;
  CATENA_RETURN_IF_ERROR(RunBackfill(context, conf, asked, &report));
  return report;
}

Result<RunReport> UploadGroupBy(const BatchContext& context, const conf::Conf& conf, Date end,
                                kv::KVStore* store, const UploadOptions& options) {
  RunReport report;
  CATENA_RETURN_IF_ERROR(RunUpload(context, conf, end, store, options, &report));
  return report;
}

Status TakeTablesForOwn(const BatchContext& context, const conf::Conf& conf) {
  CATENA_TRY(const auto unlocked, MarksForOwn(context, conf));
  if (unlocked.empty()) return Status();
  std::vector<FileLock> locks;
  for (const auto& [name, marks] : unlocked) {
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    CATENA_TRY(FileLock lock, table.LockForJob(/*wait=*/false));
    locks.push_back(std::move(lock));
  }
  // Read again: a job that has ended meanwhile has marked the days that it made.
  CATENA_TRY(const auto locked, MarksForOwn(context, conf));
  for (const auto& [name, marks] : locked) {
    if (!unlocked.contains(name)) continue;
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    CATENA_RETURN_IF_ERROR(WriteMarks(table, marks));
  }
  return Status();
}

}  // namespace catena::batch
