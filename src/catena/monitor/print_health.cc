// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "catena/monitor/chain_monitor.h"

namespace catena::monitor {
namespace {

std::string Bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string Duration(double millis) {
  if (millis < 1000) return fmt::format("{:.1f} ms", millis);
  if (millis < 120000) return fmt::format("{:.1f} s", millis / 1000);
  if (millis < 7200000) return fmt::format("{:.1f} min", millis / 60000);
  return fmt::format("{:.1f} h", millis / 3600000);
}

std::string StateOf(const ChainHealth& chain) {
  if (!chain.alerts.empty()) return "ALERT";
  return chain.stale ? "stopped" : "ok";
}

}  // namespace

Json HealthToJson(const std::vector<ChainHealth>& chains) {
  Json list = Json::array();
  for (const ChainHealth& chain : chains) {
    Json alerts = Json::array();
    for (const Alert& alert : chain.alerts) {
      alerts.push_back(Json{{"text", alert.text},
                            {"metric", alert.metric},
                            {"value", alert.value},
                            {"threshold", alert.threshold},
                            {"since_millis", ToMillis(alert.since)}});
    }
    Json one = {{"group_by", chain.report.group_by},
                {"topic", chain.report.topic},
                {"chained", chain.report.chained},
                {"metrics", chain.report.Metrics()},
                {"chain.total.latency.p50", chain.report.chain_total_latency_p50},
                {"null_rates", chain.report.null_rates},
                {"counts", chain.report.counts},
                {"records_waiting", chain.report.shared ? Json() : Json(chain.records_waiting)},
                {"shared", chain.report.shared},
                {"written_at_millis", ToMillis(chain.report.written_at)},
                {"report_age_millis", chain.report_age.count()},
                {"stale", chain.stale},
                {"alerts", std::move(alerts)}};
    if (!chain.problem.empty()) one["problem"] = chain.problem;
    list.push_back(std::move(one));
  }
  return Json{{"chains", std::move(list)}};
}

std::string HealthTable(const std::vector<ChainHealth>& chains) {
  std::vector<std::vector<std::string>> rows = {{"group_by", "state", "in/s", "out/s", "join p99",
                                                 "lag", "state size", "updates/s", "latency p99",
                                                 "nulls"}};
  for (const ChainHealth& chain : chains) {
    const streaming::ChainReport& report = chain.report;
    rows.push_back(
        {report.group_by, StateOf(chain), fmt::format("{:.1f}", report.join_input_rate),
         fmt::format("{:.1f}", report.join_output_rate), Duration(report.join_latency_p99),
         Duration(report.groupby_input_lag), Bytes(report.groupby_state_size),
         fmt::format("{:.1f}", report.groupby_window_updates), Duration(report.chain_total_latency),
         fmt::format("{:.2f} %", 100 * report.chain_data_quality)});
  }
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = fmt::format("{:<{}}  {:<{}}", row[0], widths[0], row[1], widths[1]);
    for (size_t i = 2; i < row.size(); ++i) line += fmt::format("  {:>{}}", row[i], widths[i]);
    text += line + "\n";
  }
  for (const ChainHealth& chain : chains) {
    for (const Alert& alert : chain.alerts) {
      text += fmt::format("ALERT  {}: {} ({} {} > {}, since {})\n", chain.report.group_by,
                          alert.text, alert.metric, Duration(alert.value),
                          Duration(alert.threshold), FormatTimestamp(alert.since));
    }
    if (chain.stale) {
      text += fmt::format("stopped  {}: no report for {}; rates are 0, {}\n", chain.report.group_by,
                          Duration(static_cast<double>(chain.report_age.count())),
                          chain.report.shared ? "and its partitions are with those that share them"
                                              : "lag is measured from the topic");
    }
    if (!chain.problem.empty()) {
      text += fmt::format("problem  {}: {}\n", chain.report.group_by, chain.problem);
    }
  }
  return text;
}

}  // namespace catena::monitor
