// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/preview/plan_estimate.h"

#include "catena/conf/output_names.h"

namespace catena::batch {
namespace {

using plan::StepEstimate;
using Sizes = std::map<Date, table::PartitionSize>;

constexpr uint64_t kBytesOfFeature = 8;

table::PartitionSize operator+(const table::PartitionSize& a, const table::PartitionSize& b) {
  return {a.rows + b.rows, a.bytes + b.bytes};
}

table::PartitionSize Sum(const Sizes& sizes) {
  table::PartitionSize sum;
  for (const auto& [day, size] : sizes) sum = sum + size;
  return sum;
}

table::PartitionSize SizeWithin(const Sizes& sizes, const plan::DayRange& range) {
  table::PartitionSize sum;
  for (auto at = sizes.lower_bound(range.first); at != sizes.end() && at->first <= range.last; ++at)
    sum = sum + at->second;
  return sum;
}

// Sizes of tables as they are, or will be once the steps before have run.
class Estimator {
 public:
  explicit Estimator(const BatchContext& context) : context_(context) {}

  Status Estimate(plan::Step* step) {
    if (step->compute.empty()) {
      step->estimate = StepEstimate{};
      return Status();
    }
    CATENA_TRY(step->estimate, step->join != nullptr ? OfJoin(*step) : OfGroupBy(*step));
    return Status();
  }

 private:
  Result<Sizes*> SizesOf(const std::string& table) {
    const auto known = sizes_.find(table);
    if (known != sizes_.end()) return &known->second;
    CATENA_TRY(const table::Table found, context_.warehouse->Find(table));
    Sizes& sizes = sizes_[table];
    if (!found.Exists()) return &sizes;
    CATENA_TRY(const table::TableDescription described, found.Describe());
    sizes = described.sizes;
    return &sizes;
  }

  Result<table::PartitionSize> Read(const conf::GroupBy& group_by, const plan::DayRange& days,
                                    plan::AskedAt at) {
    const plan::DayRange reach = plan::ReachOf(group_by, days, at);
    table::PartitionSize read;
    for (const conf::Source& source : group_by.sources) {
      CATENA_TRY(const Sizes* sizes, SizesOf(conf::TableOf(source)));
      read = read + SizeWithin(*sizes, reach);
    }
    return read;
  }

  static plan::DayRange DaysOf(const plan::Step& step) {
    return {step.compute.front().day, step.compute.back().day};
  }

  Result<StepEstimate> OfJoin(const plan::Step& step) {
    CATENA_TRY(const Sizes* left_sizes, SizesOf(conf::TableOf(step.join->left)));
    const bool entities = conf::IsOfEntities(step.join->left);
    table::PartitionSize left;
    Sizes made;
    for (const plan::PlannedDay& planned : step.compute) {
      const auto at = left_sizes->find(planned.day);
      made[planned.day] = at == left_sizes->end() ? table::PartitionSize{} : at->second;
      left = left + made[planned.day];
    }
    StepEstimate estimate{left.rows, left.bytes, left.rows, 0};
    uint64_t features = 0;
    for (const conf::JoinPart& part : step.join->join_parts) {
      CATENA_TRY(const table::PartitionSize right,
                 Read(*part.group_by, DaysOf(step),
                      entities ? plan::AskedAt::kDayEnds : plan::AskedAt::kTimes));
      estimate.rows_read += right.rows;
      estimate.bytes_read += right.bytes;
      features += conf::OutputsOf(*part.group_by).size();
    }
    CATENA_TRY(Sizes * own, SizesOf(step.table));
    const table::PartitionSize before = Sum(*own);
    for (auto& [day, size] : made) {
      size.bytes = before.rows > 0
                       ? BytesOf(size.rows, before)
                       : BytesOf(size.rows, left) + size.rows * features * kBytesOfFeature;
      estimate.bytes_written += size.bytes;
      (*own)[day] = size;
    }
    return estimate;
  }

  Result<StepEstimate> OfGroupBy(const plan::Step& step) {
    CATENA_TRY(const table::PartitionSize read,
               Read(*step.group_by, DaysOf(step), plan::AskedAt::kDayEnds));
    StepEstimate estimate{read.rows, read.bytes, read.rows, 0};
    const uint64_t columns =
        step.group_by->key_columns.size() + conf::OutputsOf(*step.group_by).size();
    estimate.bytes_written = read.rows * columns * kBytesOfFeature;
    if (step.table.empty()) return estimate;
    CATENA_TRY(const Sizes* own, SizesOf(step.table));
    const table::PartitionSize before = Sum(*own);
    if (before.rows == 0) return estimate;
    estimate.rows_written = before.rows * step.compute.size() / own->size();
    estimate.bytes_written = BytesOf(estimate.rows_written, before);
    return estimate;
  }

  // As many bytes a row as `sample` has.
  static uint64_t BytesOf(uint64_t rows, const table::PartitionSize& sample) {
    if (sample.rows == 0) return 0;
    return static_cast<uint64_t>(static_cast<double>(rows) * static_cast<double>(sample.bytes) /
                                 static_cast<double>(sample.rows));
  }

  const BatchContext& context_;
  std::map<std::string, Sizes> sizes_;
};

}  // namespace

Status EstimatePlan(const BatchContext& context, plan::BackfillPlan* plan) {
  Estimator estimator(context);
  for (plan::Step& step : plan->steps) CATENA_RETURN_IF_ERROR(estimator.Estimate(&step));
  return Status();
}

}  // namespace catena::batch
