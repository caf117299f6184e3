// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/stream_options.h"

#include <charconv>
#include <map>
#include <string>

#include "catena/streaming/publish/publish_options.h"

namespace catena::streaming {
namespace {

// Sums of such times and of any event time stay within 64 bits.
constexpr Millis kLongest = 1000 * 365 * kDay;
constexpr int kWorkersMost = 1024;
constexpr int kCacheMostMb = 64 * 1024;  // The records of a commit have numbers of 32 bits.

Error Misfit(const std::string& name, const std::string& value, const std::string& wanted) {
  return InvalidConf("stream parameter " + name + " takes " + wanted + ": " + value);
}

class Reader {
 public:
  explicit Reader(const StreamParameters& settings) : settings_(settings) {}

  Status status() const { return status_; }

  void Read(const std::string& name, bool* into) {
    const std::string* value = Find(name);
    if (value == nullptr) return;
    if (*value == "true" || *value == "false") {
      *into = *value == "true";
    } else {
      Fail(Misfit(name, *value, "true or false"));
    }
  }
  void Read(const std::string& name, Millis* into) {
    int64_t millis = into->count();
    ReadWhole(name, 0, kLongest.count(), &millis);
    *into = Millis{millis};
  }
  void ReadUpTo(int most, const std::string& name, int* into) {
    int64_t number = *into;
    ReadWhole(name, 0, most, &number);
    *into = static_cast<int>(number);
  }
  void ReadShift(const std::string& name, Millis* into) {
    int64_t millis = into->count();
    ReadWhole(name, -kLongest.count(), kLongest.count(), &millis);
    *into = Millis{millis};
  }
  void ReadShare(const std::string& name, double* into) {
    const std::string* value = Find(name);
    if (value == nullptr) return;
    double number = 0;
    const auto [end, code] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (code != std::errc() || end != value->data() + value->size() || !(number > 0) ||
        number > 1) {
      return Fail(Misfit(name, *value, "a number above 0 and up to 1"));
    }
    *into = number;
  }
  template <typename T>
  void ReadChoice(const std::string& name, const std::map<std::string, T>& choices, T* into) {
    const std::string* value = Find(name);
    if (value == nullptr) return;
    const auto at = choices.find(*value);
    if (at != choices.end()) {
      *into = at->second;
      return;
    }
    std::string wanted;
    for (const auto& [choice, meaning] : choices) wanted += (wanted.empty() ? "" : ", ") + choice;
    Fail(Misfit(name, *value, "one of " + wanted));
  }
  const std::string* Find(const std::string& name) const {
    const auto at = settings_.find(name);
    return at == settings_.end() ? nullptr : &at->second;
  }
  void Fail(Error error) {
    if (status_.ok()) status_ = std::move(error);
  }

 private:
  void ReadWhole(const std::string& name, int64_t lowest, int64_t highest, int64_t* into) {
    const std::string* value = Find(name);
    if (value == nullptr) return;
    const auto [end, code] = std::from_chars(value->data(), value->data() + value->size(), *into);
    if (code == std::errc() && end == value->data() + value->size() && *into >= lowest &&
        *into <= highest) {
      return;
    }
    std::string wanted = "a whole number";
    if (lowest == 0) wanted += ", 0 or more";
    wanted += ", at most " + std::to_string(highest);
    if (highest == kLongest.count()) wanted += " (1000 years)";
    Fail(Misfit(name, *value, wanted));
  }

  const StreamParameters& settings_;
  Status status_;
};

}  // namespace

Result<StreamOptions> ReadStreamOptions(const StreamParameters& settings) {
  StreamOptions options;
  Reader reader(settings);
  reader.Read("event_time_query", &options.event_time_query);
  reader.ReadShift("query_shift_ms", &options.query_shift);
  reader.Read("query_delay_ms", &options.query_delay);
  reader.ReadShare("time_percentile", &options.time_percentile);
  reader.Read("lag_millis", &options.lag);
  reader.Read("batch_duration", &options.batch_interval);
  reader.Read("batch_interval_millis", &options.batch_interval);
  reader.Read("checkpoint_interval", &options.checkpoint_interval);
  reader.ReadUpTo(kWorkersMost, "parallelism", &options.parallelism);
  reader.Read("timeout_millis", &options.timeout);
  reader.ReadChoice<GateKind>("gate",
                              {{"caught_up", GateKind::kCaughtUp},
                               {"watermark", GateKind::kWatermark},
                               {"fixed", GateKind::kFixed}},
                              &options.gate);
  reader.Read("out_of_orderness_ms", &options.out_of_orderness);
  reader.Read("max_future_skew_ms", &options.max_future_skew);
  reader.Read("raw_retention_ms", &options.raw_retention);
  reader.Read("as_of_retention_ms", &options.as_of_retention);
  reader.Read("snapshot_wait_ms", &options.snapshot_wait);
  reader.ReadUpTo(kCacheMostMb, "state_cache_mb", &options.state_cache_mb);
  reader.ReadChoice<OnError>(
      "on_error",
      {{"dlq", OnError::kDeadLetter}, {"fail", OnError::kFail}, {"skip", OnError::kSkip}},
      &options.on_error);
  reader.Read("debug", &options.debug);
  const std::string* engine = reader.Find("processing_engine");
  if (engine != nullptr && *engine != "embedded") {
    if (*engine != "spark" && *engine != "flink") {
      reader.Fail(Misfit("processing_engine", *engine, "embedded, spark or flink"));
    } else {
      reader.Fail(
          Unsupported("this build streams on the embedded engine only; take "
                      "processing_engine out or set it to embedded: " +
                      *engine));
    }
  }
  const Millis needed = options.lag + options.out_of_orderness + options.max_future_skew;
  if (options.raw_retention < needed) {
    reader.Fail(InvalidConf(
        "stream parameter raw_retention_ms must be at least lag_millis + out_of_orderness_ms + "
        "max_future_skew_ms = " +
        std::to_string(needed.count()) + ": " + std::to_string(options.raw_retention.count())));
  }
  CATENA_RETURN_IF_ERROR(reader.status());
  return options;
}

Result<StreamParameters> StreamParametersOf(
    const Settings& settings, std::span<const std::shared_ptr<const conf::GroupBy>> group_bys) {
  StreamParameters parameters = settings.stream_overrides;
  std::map<std::string, const conf::MetaData*> said_by;
  for (const auto& group_by : group_bys) {
    for (const auto& [name, value] : group_by->metadata.stream) {
      if (settings.stream_overrides.contains(name) || IsPublishParameter(name)) continue;
      const auto [at, is_new] = parameters.emplace(name, value);
      const conf::MetaData*& other = said_by.emplace(name, &group_by->metadata).first->second;
      if (is_new || at->second == value) continue;
      return InvalidConf("one process has one value of a stream parameter; decide with -Z " + name +
                         "=, or stream in two processes: " + name + " is " + at->second + " in " +
                         other->name + ", " + value + " in " + group_by->metadata.name);
    }
  }
  parameters.insert(settings.stream.begin(), settings.stream.end());
  return parameters;
}

}  // namespace catena::streaming
