// SPDX-License-Identifier: Apache-2.0
// `catena serve`: features over HTTP; with --stream, the streaming job in the same process.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "catena/base/metrics.h"
#include "catena/base/version.h"
#include "catena/cli/commands.h"
#include "catena/cli/stop_signals.h"
#include "catena/cli/storage.h"
#include "catena/cli/streaming_job.h"
#include "catena/monitor/chain_monitor.h"
#include "catena/serve/http_server.h"
#include "catena/serve/routes.h"

namespace catena::cli {
namespace {

constexpr int64_t kDefaultPort = 9480;
constexpr Millis kWatch{1000};

struct ServeFlags {
  std::optional<int64_t> port;
  std::string bind = "127.0.0.1";
  std::optional<int64_t> threads;
  std::vector<std::string> conf_paths;
  std::vector<std::string> stream;
};

Result<serve::HttpServerOptions> ServerOptions(const ServeFlags& given) {
  const int64_t port = given.port.value_or(kDefaultPort);
  if (port < 0 || port > 65535) {
    return InvalidConf("--port is between 0 (any free one) and 65535: " + std::to_string(port));
  }
  serve::HttpServerOptions options;
  options.bind = given.bind == "localhost" ? "127.0.0.1" : given.bind;
  options.port = static_cast<uint16_t>(port);
  const int64_t cores = std::max(4u, std::thread::hardware_concurrency());
  options.threads = static_cast<int>(std::clamp<int64_t>(given.threads.value_or(cores), 1, 256));
  return options;
}

// Alerts begin and end in the log, whether or not anybody asks for the metrics.
void WatchChains(monitor::ChainMonitor* monitor, const StopSignals& signals) {
  while (!signals.Sleep(kWatch)) {
    const auto chains = monitor->Check();
    if (chains.ok()) monitor::ChainMonitor::Publish(*chains);
  }
}

Result<int> Serve(const ServeFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const serve::HttpServerOptions options, ServerOptions(given));
  CATENA_TRY(const auto confs, GivenOrRepositoryConfs(settings, given.conf_paths));
  CATENA_TRY(const auto streamed, OpenConfs(settings, given.stream));
  StopSignals signals;
  const bool streams = !streamed.empty();
  CATENA_TRY(const auto store,
             OpenStore(settings, streams ? kv::OpenMode::kOwn : kv::OpenMode::kReadOnly));
  fetch::Fetcher fetcher(store.get());
  for (const conf::Conf& conf : confs) fetcher.AddConf(conf);
  for (const conf::Conf& conf : streamed) fetcher.AddConf(conf);
  StreamingJob job;
  if (streams) {
    CATENA_RETURN_IF_ERROR(job.Open(settings, streamed, store.get(), {}));
    fmt::print("{}\n", job.Explain());
  }
  monitor::ChainMonitor monitor(
      store.get(),
      {.lag_alert_millis = static_cast<double>(settings.lag_alert_millis),
       .latency_alert_millis = static_cast<double>(settings.latency_alert_millis),
       .log_alerts = true,
       .kafka = settings.kafka},
      &SystemClock());
  Metrics::Global().Set("catena_build_info", {{"version", std::string(kVersion)}}, 1);
  serve::Service service{&fetcher, store.get(), &monitor, &SystemClock(), nullptr};
  if (streams) {
    service.not_ready = [&job]() -> std::optional<std::string> {
      if (job.CaughtUp()) return std::nullopt;
      return "the stream has not caught up with its topics yet";
    };
  }
  CATENA_TRY(const auto server, serve::HttpServer::Start(options, serve::MakeRoutes(service)));
  fmt::print("serving {} Joins and {} GroupBys on http://{}:{}\n", fetcher.JoinNames().size(),
             fetcher.GroupByNames().size(), options.bind, server->port());
  std::fflush(stdout);
  Status ran;
  {
    const std::jthread watcher([&] { WatchChains(&monitor, signals); });
    if (streams) {
      ran = job.Run(signals);
      signals.Stop();
    } else {
      while (!signals.Sleep(kWatch)) continue;
    }
  }
  server->Stop();
  if (!ran.ok()) return ran.error();
  return signals.ExitCode(0);
}

}  // namespace

Command ServeCommand() {
  return {"serve",
          "Serve",
          "Answer features over HTTP; with --stream, keep them fresh as well.",
          "POST /v1/features/join/{name} and /v1/features/groupby/{name} take a JSON array of key "
          "maps, as Chronon's service does, and ?atMillis=. GET /healthz /readyz /metrics "
          "/openapi.json /v1/chain /v1/joins /v1/groupbys. Without --stream it reads the store "
          "beside whatever process writes it.",
          "  catena serve\n"
          "  catena serve --port 9500 --stream production/group_bys/fraud/user_risk.v1\n"
          "  curl -d '[{\"user_id\": 7, \"merchant_id\": 3}]' "
          "localhost:9480/v1/features/join/fraud.final.v1\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<ServeFlags>();
            flags->Whole("--port PORT", &given->port, "9480 when absent; 0 takes any free one.");
            flags->Text("--bind ADDRESS", &given->bind,
                        "127.0.0.1 when absent: nobody but this machine.");
            flags->Whole("--threads N", &given->threads,
                         "That answer; one a core, at least 4, when absent.");
            flags->Texts("--conf-path,CONF FILE", &given->conf_paths,
                         "Compiled confs; those of <repo>/production when absent.");
            flags->Texts("--stream FILE", &given->stream,
                         "Compiled confs to stream in this process, which then owns the store.");
            return [given, common] { return Serve(*given, *common); };
          }};
}

}  // namespace catena::cli
