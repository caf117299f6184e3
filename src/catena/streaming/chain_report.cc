// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/chain_report.h"

#include "catena/conf/metadata.h"

namespace catena::streaming {
namespace {

constexpr char kDataset[] = "catena_monitor";
constexpr char kPrefix[] = "chain/";

}  // namespace

Json ChainReport::Metrics() const {
  return {{"join.input.rate", join_input_rate},
          {"join.output.rate", join_output_rate},
          {"join.latency.p99", join_latency_p99},
          {"groupby.input.lag", groupby_input_lag},
          {"groupby.state.size", groupby_state_size},
          {"groupby.window.updates", groupby_window_updates},
          {"chain.total.latency", chain_total_latency},
          {"chain.data.quality", chain_data_quality}};
}

Json ReportToJson(const ChainReport& report) {
  return {{"group_by", report.group_by},
          {"topic", report.topic},
          {"chained", report.chained},
          {"shared", report.shared},
          {"written_at", ToMillis(report.written_at)},
          {"metrics", report.Metrics()},
          {"null_rates", report.null_rates},
          {"chain.total.latency.p50", report.chain_total_latency_p50},
          {"counts", report.counts},
          {"stalled", report.stalled},
          {"stalled_since", ToMillis(report.stalled_since)}};
}

Result<ChainReport> ReportFromJson(const Json& json) {
  try {
    ChainReport report;
    report.group_by = json.at("group_by").get<std::string>();
    report.topic = json.at("topic").get<std::string>();
    report.chained = json.at("chained").get<bool>();
    report.shared = json.value("shared", false);  // Not of reports from before it was told.
    report.written_at = FromMillis(json.at("written_at").get<int64_t>());
    const Json& metrics = json.at("metrics");
    const auto read = [&](const char* name) { return metrics.at(name).get<double>(); };
    report.join_input_rate = read("join.input.rate");
    report.join_output_rate = read("join.output.rate");
    report.join_latency_p99 = read("join.latency.p99");
    report.groupby_input_lag = read("groupby.input.lag");
    report.groupby_state_size = read("groupby.state.size");
    report.groupby_window_updates = read("groupby.window.updates");
    report.chain_total_latency = read("chain.total.latency");
    report.chain_data_quality = read("chain.data.quality");
    report.chain_total_latency_p50 = json.at("chain.total.latency.p50").get<double>();
    report.null_rates = json.at("null_rates").get<std::map<std::string, double>>();
    report.counts = json.at("counts").get<std::map<std::string, int64_t>>();
    report.stalled = json.value("stalled", "");  // Nor this.
    report.stalled_since = FromMillis(json.value("stalled_since", int64_t{0}));
    return report;
  } catch (const std::exception& error) {
    return Corruption(std::string("stored chain report does not decode: ") + error.what());
  }
}

kv::Mark ReportMark(const ChainReport& report) {
  return kv::Mark{kDataset, kPrefix + conf::CleanName(report.group_by),
                  PrintJson(ReportToJson(report))};
}

Result<std::vector<ChainReport>> ReadReports(kv::KVStore* store) {
  CATENA_TRY(auto marks, store->ListMarks(kDataset, kPrefix));
  std::vector<ChainReport> reports;
  for (const kv::Mark& mark : marks) {
    auto json = ParseJson(mark.value, mark.name);
    if (!json.ok()) return Corruption(json.error().message);
    CATENA_TRY(ChainReport report, ReportFromJson(*json));
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace catena::streaming
