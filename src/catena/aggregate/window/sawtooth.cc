// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sawtooth.h"

#include "catena/base/check.h"

namespace catena::aggregate {
namespace {

#ifndef NDEBUG
void CheckSorted(const SawtoothInput& input) {
  for (size_t g = 0; g + 1 < input.query_begin.size(); ++g) {
    for (uint32_t i = input.event_begin[g] + 1; i < input.event_begin[g + 1]; ++i) {
      CATENA_CHECK(
          input.event_times[input.event_rows[i - 1]] <= input.event_times[input.event_rows[i]],
          "events of a group are not sorted by time");
    }
    for (uint32_t i = input.query_begin[g] + 1; i < input.query_begin[g + 1]; ++i) {
      CATENA_CHECK(
          input.query_times[input.query_rows[i - 1]] <= input.query_times[input.query_rows[i]],
          "queries of a group are not sorted by time");
    }
  }
}
#endif

}  // namespace

std::vector<types::ColumnPtr> AnswerQueries(const WindowedAggregator& windowed,
                                            const SawtoothInput& input) {
  CATENA_CHECK(input.event_begin.size() == input.query_begin.size(),
               "every group has an entry in event_begin and in query_begin");
#ifndef NDEBUG
  CheckSorted(input);
#endif
  SweepInput sweep{.events = {},
                   .event_rows = input.event_rows,
                   .event_begin = input.event_begin,
                   .query_times = input.query_times,
                   .query_rows = input.query_rows,
                   .query_begin = input.query_begin,
                   .output_rows = input.output_rows};
  const auto outputs = windowed.outputs();
  const auto bases = windowed.rows().aggregations();
  std::vector<types::ColumnPtr> columns(outputs.size());
  // One sweep per base aggregation answers all of its windows.
  for (size_t base = 0; base < bases.size(); ++base) {
    std::vector<SweepWindow> windows;
    std::vector<size_t> asked;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].base != base) continue;
      const WindowLength& length = windowed.windows()[outputs[i].window];
      windows.push_back(length ? SweepWindow{true, length->count()} : SweepWindow{});
      asked.push_back(i);
    }
    sweep.events =
        windowed.rows().InputOf(bases[base], *input.events, input.event_times, input.event_orders);
    const auto answers = bases[base].kernel->Sweep(sweep, windows);
    for (size_t i = 0; i < asked.size(); ++i) columns[asked[i]] = answers[i];
  }
  return columns;
}

}  // namespace catena::aggregate
