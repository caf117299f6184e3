// SPDX-License-Identifier: Apache-2.0
// `catena monitor`: the eight metrics and the alerts of every chain, now.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/stop_signals.h"
#include "catena/cli/storage.h"
#include "catena/monitor/chain_monitor.h"

namespace catena::cli {
namespace {

constexpr Millis kRedraw{1000};
constexpr const char* kHomeAndClear = "\x1b[H\x1b[2J";

struct MonitorFlags {
  bool json = false;
  bool watch = false;
};

Result<std::string> Render(monitor::ChainMonitor* watched, bool json) {
  CATENA_TRY(const auto chains, watched->Check());
  if (json) return PrintJson(monitor::HealthToJson(chains)) + "\n";
  if (chains.empty()) {
    return std::string("nothing streams yet: run `catena group-by-streaming --conf-path ...`\n");
  }
  return monitor::HealthTable(chains);
}

Result<int> Monitor(const MonitorFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  StopSignals signals;
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  monitor::MonitorOptions options;
  options.lag_alert_millis = static_cast<double>(settings.lag_alert_millis);
  options.latency_alert_millis = static_cast<double>(settings.latency_alert_millis);
  options.kafka = settings.kafka;
  monitor::ChainMonitor watched(store.get(), options, &SystemClock());
  do {
    CATENA_TRY(const std::string text, Render(&watched, given.json));
    if (given.watch && !given.json) {
      fmt::print("{}catena monitor  {}\n\n", kHomeAndClear, FormatTimestamp(SystemClock().Now()));
    }
    fmt::print("{}", text);
    if (std::fflush(stdout) != 0) return 1;
  } while (given.watch && !signals.Sleep(kRedraw));
  return signals.ExitCode(0);
}

}  // namespace

Command MonitorCommand() {
  return {"monitor",
          "Serve",
          "Show the eight metrics and the alerts of every chain.",
          "Reads the reports that the streaming job leaves in the store, and measures the lag from "
          "the topic itself, so it is right also when the job is stopped or dead. Alerts: \"Chain "
          "broken: GroupBy falling behind\" (groupby.input.lag over 60,000 ms), \"Chain slow: High "
          "end-to-end latency\" (chain.total.latency over 30,000 ms), \"Chain stalled: what it "
          "needs does "
          "not answer\" (a second after the job said so); `monitor:` of catena.yaml "
          "sets other thresholds.",
          "  catena monitor\n  catena monitor --json\n  catena monitor --watch\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<MonitorFlags>();
            flags->Switch("--json", &given->json, "Print JSON; with --watch a line a second.");
            flags->Switch("--watch", &given->watch, "Redraw every second until interrupted.");
            return [given, common] { return Monitor(*given, *common); };
          }};
}

}  // namespace catena::cli
