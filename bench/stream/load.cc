// SPDX-License-Identifier: Apache-2.0
// stream_load: payments and scores on a real broker by schedule, and who sees them when.
//
//   usage    stream_load '{"brokers": ..., "payments": ..., "risks": ..., ...}'
//   input    `store`, `conf`, `feature`: watch a stream's features; without them the floor: plain
//            consumption of the same topic
//   output   one line of JSON: what was produced, latencies in milliseconds
//   exit     0; 1 when a probe was not seen

#include <cstdio>
#include <exception>
#include <future>

#include "bench/stream/freshness.h"
#include "bench/stream/kafka.h"

namespace catena::bench {
namespace {

Load LoadOf(const Json& given) {
  Load load;
  load.brokers = given.at("brokers");
  load.payments = given.at("payments");
  load.risks = given.at("risks");
  load.payment_partitions = given.at("payment_partitions");
  load.risk_partitions = given.at("risk_partitions");
  load.users = given.at("users");
  load.merchants = given.at("merchants");
  load.seed = given.at("seed");
  load.hot_every = given.at("hot_every");
  return load;
}

int Run(const char* text) {
  const Json given = ParseJson(text, "the first argument").value();
  const Load load = LoadOf(given);
  Schedule schedule(given.at("rate"), given.at("seconds"), given.at("warm_up"));
  schedule.BeginNow();
  ProduceFirstRisks(load, schedule.begin_millis);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  schedule.BeginNow();
  auto produced = std::async(std::launch::async, [&] { return ProduceOnSchedule(load, schedule); });
  Json told;
  if (given.contains("store")) {
    const auto watched =
        WatchProbes({given.at("store"), given.at("conf"), given.at("feature")}, schedule);
    if (!watched.ok()) {
      std::fprintf(stderr, "stream_load: %s\n", watched.error().message.c_str());
      return 1;
    }
    told = *watched;
  } else {
    told = ConsumeAll(load, schedule);
  }
  told.update(produced.get());
  told["first_risks"] = load.merchants;
  std::printf("%s\n", PrintJson(told).c_str());
  return 0;
}

}  // namespace
}  // namespace catena::bench

int main(int argc, char** argv) {
  try {
    if (argc == 2) return catena::bench::Run(argv[1]);
    std::fprintf(stderr, "usage: stream_load JSON\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stream_load: %s\n", error.what());
  }
  return 1;
}
