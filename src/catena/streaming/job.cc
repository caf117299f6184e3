// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/job.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "catena/base/log.h"
#include "catena/base/metrics.h"
#include "catena/base/parallel.h"
#include "catena/streaming/job_binding.h"
#include "catena/streaming/worker.h"

namespace catena::streaming {
namespace {

constexpr Millis kReportInterval{1000};
constexpr Millis kCatchUpLook{20};
constexpr Millis kSyncMin{20};
// The first commit does not wait longer: who is killed again and again gets on all the same.
constexpr Millis kFirstCommit{1000};
constexpr Millis kStallLook{100};
// Retention marks move in steps, so that they cost nothing.
constexpr Millis kRetentionStep = kFiveMinutes;

double MillisOf(int64_t micros) { return static_cast<double>(micros) / 1000.0; }

}  // namespace

struct StreamJob::State {
  plan::StagedPlan plan;
  StreamJobOptions options;
  std::map<std::string, types::Schema> conf_schemas;
  SchemaLookup table_schemas;
  kv::KVStore* store = nullptr;
  sql::Database* database = nullptr;
  const Clock* clock = nullptr;
  std::mutex mutex;
  std::shared_ptr<BoundJob> bound;  // Another one after a stall.
  std::condition_variable_any changed;
  Status failure;
  std::atomic<bool> caught_up{false};  // Told once the store tells it too.

