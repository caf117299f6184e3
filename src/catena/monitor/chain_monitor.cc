// SPDX-License-Identifier: Apache-2.0
#include "catena/monitor/chain_monitor.h"

#include <algorithm>
#include <utility>

#include "catena/base/metrics.h"

namespace catena::monitor {
namespace {

// Nobody has measured these for a while, and what was true then is not shown as if it were now.
void ForgetRates(streaming::ChainReport* report) {
  report->join_input_rate = 0;
  report->join_output_rate = 0;
  report->join_latency_p99 = 0;
  report->groupby_window_updates = 0;
  report->chain_total_latency = 0;
  report->chain_total_latency_p50 = 0;
  if (report->shared) report->groupby_input_lag = 0;  // Others have its partitions by now.
}

}  // namespace

Status ChainMonitor::MeasureLag(Timestamp now, ChainHealth* health) {
  const std::string& topic = health->report.topic;
  auto at = meters_.find(topic);
  if (at == meters_.end()) {
    CATENA_TRY(TopicLagMeter meter, TopicLagMeter::Open(topic, options_.kafka));
    at = meters_.emplace(topic, std::move(meter)).first;
  }
  auto lag = at->second.Measure(store_, health->report.group_by, now);
  if (!lag.ok()) {
    meters_.erase(at);  // Opened anew next time: the topic may have been made again.
    return lag.error();
  }
  health->records_waiting = lag->records_waiting;
  health->watermark = lag->watermark;
  // The last report may be older than what was folded last.
  if (!lag->counts.empty()) health->report.counts = lag->counts;
  const auto millis = static_cast<double>(std::max(lag->lag, Millis{0}).count());
  health->report.groupby_input_lag = millis;
  if (lag->lag >= options_.stall_after) {
    health->report.chain_total_latency = std::max(health->report.chain_total_latency, millis);
  }
  return Status();
}

ChainHealth ChainMonitor::HealthOf(streaming::ChainReport report, Timestamp now) {
  ChainHealth health;
  health.report = std::move(report);
  health.report_age = std::max(now - health.report.written_at, Millis{0});
  health.stale = health.report_age > options_.stale_after;
  if (health.stale) ForgetRates(&health.report);
  // How far a shared topic is no single state knows; the report has what the process knows.
  const Status lag = health.report.shared ? Status() : MeasureLag(now, &health);
  if (!lag.ok()) {
    health.problem = lag.error().message;
    // Unmeasured, it is at least as old as the last report.
    if (health.stale) {
      health.report.groupby_input_lag += static_cast<double>(health.report_age.count());
    }
  }
  const AlertRule rules[] = {
      {"groupby.input.lag", kBehindText, options_.lag_alert_millis},
      {"chain.total.latency", kSlowText, options_.latency_alert_millis},
      {"stream.stalled", kStalledText, static_cast<double>(options_.stall_after.count())},
  };
  // A job that no longer reports is not known to wait for anything.
  const bool stalled = !health.stale && !health.report.stalled.empty();
  const double stalled_millis =
      stalled ? static_cast<double>((now - health.report.stalled_since).count()) : 0;
  if (stalled && health.problem.empty()) health.problem = "stalled: " + health.report.stalled;
  std::vector<AlertState>& states = alerts_[health.report.group_by];
  states.resize(std::size(rules));
  const double values[] = {health.report.groupby_input_lag, health.report.chain_total_latency,
                           stalled_millis};
  for (size_t i = 0; i < std::size(rules); ++i) {
    auto alert =
        states[i].Update(rules[i], health.report.group_by, values[i], now, options_.log_alerts);
    if (alert) health.alerts.push_back(std::move(*alert));
  }
  return health;
}

Result<std::vector<ChainHealth>> ChainMonitor::Check() {
  // Of when the reports were read: a topic that does not answer takes its time to say so.
  const Timestamp now = clock_->Now();
  CATENA_TRY(auto reports, streaming::ReadReports(store_));
  std::sort(reports.begin(), reports.end(),
            [](const auto& a, const auto& b) { return a.group_by < b.group_by; });
  const std::lock_guard lock(mutex_);
  std::vector<ChainHealth> chains;
  for (auto& report : reports) chains.push_back(HealthOf(std::move(report), now));
  return chains;
}

void ChainMonitor::Publish(const std::vector<ChainHealth>& chains) {
  Metrics& metrics = Metrics::Global();
  for (const ChainHealth& chain : chains) {
    const std::string& name = chain.report.group_by;
    const Json eight = chain.report.Metrics();
    for (const auto& [metric, value] : eight.items()) {
      metrics.Set("catena_chain_metric", {{"group_by", name}, {"metric", metric}},
                  value.get<double>());
    }
    for (const std::string_view text : {kBehindText, kSlowText, kStalledText}) {
      const bool fires = std::any_of(chain.alerts.begin(), chain.alerts.end(),
                                     [&](const Alert& alert) { return alert.text == text; });
      metrics.Set("catena_alert", {{"group_by", name}, {"alert", std::string(text)}},
                  fires ? 1 : 0);
    }
    if (!chain.report.shared) {
      metrics.Set("catena_consumer_lag_records",
                  {{"group_by", name}, {"topic", chain.report.topic}},
                  static_cast<double>(chain.records_waiting));
    }
    if (chain.watermark > Timestamp::min()) {
      metrics.Set("catena_watermark_timestamp_seconds", {{"group_by", name}},
                  static_cast<double>(ToMillis(chain.watermark)) / 1000);
    }
    metrics.Set("catena_state_bytes", {{"group_by", name}}, chain.report.groupby_state_size);
    for (const auto& [column, rate] : chain.report.null_rates) {
      metrics.Set("catena_feature_null_ratio", {{"group_by", name}, {"column", column}}, rate);
    }
  }
}

}  // namespace catena::monitor
