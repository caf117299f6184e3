// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/runner.h"

#include <chrono>

#include "catena/base/log.h"
#include "catena/batch/group_by_backfill.h"
#include "catena/batch/group_by_rows.h"
#include "catena/batch/join_backfill.h"
#include "catena/batch/table_meanings.h"

namespace catena::batch {
namespace {

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
  }
  return Unsupported("unknown kind of step");
}

// What no day of data can make possible is refused before the first table is looked at.
Status RequireSupportedBelow(const conf::Conf& conf) {
  CATENA_TRY(const conf::Lineage lineage, conf::LineageOf(conf));
  for (const auto& join : lineage.joins) CATENA_RETURN_IF_ERROR(RequireSupported(*join));
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

}  // namespace

Result<plan::BackfillPlan> PlanBackfill(const BatchContext& context, const conf::Conf& conf,
                                        const plan::DaysAsked& asked) {
  CATENA_TRY(const plan::Inventory inventory, InventoryOf(context, conf));
  return plan::PlanBackfill(conf, asked, inventory);
}

Result<plan::BackfillPlan> PlanUpload(const BatchContext& context, const conf::Conf& conf,
                                      Date end) {
  CATENA_TRY(const plan::Inventory inventory, InventoryOf(context, conf));
  return plan::PlanUpload(conf, end, inventory);
}

Result<RunReport> RunPlan(const BatchContext& context, const plan::BackfillPlan& plan,
                          kv::KVStore* store, const UploadOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  RunReport report;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::Step& step = plan.steps[i];
    if (context.progress != nullptr) context.progress->OnStep(step, i, plan.steps.size());
    const auto step_start = std::chrono::steady_clock::now();
    auto done = RunStep(context, step, store, options);
    if (!done.ok()) return done.error().WithContext(step.name);
    done->seconds = SecondsSince(step_start);
    CATENA_LOG_INFO("step_done", "kind={} name={} computed={} reused={} rows={} seconds={:.3f}",
                    done->kind, done->name, done->computed.size(), done->reused.size(), done->rows,
                    done->seconds);
    report.steps.push_back(std::move(done).value());
  }
  report.seconds = SecondsSince(start);
  return report;
}

Result<RunReport> Backfill(const BatchContext& context, const conf::Conf& conf,
                           const plan::DaysAsked& asked) {
  CATENA_TRY(const plan::BackfillPlan plan, PlanBackfill(context, conf, asked));
  return RunPlan(context, plan);
}

Result<RunReport> UploadGroupBy(const BatchContext& context, const conf::Conf& conf, Date end,
                                kv::KVStore* store, const UploadOptions& options) {
  CATENA_TRY(const plan::BackfillPlan plan, PlanUpload(context, conf, end));
  return RunPlan(context, plan, store, options);
}

}  // namespace catena::batch