  void Fail(Error error) {
    const std::lock_guard lock(mutex);
    if (failure.ok()) failure = std::move(error);
    changed.notify_all();
  }
  std::shared_ptr<BoundJob> Bound() {
    const std::lock_guard lock(mutex);
    return bound;
  }
  Status Bind();
  Status BindAgain(std::stop_token stop, Error error);
  Status TellStarted();
  void TellStalled(const Error& error, Timestamp since);
  struct Reported {
    const RowSink* sink = nullptr;
    const ChainStats* stats = nullptr;
    const topic::TopicAddress* topic = nullptr;
    int32_t partitions = 0;
    bool chained = false;
    bool shared = false;
  };
  static std::vector<Reported> ReportedOf(const BoundJob& bound);
  static ChainReport ReportOf(const Reported& reported, Timestamp now);
  Status MoveRetention(const BoundGroupBy& group_by);
  Status Maintain();
  Status Sync();
  void SyncNowAndThen(const std::stop_token& stop);
  bool ReachedEnds() const;
  void Supervise(std::stop_token stop);
  void Start(const std::stop_source& all, std::vector<std::jthread>* threads);
  Status RunOnce(std::stop_token stop);
};

StreamJob::StreamJob(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamJob::~StreamJob() = default;

Result<std::unique_ptr<StreamJob>> StreamJob::Open(const std::vector<conf::Conf>& confs,
                                                   const StreamJobOptions& options,
                                                   const SchemaLookup& schemas, kv::KVStore* store,
                                                   sql::Database* database, const Clock* clock) {
  if (options.share && options.stage != plan::ChainStage::kEnrich) {
    return InvalidConf(
        "what is shared among processes is the enriching of a chain: add --stage enrich");
  }
  auto state = std::make_unique<State>();
  CATENA_TRY(plan::StreamingPlan whole, plan::PlanStreaming(confs));
  CATENA_TRY(state->plan, plan::PlanChainStage(std::move(whole), options.stage));
  state->options = options;
  for (const conf::Conf& conf : confs) {
    state->conf_schemas.insert(conf.schemas.begin(), conf.schemas.end());
  }
  state->table_schemas = schemas;
  state->store = store;
  state->database = database;
  state->clock = clock;
  CATENA_RETURN_IF_ERROR(state->Bind());
  return std::unique_ptr<StreamJob>(new StreamJob(std::move(state)));
}

Status StreamJob::State::Bind() {
  const SchemaLookup lookup = [&](const std::string& table) -> Result<types::Schema> {
    const auto at = conf_schemas.find(table);
    return at != conf_schemas.end() ? at->second : table_schemas(table);
  };
  if (bound != nullptr) {
    bound->store->Close();
    bound->shares.clear();  // A process is one member.
  }
  if (!options.stream.debug) CATENA_RETURN_IF_ERROR(store->Resume());
  auto fresh = std::make_shared<BoundJob>();
  CATENA_RETURN_IF_ERROR(BindJob(plan, options, lookup, store, database, clock, fresh.get()));
  const std::lock_guard lock(mutex);
  bound = std::move(fresh);
  failure = Status();
  return Status();
}

// At once and beside the state, whose first commit is still to come: who is killed before it has
// been here.
Status StreamJob::State::TellStarted() {
  kv::WriteBatch batch;
  for (const Reported& reported : ReportedOf(*bound)) {
    batch.marks.push_back(ReportMark(ReportOf(reported, clock->Now())));
  }
  return store->Apply(batch, /*durable=*/false);
}

// To who watches, where the store can be told: it may be what does not answer.
void StreamJob::State::TellStalled(const Error& error, Timestamp since) {
  Metrics::Global().Set("catena_stream_stalled", {}, 1);
  if (options.stream.debug) return;
  kv::WriteBatch batch;
  for (const Reported& reported : ReportedOf(*bound)) {
    ChainReport report = ReportOf(reported, clock->Now());
    report.stalled = error.message;
    report.stalled_since = since;
    batch.marks.push_back(ReportMark(report));
  }
  static_cast<void>(store->Apply(batch));
}

// What a dependency that went away has of the last writes is not known here, so nothing in memory
// is carried over: the job begins again where the store says that it is, as after a crash.
Status StreamJob::State::BindAgain(std::stop_token stop, Error error) {
  const Timestamp began = clock->Now();
  CATENA_LOG_WARN("stalled", "waiting, to go on where the state is: {}", error.message);
  Timestamp told = began;
  Timestamp reported = began - kReportInterval;
  while (!stop.stop_requested()) {
    if (clock->Now() - reported >= kReportInterval) {
      TellStalled(error, began);
      reported = clock->Now();
    }
    const Status again = Contained("a start", [&] { return Bind(); });
    if (again.ok()) {
      Metrics::Global().Set("catena_stream_stalled", {}, 0);
      CATENA_LOG_INFO("resumed", "after_ms={}", (clock->Now() - began).count());
      return Status();
    }
    if (again.error().code != ErrorCode::kUnavailable) return again;
    if (const Timestamp now = clock->Now(); now - told >= options.stream.timeout) {
      CATENA_LOG_WARN("stalled", "waiting {} ms: {}", (now - began).count(), again.error().message);
      told = now;
    }
    std::unique_lock lock(mutex);
    changed.wait_for(lock, stop, kStallLook, [] { return false; });
  }
  return error;
}

std::string StreamJob::Explain() const {
  std::string text = state_->plan.plan.ToString();
  const std::shared_ptr<BoundJob> bound = state_->Bound();
  for (const auto& [join, publisher] : bound->publishers) {
    text += "publishes the rows of " + join + publisher.publisher->Explain() + "\n";
  }
  return text;
}

bool StreamJob::CaughtUp() const { return state_->caught_up.load(); }

bool StreamJob::State::ReachedEnds() const {
  for (const auto& [name, group_by] : bound->group_bys) {
    if (!bound->progress->ReachedEnd(name)) return false;
  }
  return std::all_of(bound->publishers.begin(), bound->publishers.end(),
                     [&](const auto& each) { return bound->progress->ReachedEnd(each.first); });
}

std::vector<StreamJob::State::Reported> StreamJob::State::ReportedOf(const BoundJob& bound) {
  std::vector<Reported> all;
  for (const auto& [name, each] : bound.group_bys) {
    all.push_back(
        {each.fold.get(), each.stats.get(), &each.topic, each.partitions, each.chained, false});
  }
  for (const auto& [name, each] : bound.publishers) {
    all.push_back({each.publisher.get(), each.stats.get(), &each.topic, each.partitions, true,
                   bound.shares.contains(name)});
  }
  return all;
}

ChainReport StreamJob::State::ReportOf(const Reported& reported, Timestamp now) {
  const ChainStats& stats = *reported.stats;
  ChainReport report;
  report.group_by = reported.sink->name();
  report.topic = topic::TopicURL(*reported.topic);
  report.chained = reported.chained;
  report.shared = reported.shared;
  report.written_at = now;
  if (reported.chained) {
    report.join_input_rate = stats.read.Rate(now);
    report.join_output_rate = stats.enriched.Rate(now);
    report.join_latency_p99 = MillisOf(stats.enriched.Quantile(now, 0.99));
  }
  const int64_t oldest = stats.Oldest();
  if (oldest != INT64_MAX) {
    report.groupby_input_lag = static_cast<double>(std::max<int64_t>(0, ToMillis(now) - oldest));
  }
  if (const auto bytes = reported.sink->StateBytes(); bytes.ok()) {
    report.groupby_state_size = static_cast<double>(*bytes);
  }
  report.groupby_window_updates = stats.tiles.Rate(now);
  report.chain_total_latency = MillisOf(stats.folded.Quantile(now, 0.99));
  report.chain_total_latency_p50 = MillisOf(stats.folded.Quantile(now, 0.5));
  report.null_rates = stats.NullRates();
  for (const auto& [column, rate] : report.null_rates) {
    report.chain_data_quality = std::max(report.chain_data_quality, rate);
  }
  fetch::Checkpoint sum;
  for (int32_t p = 0; p < reported.partitions; ++p) {
    const fetch::Checkpoint each = reported.sink->CheckpointOf(p);
    report.counts["consumed"] += each.Consumed();
    report.counts["folded"] += each.folded;
    report.counts["filtered"] += each.filtered;
    report.counts["null_key"] += each.null_key;
    report.counts["dead_lettered"] += each.dead_lettered;
    report.counts["late_beyond_retention"] += each.late_beyond_retention;
    report.counts["duplicate"] += each.duplicate;
    report.counts["incomplete"] += each.incomplete;
    report.counts["forced"] += each.forced;
    report.counts["late_after_gate"] += each.late_after_gate;
  }
  return report;
}

std::vector<ChainReport> StreamJob::Reports() const {
  std::vector<ChainReport> reports;
  const Timestamp now = state_->clock->Now();
  const std::shared_ptr<BoundJob> bound = state_->Bound();
  for (const State::Reported& reported : State::ReportedOf(*bound)) {
    reports.push_back(State::ReportOf(reported, now));
  }
  return reports;
}

// A backlog of left events holds back what their as-of reads will need.
Status StreamJob::State::MoveRetention(const BoundGroupBy& group_by) {
  const int64_t watermark = bound->progress->Watermark(group_by.fold->name());
  const fetch::Retention before = group_by.fold->retention();
  fetch::Retention after = before;
  if (before.watermark == INT64_MAX || watermark > before.watermark) after.watermark = watermark;
  const int64_t covered = bound->progress->CoveredFrom(group_by.fold->name());
  after.coverage_start = std::max(before.coverage_start, covered);
  int64_t reached = watermark;
  for (const std::string& dependent : group_by.dependents) {
    reached = std::min(reached, bound->progress->BacklogFloor(dependent));
  }
  if (reached != INT64_MIN) {
    const auto floor_of = [&](Millis kept) {
      return FloorMillis(reached - kept.count(), kFiveMinutes.count());
    };
    const int64_t raw_floor = floor_of(options.stream.raw_retention);
    const int64_t as_of_floor = floor_of(options.stream.as_of_retention);
    const int64_t step = kRetentionStep.count();
    if (before.raw_floor == INT64_MIN || raw_floor >= before.raw_floor + step ||
        as_of_floor >= before.as_of_floor + step) {
      after.raw_floor = std::max(before.raw_floor, raw_floor);
      after.as_of_floor = std::max(before.as_of_floor, as_of_floor);
    }
  }
  return after == before ? Status() : group_by.fold->SetRetention(after);
}

Status StreamJob::State::Maintain() {
  for (const auto& heart : bound->hearts) CATENA_RETURN_IF_ERROR(heart->failure());
  Metrics::Global().Count("catena_state_cache_misses_total", {},
                          static_cast<double>(bound->store->TakeMisses()));
  kv::WriteBatch batch;
  for (const Reported& reported : ReportedOf(*bound)) {
    const ChainReport report = ReportOf(reported, clock->Now());
    batch.marks.push_back(ReportMark(report));
    const std::string& name = reported.sink->name();
    const Labels labels = {{"group_by", name}};
    Metrics& metrics = Metrics::Global();
    metrics.Set("catena_state_bytes", labels, report.groupby_state_size);
    metrics.Set("catena_feature_null_ratio", labels, report.chain_data_quality);
    const int64_t watermark = bound->progress->Watermark(name);
    if (watermark != INT64_MIN) {
      metrics.Set("catena_watermark_timestamp_seconds", labels,
                  static_cast<double>(watermark) / 1000.0);
    }
  }
  if (options.stream.debug) return Status();
  for (const auto& [name, group_by] : bound->group_bys) {
    CATENA_RETURN_IF_ERROR(MoveRetention(group_by));
  }
  // With the state that it tells of.
  return bound->store->Apply(batch, /*durable=*/false);
}

Status StreamJob::State::Sync() {
  std::vector<std::map<topic::TopicPartition, topic::Offset>> applied;
  for (const auto& worker : bound->workers) applied.push_back(worker->Applied());
  CATENA_RETURN_IF_ERROR(bound->store->Sync());
  for (size_t i = 0; i < applied.size(); ++i) bound->workers[i]->NoteSynced(std::move(applied[i]));
  return Status();
}

// On a thread of its own: a commit takes its time, and no report or watermark waits for it.
void StreamJob::State::SyncNowAndThen(const std::stop_token& stop) {
  using Steady = std::chrono::steady_clock;
  const Millis interval = std::clamp<Millis>(options.stream.checkpoint_interval, kSyncMin, kDay);
  auto due = Steady::now() + std::min(options.stream.checkpoint_interval, kFirstCommit);
  while (true) {
    {
      std::unique_lock lock(mutex);
      changed.wait_until(lock, stop, due, [] { return false; });
    }
    if (Steady::now() < due) {
      if (stop.stop_requested()) return;
      continue;
    }
    due = Steady::now() + interval;
    const Status synced = Contained("a commit", [&] { return Sync(); });
    if (!synced.ok()) return Fail(synced.error());
  }
}

// Reports and retention while the workers work; until a stop or a failure.
void StreamJob::State::Supervise(std::stop_token stop) {
  std::jthread syncs;
  if (!options.stream.debug) {
    syncs = std::jthread([this](const std::stop_token& ended) { SyncNowAndThen(ended); });
  }
  while (!stop.stop_requested()) {
    const bool reached = ReachedEnds();
    if (const Status status = Maintain(); !status.ok()) Fail(status.error());
    if (reached) caught_up = true;
    std::unique_lock lock(mutex);
    // Whoever waits for the catch-up is not kept waiting for the next report.
    for (Millis waited{0}; waited < kReportInterval && failure.ok() && !stop.stop_requested() &&
                           (caught_up || !ReachedEnds());
         waited += kCatchUpLook) {
      changed.wait_for(lock, kCatchUpLook);
    }
    if (!failure.ok()) return;
  }
}

void StreamJob::State::Start(const std::stop_source& all, std::vector<std::jthread>* threads) {
  for (auto& heart : bound->hearts) heart->Start();
  for (auto& [place, crew] : bound->crews) {
    threads->emplace_back([this, &all, crew = &crew] {
      const Status ran = Contained("a stream worker", [&] { return crew->Run(all.get_token()); });
      if (!ran.ok()) Fail(ran.error());
    });
  }
}

Status StreamJob::State::RunOnce(std::stop_token stop) {
  std::stop_source all;
  const std::stop_callback forward(stop, [&] {
    all.request_stop();
    const std::lock_guard lock(mutex);
    changed.notify_all();
  });
  if (!options.stream.debug) CATENA_RETURN_IF_ERROR(TellStarted());
  for (auto& worker : bound->workers) CATENA_RETURN_IF_ERROR(worker->Begin(all.get_token()));
  std::vector<std::jthread> threads;
  const Status supervised = Contained("a stream", [&] {
    Start(all, &threads);
    Supervise(stop);
    return Status();
  });
  if (!supervised.ok()) Fail(supervised.error());
  all.request_stop();
  threads.clear();
  for (auto& heart : bound->hearts) {
    if (const Status told = heart->Finish(); !told.ok()) Fail(told.error());
  }
  bound->hearts.clear();
  if (!options.stream.debug) {
    // The last report tells what the last micro-batch did.
    if (const Status status = Maintain(); !status.ok()) Fail(status.error());
    if (const Status status = store->Sync(); !status.ok()) Fail(status.error());
  }
  const std::lock_guard lock(mutex);
  return failure;
}

Status StreamJob::Run(std::stop_token stop) {
  while (true) {
    const Status ran = Contained("a stream", [&] { return state_->RunOnce(stop); });
    const bool is_stalled = !ran.ok() && ran.error().code == ErrorCode::kUnavailable;
    if (!is_stalled || stop.stop_requested()) return ran;
    CATENA_RETURN_IF_ERROR(state_->BindAgain(stop, ran.error()));
  }
}

}  // namespace catena::streaming
