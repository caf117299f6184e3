// SPDX-License-Identifier: Apache-2.0
// WindowedAggregator: a GroupBy's outputs: which base aggregation over which window.
//
// Windows of one length are one window (1d and 24h are two outputs of it). Whoever folds keeps one
// IR row per distinct window and hands them to AppendRow.
//
//   output   one column per output of conf::OutputsOf(group_by), in that order, named as there (no
//            GroupBy prefix); null where the window is empty
//   errors   Bind as RowAggregator::Bind, and windows that are not longer than zero
//   threads  immutable and cheap to copy

#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/aggregate/row_aggregator.h"
#include "catena/base/time.h"
#include "catena/conf/output_names.h"

namespace catena::aggregate {

// Absent: unwindowed, everything before the query.
using WindowLength = std::optional<Millis>;

struct WindowedOutput {
  std::string name;
  types::DataType type;
  size_t base = 0;    // In rows().aggregations().
  size_t window = 0;  // In windows().
};

class WindowedAggregator {
 public:
  static Result<WindowedAggregator> Bind(const conf::GroupBy& group_by, const types::Schema& input);

  const RowAggregator& rows() const { return rows_; }
  // Distinct, in order of first use.
  std::span<const WindowLength> windows() const { return bound_->windows; }
  // The one unwindowed window, if any output asks for it.
  std::optional<size_t> unwindowed() const { return bound_->unwindowed; }
  std::span<const WindowedOutput> outputs() const { return bound_->outputs; }
  // By window, by base aggregation: does an output ask for the two together?
  const std::vector<std::vector<bool>>& uses() const { return bound_->uses; }
  const types::Schema& output_schema() const { return bound_->output_schema; }
  // Tails do not jump by hops (batch only; what serves and streams refuses such a GroupBy).
  bool exact_windows() const { return bound_->exact_windows; }

  // Finalizes one row: irs[w] is the IR row of windows()[w]; columns are typed as output_schema().
  void AppendRow(std::span<const std::byte* const> irs,
                 std::span<types::Column* const> columns) const noexcept;
  // The same into a builder of output_schema().
  void AppendRow(std::span<const std::byte* const> irs,
                 types::BatchBuilder* builder) const noexcept;

 private:
  struct Bound {
    std::vector<WindowLength> windows;
    std::optional<size_t> unwindowed;
    std::vector<WindowedOutput> outputs;
    std::vector<std::vector<bool>> uses;
    types::Schema output_schema;
    bool exact_windows = false;
  };
  WindowedAggregator(RowAggregator rows, std::shared_ptr<const Bound> bound)
      : rows_(std::move(rows)), bound_(std::move(bound)) {}

  RowAggregator rows_;
  std::shared_ptr<const Bound> bound_;
};

}  // namespace catena::aggregate
