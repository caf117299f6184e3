// SPDX-License-Identifier: Apache-2.0
// ChainMonitor: the seed's eight metrics and two alerts of every chain and simple stream, now;
// and a third alert, of a job that says that it waits for its store or a topic.
//
// The job writes a report a second into the store; the monitor reads it and adds what a job that
// does not answer cannot tell: how far the state is behind the topic (topic_lag.h).
//
//   output   a report older than `stale_after` is stale: its rates and join latency are shown as 0,
//            with the report's age; the lag stays live. A record that already waits longer than
//            `stall_after` counts as chain.total.latency, which could otherwise only be measured
//            once the stall is over. Of a process that shares its topic, counts and lag are those
//            of its own partitions, as it reported them; of a stale one they are others'
//   errors   those of the store; a topic that cannot be read is told in ChainHealth::problem
//   threads  every call may run concurrently with every other
//   order    chains by name
//   source   ChainMonitor of the seed, names, thresholds and texts included

#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/kv/kv_store.h"
#include "catena/monitor/alert.h"
#include "catena/monitor/topic_lag.h"
#include "catena/streaming/chain_report.h"

namespace catena::monitor {

struct MonitorOptions {
  double lag_alert_millis = 60000;
  double latency_alert_millis = 30000;
  Millis stale_after{5000};
  Millis stall_after{1000};
  bool log_alerts = false;                   // For processes that nobody looks at.
  std::map<std::string, std::string> kafka;  // librdkafka's properties, to look at its topics.
};

struct ChainHealth {
  streaming::ChainReport report;  // With the live values in it.
  Millis report_age{0};
  bool stale = false;           // No job reports: it is stopped, dead, or cannot answer.
  int64_t records_waiting = 0;  // Not known of one that shares a topic with other processes.
  Timestamp watermark = Timestamp::min();
  std::vector<Alert> alerts;  // Those that fire.
  std::string problem;        // Why the lag could not be measured, or what the job waits for.
};

class ChainMonitor {
 public:
  // `store` and `clock` outlive the monitor.
  ChainMonitor(kv::KVStore* store, const MonitorOptions& options, const Clock* clock)
      : store_(store), options_(options), clock_(clock) {}

  Result<std::vector<ChainHealth>> Check();
  // Puts what Check answered into the process's metrics.
  static void Publish(const std::vector<ChainHealth>& chains);

 private:
  ChainHealth HealthOf(streaming::ChainReport report, Timestamp now);
  Status MeasureLag(Timestamp now, ChainHealth* health);

  kv::KVStore* store_;
  MonitorOptions options_;
  const Clock* clock_;
  std::mutex mutex_;
  std::map<std::string, TopicLagMeter> meters_;            // By topic.
  std::map<std::string, std::vector<AlertState>> alerts_;  // By GroupBy, one a rule.
};

// {"chains": [{"group_by", "metrics": {eight}, "alerts": [...], ...}]}.
Json HealthToJson(const std::vector<ChainHealth>& chains);
// Aligned, for people; one line a chain, then one an alert.
std::string HealthTable(const std::vector<ChainHealth>& chains);

}  // namespace catena::monitor
