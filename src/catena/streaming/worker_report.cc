// SPDX-License-Identifier: Apache-2.0
// What a worker tells of its work: metrics, and with --debug its rows.

#include <cstdio>

#include "catena/base/json.h"
#include "catena/streaming/worker.h"

namespace catena::streaming {

void Worker::CountFolded(FoldTarget* target, const fetch::Checkpoint& before,
                         const fetch::Checkpoint& after, const std::vector<int64_t>& event_times,
                         const std::vector<int64_t>& append_times) const {
  const SinkMetrics& metrics = target->metrics;
  const Timestamp now = clock_->Now();
  std::vector<std::pair<double, uint64_t>> latencies;  // With how many rows; neighbours are equal.
  for (size_t begin = 0, end = 0; begin < append_times.size(); begin = end) {
    while (end < append_times.size() && append_times[end] == append_times[begin]) ++end;
    const int64_t latency = ToMillis(now) - append_times[begin];
    target->stats->folded.Add(now, latency * 1000, end - begin);
    latencies.emplace_back(static_cast<double>(latency) / 1000.0, end - begin);
  }
  if (!latencies.empty()) metrics.latency.Observe(latencies);
  // Times in another unit, or of history that is replayed, show here as they do in a backfill.
  int64_t other_day = 0;
  for (size_t row = 0; row < event_times.size(); ++row) {
    const bool same =
        Date::Of(FromMillis(event_times[row])) == Date::Of(FromMillis(append_times[row]));
    other_day += same ? 0 : 1;
  }
  const auto count = [](const Metrics::Counter& counter, int64_t rows) {
    if (rows != 0) counter.Add(static_cast<double>(rows));
  };
  count(metrics.folded, after.folded - before.folded);
  count(metrics.filtered, after.filtered - before.filtered);
  count(metrics.null_key, after.null_key - before.null_key);
  count(metrics.dead_lettered, after.dead_lettered - before.dead_lettered);
  count(metrics.late, after.late_beyond_retention - before.late_beyond_retention);
  count(metrics.duplicate, after.duplicate - before.duplicate);
  count(metrics.other_day, other_day);
}

// --debug: decoded, enriched, projected; one JSON object a row, nothing is stored.
void Worker::PrintRows(const FoldTarget& target, const types::Batch& rows,
                       const std::vector<int64_t>& event_times,
                       const std::vector<uint8_t>& incomplete) const {
  for (size_t row = 0; row < rows.rows(); ++row) {
    Json values = Json::object();
    for (size_t i = 0; i < rows.width(); ++i) {
      values[rows.schema().fields[i].name] = types::ToJson(rows.column(i).ValueAt(row));
    }
    const Json line = {{"group_by", target.sink->name()},
                       {"event_time", event_times[row]},
                       {"complete", incomplete[row] == 0},
                       {"row", std::move(values)}};
    std::printf("%s\n", PrintJson(line).c_str());
  }
  std::fflush(stdout);
}

}  // namespace catena::streaming
