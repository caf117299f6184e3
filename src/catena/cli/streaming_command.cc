// SPDX-License-Identifier: Apache-2.0
// `catena group-by-streaming`: topics into online state, chains included.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "catena/base/log.h"
#include "catena/cli/commands.h"
#include "catena/cli/stop_signals.h"
#include "catena/cli/storage.h"
#include "catena/cli/streaming_job.h"

namespace catena::cli {
namespace {

struct StreamingFlags {
  std::vector<std::string> conf_paths;
  std::optional<int64_t> lag_millis;
  bool debug = false;
  std::string gate;
  std::string kafka_bootstrap;
  std::string stage;
  bool share = false;
  bool allow_gap = false;
};

plan::ChainStage StageOf(const StreamingFlags& given) {
  if (given.stage == "enrich") return plan::ChainStage::kEnrich;
  return given.stage == "aggregate" ? plan::ChainStage::kAggregate : plan::ChainStage::kWhole;
}

// A run that writes nothing owns nothing, so that it can stand beside the real one.
Result<std::unique_ptr<kv::KVStore>> StoreFor(const Settings& settings, bool debug) {
  if (!debug) return OpenStore(settings, kv::OpenMode::kOwn);
  auto store = OpenStore(settings, kv::OpenMode::kReadOnly);
  if (!store.ok() && store.error().code == ErrorCode::kNotFound) {
    CATENA_LOG_WARN("debug", "there is no online state yet, so nothing is enriched from it: {}",
                    settings.kv_url);
    return kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  }
  return store;
}

Result<int> Stream(const StreamingFlags& given, const CommonFlags& common) {
  CATENA_TRY(Settings settings, common.Load());
  if (given.lag_millis) settings.stream_overrides["lag_millis"] = std::to_string(*given.lag_millis);
  if (!given.gate.empty()) settings.stream_overrides["gate"] = given.gate;
  if (given.debug) settings.stream_overrides["debug"] = "true";
  if (!given.kafka_bootstrap.empty()) {
    settings.topics_default = "kafka:";
    settings.kafka["bootstrap.servers"] = given.kafka_bootstrap;
  }
  CATENA_TRY(const auto confs, OpenConfs(settings, given.conf_paths));
  StopSignals signals;
  CATENA_TRY(const auto store, StoreFor(settings, given.debug));
  StreamingJob job;
  CATENA_RETURN_IF_ERROR(
      job.Open(settings, confs, store.get(), {given.allow_gap, StageOf(given), given.share}));
  fmt::print("{}\n", job.Explain());
  std::fflush(stdout);
  CATENA_RETURN_IF_ERROR(job.Run(signals));
  return signals.ExitCode(0);
}

}  // namespace

Command GroupByStreamingCommand() {
  return {
      "group-by-streaming",
      "Topics and streams",
      "Stream topics into online state; a GroupBy with a JoinSource runs the chain.",
      "Prints which path runs and why, then `ready` once it has caught up with the topics, and "
      "goes on until SIGTERM or SIGINT. Several GroupBys of one chain run in one process, which "
      "owns the store; `serve`, `fetch`, `monitor` and `group-by-upload` work beside it. Killed "
      "at any moment it goes on where it was: nothing is lost, nothing counts twice.",
      "  catena group-by-streaming --conf-path production/group_bys/fraud/user_risk.v1\n"
      "  catena group-by-streaming --conf-path A --conf-path B --lag-millis 2000 --gate "
      "watermark\n"
      "  catena group-by-streaming --conf-path A --debug true   # print, write nothing\n"
      "  catena group-by-streaming --conf-path A -Z spark.chronon.stream.chain.lag.millis=500\n"
      "  catena group-by-streaming --conf-path A --stage enrich -Z publish_topic=enriched "
      "-Z kv.url=rocksdb:build/enrich\n"
      "  catena group-by-streaming --conf-path A --stage aggregate -Z publish_topic=enriched\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<StreamingFlags>();
        flags->Texts("--conf-path,CONF FILE", &given->conf_paths,
                     "Compiled GroupBys, or Joins whose parts are meant.", Need::kRequired);
        flags->Whole("--lag-millis MILLIS", &given->lag_millis,
                     "The longest that a row waits for its right sides; 2000 when absent.");
        flags->Truth("--debug", &given->debug, "Decode, enrich, print; write nothing.");
        flags->Choice("--gate GATE", &given->gate, {"caught_up", "watermark", "fixed"},
                      "When a row may be enriched; caught_up when absent.");
        flags->Text("--kafka-bootstrap HOST:PORT", &given->kafka_bootstrap,
                    "Topics of bare name are Kafka's, at these brokers.");
        flags->Choice("--stage STAGE", &given->stage, {"enrich", "aggregate"},
                      "One half of a chain: enrich publishes enriched rows to the Join's "
                      "publish_topic, aggregate folds them, each over a store of its own.");
        flags->Switch("--share", &given->share,
                      "With --stage enrich: share the partitions of the left topic with all "
                      "processes that say so, through a consumer group of Kafka.");
        flags->Switch("--allow-gap", &given->allow_gap,
                      "Go on although the topic no longer holds the records that come next.");
        return [given, common] { return Stream(*given, *common); };
      }};
}

}  // namespace catena::cli
