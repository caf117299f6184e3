// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sawtooth.h"

#include <algorithm>

#include "catena/aggregate/window/resolution.h"
#include "catena/aggregate/window/sweep_walk.h"
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

// The outputs that a base aggregation answers.
std::vector<size_t> OutputsOf(const WindowedAggregator& windowed, size_t base) {
  std::vector<size_t> outputs;
  for (size_t i = 0; i < windowed.outputs().size(); ++i) {
    if (windowed.outputs()[i].base == base) outputs.push_back(i);
  }
  return outputs;
}

// Where the hop stands in `hops`, which it is appended to when it is new.
size_t IndexIn(std::vector<int64_t>* hops, int64_t hop) {
  const auto at = std::find(hops->begin(), hops->end(), hop);
  if (at != hops->end()) return static_cast<size_t>(at - hops->begin());
  hops->push_back(hop);
  return hops->size() - 1;
}

}  // namespace

std::vector<types::ColumnPtr> AnswerQueries(const WindowedAggregator& windowed,
                                            const SawtoothInput& input) {
  CATENA_CHECK(input.event_begin.size() == input.query_begin.size(),
               "every group has an entry in event_begin and in query_begin");
#ifndef NDEBUG
  CheckSorted(input);
#endif
  const auto bases = windowed.rows().aggregations();
  std::vector<SweepWalk::Window> windows;
  for (const WindowLength& length : windowed.windows()) {
    if (!length) {
      windows.emplace_back();
      continue;
    }
    const Millis hop = windowed.exact_windows() ? kExactHop : TailHop(*length);
    windows.push_back({true, length->count(), hop.count()});
  }
  std::vector<int64_t> hops;  // Distinct, of aggregations that want to know.
  std::vector<std::unique_ptr<KernelSweep>> sweeps;
  std::vector<std::vector<size_t>> asked;  // By base aggregation: its outputs.
  for (size_t base = 0; base < bases.size(); ++base) {
    asked.push_back(OutputsOf(windowed, base));
    std::vector<SweepWindow> mine;
    for (const size_t output : asked.back()) {
      const size_t window = windowed.outputs()[output].window;
      mine.push_back({window, std::nullopt});
      if (bases[base].kernel->removable() || !windows[window].windowed) continue;
      mine.back().hop_class = IndexIn(&hops, windows[window].hop);
    }
    const SweepInput sweep{
        windowed.rows().InputOf(bases[base], *input.events, input.event_times, input.event_orders),
        input.event_rows, input.output_rows};
    sweeps.push_back(bases[base].kernel->NewSweep(sweep, mine));
  }
  SweepWalk walk(input, windows, hops);
  while (walk.Next()) {
    for (const auto& sweep : sweeps) sweep->Run(walk.chunk());
  }
  std::vector<types::ColumnPtr> columns(windowed.outputs().size());
  for (size_t base = 0; base < bases.size(); ++base) {
    const auto answers = sweeps[base]->Take();
    for (size_t i = 0; i < answers.size(); ++i) columns[asked[base][i]] = answers[i];
  }
  return columns;
}

}  // namespace catena::aggregate
