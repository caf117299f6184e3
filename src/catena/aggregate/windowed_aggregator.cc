// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/windowed_aggregator.h"

#include <algorithm>

namespace catena::aggregate {

Result<WindowedAggregator> WindowedAggregator::Bind(const conf::GroupBy& group_by,
                                                    const types::Schema& input) {
  for (size_t i = 0; i < group_by.aggregations.size(); ++i) {
    for (const conf::Window& window : group_by.aggregations[i].windows) {
      if (window.Length() > Millis{0}) continue;
      return InvalidConf(group_by.metadata.name + ": aggregations[" + std::to_string(i) +
                         "]: give the window a length of at least one unit: " + window.Suffix());
    }
  }
  CATENA_TRY(RowAggregator rows, RowAggregator::Bind(group_by, input));
  auto bound = std::make_shared<Bound>();
  bound->exact_windows = group_by.exact_windows;
  for (const conf::AggregationOutput& asked : conf::OutputsOf(group_by)) {
    const WindowLength length =
        asked.windowed ? WindowLength(asked.window.Length()) : WindowLength();
    const auto at = std::find(bound->windows.begin(), bound->windows.end(), length);
    WindowedOutput output;
    output.name = asked.name;
    output.window = static_cast<size_t>(at - bound->windows.begin());
    if (at == bound->windows.end()) {
      if (!length) bound->unwindowed = output.window;
      bound->windows.push_back(length);
      bound->uses.emplace_back(rows.aggregations().size(), false);
    }
    output.base = rows.BaseOf(group_by.aggregations[asked.aggregation], asked.bucket);
    bound->uses[output.window][output.base] = true;
    output.type = rows.aggregations()[output.base].kernel->output_type();
    bound->output_schema.fields.push_back(types::Field{output.name, output.type});
    bound->outputs.push_back(std::move(output));
  }
  return WindowedAggregator(std::move(rows), std::move(bound));
}

void WindowedAggregator::AppendRow(std::span<const std::byte* const> irs,
                                   std::span<types::Column* const> columns) const noexcept {
  for (size_t i = 0; i < bound_->outputs.size(); ++i) {
    const WindowedOutput& output = bound_->outputs[i];
    rows_.Finalize(output.base, irs.subspan(output.window, 1), columns[i]);
  }
}

void WindowedAggregator::AppendRow(std::span<const std::byte* const> irs,
                                   types::BatchBuilder* builder) const noexcept {
  for (size_t i = 0; i < bound_->outputs.size(); ++i) {
    const WindowedOutput& output = bound_->outputs[i];
    rows_.Finalize(output.base, irs.subspan(output.window, 1), builder->column(i));
  }
}

}  // namespace catena::aggregate
