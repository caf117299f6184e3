// SPDX-License-Identifier: Apache-2.0
// RowAggregator: all aggregations of one GroupBy over a Batch, without windows.
//
// A GroupBy's aggregations are reduced to distinct *base* aggregations (input column, operation,
// arguments, bucket): however many windows ask for amount_sum, it is folded once. The IRs of all
// base aggregations stand side by side in one IR row: ir_bytes() bytes, each slot at an aligned
// offset; state of variable size hangs off its slot and is owned by it.
//
//   input    a Batch with at least the columns of input_schema(), found by name; event times in
//            milliseconds and source orders, both indexed by row of the Batch. Times need not be
//            sorted: every fold is independent of order
//   output   one value per base aggregation, typed by aggregations()[i].kernel->output_type(); null
//            for an empty fold, COUNT and SUM too
//   errors   Bind tells all violations at once, one per line; afterwards nothing fails
//   threads  immutable and cheap to copy; IR rows belong to the caller
//   order    Update, Merge: associative and commutative (operation.h)
//   source   Chronon RowAggregator

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "catena/aggregate/operation.h"
#include "catena/conf/group_by.h"
#include "catena/types/batch.h"

namespace catena::aggregate {

struct BaseAggregation {
  std::string input_column;
  conf::Operation operation = conf::Operation::kLast;
  std::map<std::string, std::string> arguments;
  std::string bucket;  // Empty: none.
  bool element_wise = false;
  size_t input_index = 0;   // In input_schema().
  size_t bucket_index = 0;  // In input_schema(); meaningful when there is a bucket.
  size_t offset = 0;        // Of its slot in the IR row.
  KernelPtr kernel;
};

class RowAggregator {
 public:
  // `input` is the schema after the source's selects. kInvalidConf: no aggregations, unknown
  // column, type that the operation does not take, wrong argument.
  static Result<RowAggregator> Bind(const conf::GroupBy& group_by, const types::Schema& input);

  // The columns aggregated or bucketed by, each once, by first use: also what a raw row stores.
  const types::Schema& input_schema() const { return bound_->input_schema; }
  std::span<const BaseAggregation> aggregations() const { return bound_->aggregations; }
  // The base aggregation that answers this aggregation of the GroupBy.
  size_t BaseOf(const conf::Aggregation& aggregation, const std::string& bucket) const;

  // What the kernel of a base aggregation reads of a batch.
  KernelInput InputOf(const BaseAggregation& aggregation, const types::Batch& batch,
                      std::span<const int64_t> event_times,
                      std::span<const uint64_t> source_orders) const;

  // A multiple of kIrAlignment.
  size_t ir_bytes() const { return bound_->ir_bytes; }
  // True when every base aggregation can Remove.
  bool removable() const { return bound_->removable; }
  // True when every base aggregation is exact.
  bool exact() const { return bound_->exact; }

  // `ir` points to ir_bytes() bytes aligned to kIrAlignment. Init once before, Destroy once after.
  void Init(std::byte* ir) const noexcept;
  void Destroy(std::byte* ir) const noexcept;
  // Both initialised; replaces `into`, deep.
  void Copy(std::byte* into, const std::byte* from) const noexcept;
  void Reset(std::byte* ir) const noexcept;
  bool IsEmpty(const std::byte* ir) const noexcept;
  // `from` stays as it is; it must not be `into`.
  void Merge(std::byte* into, const std::byte* from) const noexcept;

  // Row rows[i] into irs[i]; an IR row may occur many times.
  void Update(const types::Batch& batch, std::span<const int64_t> event_times,
              std::span<const uint64_t> source_orders, std::span<const uint32_t> rows,
              std::span<std::byte* const> irs) const noexcept;
  // Every row into one IR row.
  void UpdateOne(const types::Batch& batch, std::span<const int64_t> event_times,
                 std::span<const uint64_t> source_orders, std::span<const uint32_t> rows,
                 std::byte* ir) const noexcept;
  // Rows [begin, end) into one IR row: where rows lie together, the fastest way.
  void UpdateRange(const types::Batch& batch, std::span<const int64_t> event_times,
                   std::span<const uint64_t> source_orders, uint32_t begin, uint32_t end,
                   std::byte* ir) const noexcept;
  // Takes rows out again that were folded in. Only when removable().
  void RemoveOne(const types::Batch& batch, std::span<const int64_t> event_times,
                 std::span<const uint64_t> source_orders, std::span<const uint32_t> rows,
                 std::byte* ir) const noexcept;

  // Appends the value of base aggregation `i` of each IR row.
  void Finalize(size_t i, std::span<const std::byte* const> irs,
                types::Column* into) const noexcept;

 private:
  struct Bound {
    types::Schema input_schema;
    std::vector<BaseAggregation> aggregations;
    size_t ir_bytes = 0;
    bool removable = true;
    bool exact = true;
  };
  static Status AddBase(const conf::Aggregation& aggregation, const std::string& bucket,
                        const types::Schema& input, Bound* bound);
  explicit RowAggregator(std::shared_ptr<const Bound> bound) : bound_(std::move(bound)) {}

  std::shared_ptr<const Bound> bound_;
};

}  // namespace catena::aggregate
