// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/row_aggregator.h"

#include "catena/aggregate/operation_catalog.h"
#include "catena/conf/output_names.h"

namespace catena::aggregate {
namespace {

constexpr size_t RoundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

bool Same(const BaseAggregation& base, const conf::Aggregation& aggregation,
          const std::string& bucket) {
  return base.input_column == aggregation.input_column &&
         base.operation == aggregation.operation && base.arguments == aggregation.arguments &&
         base.bucket == bucket;
}

// Collects every violation, so that an author sees all at once.
class Violations {
 public:
  void Add(const Error& error) {
    message_ += (message_.empty() ? "" : "\n") + error.message;
    invalid_ = invalid_ || error.code == ErrorCode::kInvalidConf;
  }
  bool none() const { return message_.empty(); }
  Error ToError() const {
    return invalid_ ? InvalidConf(message_) : Unsupported(message_);
  }

 private:
  std::string message_;
  bool invalid_ = false;
};

Result<KernelPtr> BindOne(const conf::Aggregation& aggregation, const types::Schema& input) {
  if (!aggregation.buckets.empty()) {
    return Unsupported("buckets are not in this build: remove them or aggregate a selected column");
  }
  if (aggregation.element_wise) {
    return Unsupported("element_wise is not in this build: remove it");
  }
  const auto at = input.Find(aggregation.input_column);
  if (!at) {
    return InvalidConf("unknown input column (the selected columns are " + input.ToString() +
                       "): " + aggregation.input_column);
  }
  BindRequest request;
  request.input = input.fields[*at].type;
  request.arguments = &aggregation.arguments;
  return BindOperation(aggregation.operation, request);
}

}  // namespace

Result<RowAggregator> RowAggregator::Bind(const conf::GroupBy& group_by,
                                          const types::Schema& input) {
  const std::string& name = group_by.metadata.name;
  if (group_by.aggregations.empty()) {
    return InvalidConf("nothing to aggregate: give the GroupBy at least one aggregation: " + name);
  }
  auto bound = std::make_shared<Bound>();
  Violations violations;
  for (size_t i = 0; i < group_by.aggregations.size(); ++i) {
    const conf::Aggregation& aggregation = group_by.aggregations[i];
    bool known = false;
    for (const BaseAggregation& base : bound->aggregations) {
      known = known || (aggregation.buckets.empty() && Same(base, aggregation, ""));
    }
    if (known && !aggregation.element_wise) continue;
    auto kernel = BindOne(aggregation, input);
    if (!kernel.ok()) {
      violations.Add(kernel.error().WithContext((name.empty() ? "" : name + ": ") +
                                                "aggregations[" + std::to_string(i) + "]"));
      continue;
    }
    BaseAggregation base;
    base.input_column = aggregation.input_column;
    base.operation = aggregation.operation;
    base.arguments = aggregation.arguments;
    base.kernel = std::move(kernel).value();
    const auto seen = bound->input_schema.Find(base.input_column);
    base.input_index = seen ? *seen : bound->input_schema.size();
    if (!seen) bound->input_schema.fields.push_back(input.fields[*input.Find(base.input_column)]);
    const IrLayout layout = base.kernel->layout();
    base.offset = RoundUp(bound->ir_bytes, layout.alignment);
    bound->ir_bytes = base.offset + layout.bytes;
    bound->removable = bound->removable && base.kernel->removable();
    bound->aggregations.push_back(std::move(base));
  }
  if (!violations.none()) return violations.ToError();
  bound->ir_bytes = RoundUp(bound->ir_bytes, kIrAlignment);
  return RowAggregator(std::move(bound));
}

size_t RowAggregator::BaseOf(const conf::Aggregation& aggregation,
                             const std::string& bucket) const {
  const auto& bases = bound_->aggregations;
  size_t i = 0;
  while (i < bases.size() && !Same(bases[i], aggregation, bucket)) ++i;
  CATENA_CHECK(i < bases.size(), "BaseOf an aggregation of another GroupBy");
  return i;
}

void RowAggregator::Init(std::byte* ir) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) base.kernel->Init(ir + base.offset);
}

void RowAggregator::Destroy(std::byte* ir) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) base.kernel->Destroy(ir + base.offset);
}

void RowAggregator::Copy(std::byte* into, const std::byte* from) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    base.kernel->Copy(into + base.offset, from + base.offset);
  }
}

void RowAggregator::Reset(std::byte* ir) const noexcept {
  Destroy(ir);
  Init(ir);
}

bool RowAggregator::IsEmpty(const std::byte* ir) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    if (!base.kernel->IsEmpty(ir + base.offset)) return false;
  }
  return true;
}

void RowAggregator::Merge(std::byte* into, const std::byte* from) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    base.kernel->Merge(into + base.offset, from + base.offset);
  }
}

KernelInput RowAggregator::InputOf(const BaseAggregation& aggregation, const types::Batch& batch,
                                   std::span<const int64_t> event_times,
                                   std::span<const uint64_t> source_orders) const {
  const types::Field& field = bound_->input_schema.fields[aggregation.input_index];
  const types::Column* column = batch.Find(field.name);
  CATENA_CHECK(column != nullptr && column->type() == field.type,
               "batch lacks a column of input_schema(), or has it with another type");
  return KernelInput{column, event_times, source_orders};
}

void RowAggregator::Update(const types::Batch& batch, std::span<const int64_t> event_times,
                           std::span<const uint64_t> source_orders,
                           std::span<const uint32_t> rows,
                           std::span<std::byte* const> irs) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    base.kernel->UpdateEach(InputOf(base, batch, event_times, source_orders), rows, irs,
                            base.offset);
  }
}

void RowAggregator::UpdateOne(const types::Batch& batch, std::span<const int64_t> event_times,
                              std::span<const uint64_t> source_orders,
                              std::span<const uint32_t> rows, std::byte* ir) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    base.kernel->UpdateOne(InputOf(base, batch, event_times, source_orders), rows,
                           ir + base.offset);
  }
}

void RowAggregator::RemoveOne(const types::Batch& batch, std::span<const int64_t> event_times,
                              std::span<const uint64_t> source_orders,
                              std::span<const uint32_t> rows, std::byte* ir) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    base.kernel->RemoveRows(InputOf(base, batch, event_times, source_orders), rows,
                            ir + base.offset);
  }
}

void RowAggregator::Finalize(size_t i, std::span<const std::byte* const> irs,
                             types::Column* into) const noexcept {
  const BaseAggregation& base = bound_->aggregations[i];
  base.kernel->Finalize(irs, base.offset, into);
}

}  // namespace catena::aggregate
