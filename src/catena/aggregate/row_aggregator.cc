// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/row_aggregator.h"

#include <algorithm>

#include "catena/aggregate/nested_kernel.h"
#include "catena/aggregate/operation_catalog.h"
#include "catena/conf/output_names.h"

namespace catena::aggregate {
namespace {

constexpr size_t RoundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

bool Same(const BaseAggregation& base, const conf::Aggregation& aggregation,
          const std::string& bucket) {
  return base.input_column == aggregation.input_column && base.operation == aggregation.operation &&
         base.arguments == aggregation.arguments && base.bucket == bucket &&
         base.element_wise == aggregation.element_wise;
}

// Collects every violation, so that an author sees all at once.
class Violations {
 public:
  void Add(const Error& error) { message_ += (message_.empty() ? "" : "\n") + error.message; }
  bool none() const { return message_.empty(); }
  Error ToError() const { return InvalidConf(message_); }

 private:
  std::string message_;
};

Result<KernelPtr> BindOne(const conf::Aggregation& aggregation, const std::string& bucket,
                          const types::Schema& input) {
  const auto at = input.Find(aggregation.input_column);
  if (!at) {
    return InvalidConf("unknown input column (the selected columns are " + input.ToString() +
                       "): " + aggregation.input_column);
  }
  BindRequest request;
  request.input = input.fields[*at].type;
  request.arguments = &aggregation.arguments;
  request.element_wise = aggregation.element_wise;
  CATENA_TRY(KernelPtr kernel, BindOperation(aggregation.operation, request));
  if (bucket.empty()) return kernel;
  const auto bucket_at = input.Find(bucket);
  if (!bucket_at) {
    return InvalidConf("unknown bucket column (the selected columns are " + input.ToString() +
                       "): " + bucket);
  }
  const types::DataType& type = input.fields[*bucket_at].type;
  if (type.kind != types::Kind::kString) {
    return InvalidConf("bucket column is not STRING (cast it to one in selects): " + bucket +
                       " is " + types::TypeName(type));
  }
  if (request.input.kind == types::Kind::kMap) {
    return InvalidConf(
        "a map cannot be aggregated by bucket (drop the buckets or select one of "
        "its values): " +
        aggregation.input_column);
  }
  return BucketKernel(std::move(kernel));
}

// Where the column stands in `used`, which it is appended to when it is new.
size_t IndexIn(types::Schema* used, const types::Schema& input, const std::string& column) {
  if (const auto seen = used->Find(column)) return *seen;
  used->fields.push_back(input.fields[*input.Find(column)]);
  return used->size() - 1;
}

std::vector<std::string> BucketsOf(const conf::Aggregation& aggregation) {
  return aggregation.buckets.empty() ? std::vector<std::string>{""} : aggregation.buckets;
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
    for (const std::string& bucket : BucketsOf(group_by.aggregations[i])) {
      const Status added = AddBase(group_by.aggregations[i], bucket, input, bound.get());
      if (added.ok()) continue;
      violations.Add(added.error().WithContext((name.empty() ? "" : name + ": ") + "aggregations[" +
                                               std::to_string(i) + "]"));
    }
  }
  if (!violations.none()) return violations.ToError();
  bound->ir_bytes = RoundUp(bound->ir_bytes, kIrAlignment);
  return RowAggregator(std::move(bound));
}

Status RowAggregator::AddBase(const conf::Aggregation& aggregation, const std::string& bucket,
                              const types::Schema& input, Bound* bound) {
  for (const BaseAggregation& base : bound->aggregations) {
    if (Same(base, aggregation, bucket)) return Status();
  }
  BaseAggregation base;
  CATENA_TRY(base.kernel, BindOne(aggregation, bucket, input));
  base.input_column = aggregation.input_column;
  base.operation = aggregation.operation;
  base.arguments = aggregation.arguments;
  base.bucket = bucket;
  base.element_wise = aggregation.element_wise;
  base.input_index = IndexIn(&bound->input_schema, input, base.input_column);
  if (!bucket.empty()) base.bucket_index = IndexIn(&bound->input_schema, input, bucket);
  const IrLayout layout = base.kernel->layout();
  base.offset = RoundUp(bound->ir_bytes, layout.alignment);
  bound->ir_bytes = base.offset + layout.bytes;
  bound->removable = bound->removable && base.kernel->removable();
  bound->exact = bound->exact && base.kernel->exact();
  bound->aggregations.push_back(std::move(base));
  return Status();
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
  const auto find = [&](size_t index) {
    const types::Field& field = bound_->input_schema.fields[index];
    const types::Column* column = batch.Find(field.name);
    CATENA_CHECK(column != nullptr && column->type() == field.type,
                 "batch lacks a column of input_schema(), or has it with another type");
    return column;
  };
  return KernelInput{find(aggregation.input_index),
                     aggregation.bucket.empty() ? nullptr : find(aggregation.bucket_index),
                     event_times, source_orders};
}

void RowAggregator::Update(const types::Batch& batch, std::span<const int64_t> event_times,
                           std::span<const uint64_t> source_orders, std::span<const uint32_t> rows,
                           std::span<std::byte* const> irs) const noexcept {
  std::vector<KernelInput> inputs;
  for (const BaseAggregation& base : bound_->aggregations) {
    inputs.push_back(InputOf(base, batch, event_times, source_orders));
  }
  // So few rows at a time that their IR rows are still in the cache for the next aggregation.
  const size_t at_once = inputs.size() > 1 ? 1024 : rows.size();
  for (size_t first = 0; first < rows.size(); first += at_once) {
    const size_t count = std::min(at_once, rows.size() - first);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const BaseAggregation& base = bound_->aggregations[i];
      base.kernel->UpdateEach(inputs[i], rows.subspan(first, count), irs.subspan(first, count),
                              base.offset);
    }
  }
}

void RowAggregator::UpdateRange(const types::Batch& batch, std::span<const int64_t> event_times,
                                std::span<const uint64_t> source_orders, uint32_t begin,
                                uint32_t end, std::byte* ir) const noexcept {
  for (const BaseAggregation& base : bound_->aggregations) {
    base.kernel->UpdateRange(InputOf(base, batch, event_times, source_orders), begin, end,
                             ir + base.offset);
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
