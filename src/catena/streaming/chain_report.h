// SPDX-License-Identifier: Apache-2.0
// ChainReport: the seed's eight metrics of one GroupBy's stream, as one value.
//
// The job writes a report a second as a mark of dataset `catena_monitor`, so that any process that
// can read the store can show it; the monitor adds what only it can know (the lag of a job that
// does not answer).
//
//   units    as the seed's table: rates 1/s over the last ten seconds, times in milliseconds
//   null     a metric of a stage that the stream does not have (a simple stream has no join) is 0
//   errors   decoding another text is kCorruption
//   source   ChainMonitor of the seed, names included

#pragma once

#include <map>
#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/base/time.h"
#include "catena/kv/kv_store.h"

namespace catena::streaming {

struct ChainReport {
  std::string group_by;
  std::string topic;  // Address of the left topic, absolute.
  bool chained = false;
  bool shared = false;  // With other processes: counts and lag are of this one's partitions.
  Timestamp written_at;
  double join_input_rate = 0;                // join.input.rate
  double join_output_rate = 0;               // join.output.rate
  double join_latency_p99 = 0;               // join.latency.p99
  double groupby_input_lag = 0;              // groupby.input.lag
  double groupby_state_size = 0;             // groupby.state.size
  double groupby_window_updates = 0;         // groupby.window.updates
  double chain_total_latency = 0;            // chain.total.latency, p99
  double chain_data_quality = 0;             // chain.data.quality: null rate of the worst column
  std::map<std::string, double> null_rates;  // By column.
  double chain_total_latency_p50 = 0;
  std::map<std::string, int64_t> counts;  // Checkpoint counts, summed over partitions.
  // What the job waits for, which does not answer, and since when; empty while it works.
  std::string stalled;
  Timestamp stalled_since;

  // {"join.input.rate": ..., ...}: the eight by their names.
  Json Metrics() const;
};

Json ReportToJson(const ChainReport& report);
Result<ChainReport> ReportFromJson(const Json& json);

kv::Mark ReportMark(const ChainReport& report);
Result<std::vector<ChainReport>> ReadReports(kv::KVStore* store);

}  // namespace catena::streaming
