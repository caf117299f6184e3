// SPDX-License-Identifier: Apache-2.0
#include "catena/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "catena/base/check.h"

namespace catena {
namespace {

enum class Type { kCounter, kGauge, kHistogram };

struct Described {
  const char* name;
  Type type;
  const char* help;
};

constexpr Described kTable[] = {
    {"catena_build_info", Type::kGauge, "1; the version is a label."},
    {"catena_up", Type::kGauge, "1 while the dependency answers, else 0."},
    {"catena_events_total", Type::kCounter,
     "Records by result: folded, filtered, null_key, dead_lettered, late, duplicate; and "
     "other_day, those whose event time lies on another day (UTC) than their append."},
    {"catena_chain_latency_seconds", Type::kHistogram,
     "Append of the left record to readable through the Fetcher."},
    {"catena_stage_duration_seconds", Type::kHistogram, "Duration of one stage of a micro-batch."},
    {"catena_consumer_lag_records", Type::kGauge, "Records of the topic not yet in the state."},
    {"catena_watermark_timestamp_seconds", Type::kGauge, "Low watermark of the GroupBy."},
    {"catena_enrich_gate_wait_seconds", Type::kHistogram, "Wait of a micro-batch in the gate."},
    {"catena_enrich_incomplete_total", Type::kCounter, "Rows enriched incompletely, by reason."},
    {"catena_fetch_duration_seconds", Type::kHistogram, "One fetch request."},
    {"catena_fetch_rows_total", Type::kCounter, "Rows fetched, by result."},
    {"catena_feature_null_ratio", Type::kGauge, "Nulls among the last enriched values."},
    {"catena_state_bytes", Type::kGauge, "Bytes of online state, estimated."},
    {"catena_state_cache_misses_total", Type::kCounter,
     "Reads of a stream that its state_cache_mb did not answer; where they come with every record, "
     "raise it."},
    {"catena_tile_updates_total", Type::kCounter, "Tile writes."},
    {"catena_http_requests_total", Type::kCounter, "HTTP requests by route and code."},
    {"catena_chain_metric", Type::kGauge,
     "The eight of `catena monitor` by their names, in its units: milliseconds, 1/s, bytes."},
    {"catena_stream_stalled", Type::kGauge,
     "1 while the stream waits for a store or a topic that does not answer, else 0."},
    {"catena_alert", Type::kGauge, "1 while the alert of that text fires for the GroupBy, else 0."},
};

const Described& DescriptionOf(const std::string& name) {
  for (const Described& described : kTable) {
    if (name == described.name) return described;
  }
  CheckFailed("metric is in the table", name, __FILE__, __LINE__);
}

const prometheus::Histogram::BucketBoundaries& SecondBuckets() {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,     0.25,   0.5,     1,      2.5,   5,      10,    30,   60};
  return kBuckets;
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  std::mutex mutex;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;
};

Metrics& Metrics::Global() {
  static Metrics metrics;
  return metrics;
}

Metrics::Metrics() : families_(std::make_unique<Families>()) {
  for (const Described& described : kTable) {
    switch (described.type) {
      case Type::kCounter:
        families_->counters[described.name] = &prometheus::BuildCounter()
                                                   .Name(described.name)
                                                   .Help(described.help)
                                                   .Register(families_->registry);
        break;
      case Type::kGauge:
        families_->gauges[described.name] = &prometheus::BuildGauge()
                                                 .Name(described.name)
                                                 .Help(described.help)
                                                 .Register(families_->registry);
        break;
      case Type::kHistogram:
        families_->histograms[described.name] = &prometheus::BuildHistogram()
                                                     .Name(described.name)
                                                     .Help(described.help)
                                                     .Register(families_->registry);
        break;
    }
  }
}

Metrics::~Metrics() = default;

void Metrics::Counter::Add(double by) const { of_->Increment(by); }

void Metrics::Histogram::Observe(double value) const { of_->Observe(value); }

void Metrics::Histogram::Observe(std::span<const std::pair<double, uint64_t>> seen) const {
  const auto& bounds = SecondBuckets();
  std::vector<double> counts(bounds.size() + 1);
  double sum = 0;
  for (const auto& [value, times] : seen) {
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
    counts[static_cast<size_t>(bucket)] += static_cast<double>(times);
    sum += value * static_cast<double>(times);
  }
  of_->ObserveMultiple(counts, sum);
}

void Metrics::Count(const std::string& name, const Labels& labels, double by) {
  CounterOf(name, labels).Add(by);
}

void Metrics::Set(const std::string& name, const Labels& labels, double value) {
  DescriptionOf(name);
  const std::lock_guard lock(families_->mutex);
  families_->gauges.at(name)->Add(labels).Set(value);
}

void Metrics::Observe(const std::string& name, const Labels& labels, double value) {
  HistogramOf(name, labels).Observe(value);
}

Metrics::Counter Metrics::CounterOf(const std::string& name, const Labels& labels) {
  DescriptionOf(name);
  const std::lock_guard lock(families_->mutex);
  return Counter(&families_->counters.at(name)->Add(labels));
}

Metrics::Histogram Metrics::HistogramOf(const std::string& name, const Labels& labels) {
  DescriptionOf(name);
  const std::lock_guard lock(families_->mutex);
  return Histogram(&families_->histograms.at(name)->Add(labels, SecondBuckets()));
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

std::string Metrics::Markdown() {
  std::string text = "| name | type | what |\n|---|---|---|\n";
  for (const Described& described : kTable) {
    const char* type = described.type == Type::kCounter ? "counter"
                       : described.type == Type::kGauge ? "gauge"
                                                        : "histogram";
    text += std::string("| `") + described.name + "` | " + type + " | " + described.help + " |\n";
  }
  return text;
}

}  // namespace catena
