// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/job_binding.h"

#include <algorithm>
#include <set>
#include <thread>

#include "catena/base/log.h"
#include "catena/conf/semantic_hash.h"
#include "catena/fetch/entities/mutation_query.h"
#include "catena/streaming/reset.h"

namespace catena::streaming {
namespace {

class Binder {
 public:
  Binder(const StreamJobOptions& options, const SchemaLookup& tables, kv::CachedStore* store,
         sql::Database* database, const Clock* clock, BoundJob* bound)
      : options_(options),
        resolver_(database, tables),
        store_(store),
        database_(database),
        clock_(clock),
        bound_(bound),
        crews_(options.cores > 0 ? options.cores
                                 : static_cast<int>(std::thread::hardware_concurrency())) {}

  Status Bind(const plan::StagedPlan& staged);

 private:
  // A topic's records, and the Query that makes left rows of them.
  struct Left {
    types::Schema records;
    conf::Query query;
    std::string time_column = "ts";
  };
  Result<Left> LeftOf(const plan::StreamTask& task) const;
  Result<types::Schema> MutationRecords(const conf::EntitySource& entities) const;
  Result<types::Schema> RowsOf(const plan::StreamTask& task, const conf::GroupBy& group_by) const;
  Status CheckStage(const plan::StreamTask& task, const std::string& group_by) const;
  Status OpenGroupBy(const std::shared_ptr<const conf::GroupBy>& group_by,
                     const plan::StreamTask& task, const topic::TopicAddress& topic, int workers);
  Status SaveServingInfo(const conf::GroupBy& group_by);
  Status Begin(BoundGroupBy* group_by, topic::TopicReader* reader);
  Status OpenTopics(const std::vector<plan::StreamTask>& tasks);
  Result<std::string> TopicOf(const plan::StreamTask& task) const;
  Result<topic::TopicAddress> AddressOf(const plan::StreamTask& task) const;
  Result<const PublishOptions*> PublishOptionsOf(const plan::StreamTask& task) const;
  Result<bool> JoinShare(const plan::StreamTask& task, const topic::TopicAddress& topic);
  Status OpenPublisher(const plan::StreamTask& task, const topic::TopicAddress& topic, int workers);
  Status BindTask(const plan::StreamTask& task);
  Status BindRecords(const plan::StreamTask& task, WorkerParts* parts);
  Status BindGate(const plan::StreamTask& task, WorkerParts* parts);
  Status BindTargets(const plan::StreamTask& task, WorkerParts* parts);
  Status BindWorker(const plan::StreamTask& task, const topic::TopicAddress& topic, int index,
                    int workers, Crew* crew);

  const StreamJobOptions& options_;
  fetch::SchemaResolver resolver_;
  kv::CachedStore* store_;
  sql::Database* database_;
  const Clock* clock_;
  BoundJob* bound_;
  CrewPlan crews_;
  std::set<std::string> looked_up_;              // GroupBys, by tasks of the process.
  std::map<std::string, WatchedTopic> watched_;  // Of the tasks, by URL.
  std::set<std::string> published_;  // Joins that the stage is to publish, with heartbeats.
};

Error NoTimes() {
  return InvalidConf(
      "a streaming source needs a time column of type LONG in milliseconds; set time_column in its "
      "Query");
}

// Rows without `ts` keep the time of the rows before.
Status RequireTimes(const types::Schema& rows) {
  const auto at = rows.Find("ts");
  if (!at) return Status();
  const types::Kind kind = rows.fields[*at].type.kind;
  return kind == types::Kind::kLong || kind == types::Kind::kTimestamp ? Status() : NoTimes();
}

// The mark tells readers what the bytes mean; another meaning under the same name would make them
// read the old bytes wrongly.
Status Binder::SaveServingInfo(const conf::GroupBy& group_by) {
  const std::string& name = group_by.metadata.name;
  CATENA_TRY(fetch::GroupByShape shape, resolver_.ShapeOf(group_by));
  const fetch::ServingInfo info{shape.keys, shape.inputs, conf::MeaningOf(group_by)};
  CATENA_TRY(auto stored, fetch::ReadServingInfo(store_, name));
  if (stored && stored->meaning != info.meaning) {
    return InvalidConf(
        "the definition changed since its state was written; give the changed GroupBy a new name, "
        "or remove the state folder and upload again: " +
        name);
  }
  if (stored && stored->inputs != info.inputs) {
    return InvalidConf("the types of its inputs differ from those of the stored state (stored: " +
                       stored->inputs.ToString() + "; conf: " + info.inputs.ToString() +
                       "); compile again against the table that was uploaded: " + name);
  }
  if (stored || options_.stream.debug) return Status();
  kv::WriteBatch batch;
  batch.marks.push_back(fetch::ServingInfoMark(name, info));
  return store_->Apply(batch, /*durable=*/false);
}

// Columns of the mutation table; where nobody knows it those of the snapshots. A topic of change
// envelopes gives mutation time and image whatever its rows are.
Result<types::Schema> Binder::MutationRecords(const conf::EntitySource& entities) const {
  auto records = resolver_.TableRows(entities.mutation_table);
  if (!records.ok() && records.error().code == ErrorCode::kNotFound) {
    records = resolver_.TableRows(entities.snapshot_table);
  }
  if (!records.ok()) return records;
  if (!records->Find(fetch::kMutationTime)) {
    records->fields.push_back({fetch::kMutationTime, types::Kind::kLong});
  }
  if (!records->Find(fetch::kReversal)) {
    records->fields.push_back({fetch::kReversal, types::Kind::kBool});
  }
  return records;
}

Result<Binder::Left> Binder::LeftOf(const plan::StreamTask& task) const {
  Left left;
  if (task.entities == nullptr) {
    CATENA_TRY(left.records, resolver_.TableRows(task.table));
    left.query = *task.left_query;
    return left;
  }
  CATENA_TRY(left.records, MutationRecords(*task.entities));
  left.query = fetch::MutationQuery(*task.entities, left.records);
  left.time_column = fetch::kMutationTime;
  return left;
}

// What a GroupBy folds.
Result<types::Schema> Binder::RowsOf(const plan::StreamTask& task,
                                     const conf::GroupBy& group_by) const {
  if (task.entities == nullptr) return resolver_.RowsOf(*conf::StreamingSource(group_by));
  CATENA_TRY(const Left left, LeftOf(task));
  CATENA_TRY(types::Schema rows, resolver_.RowsOf(left.query, left.records));
  CATENA_TRY(const fetch::GroupByShape shape, resolver_.ShapeOf(group_by));
  types::Schema snapshots = shape.keys;
  snapshots.fields.insert(snapshots.fields.end(), shape.inputs.fields.begin(),
                          shape.inputs.fields.end());
  CATENA_RETURN_IF_ERROR(
      fetch::CheckMutationColumns(rows, snapshots).WithContext("topic " + task.topic));
  return rows;
}

// Offsets of enriched rows and of left events are not of one topic.
Status Binder::CheckStage(const plan::StreamTask& task, const std::string& group_by) const {
  CATENA_TRY(const auto checkpoints, fetch::ReadCheckpoints(store_, group_by));
  for (const auto& [partition, checkpoint] : checkpoints) {
    const int64_t rows = checkpoint.Accounted() - checkpoint.dead_lettered;
    const bool is_other = task.enriched_by == nullptr ? !checkpoint.origins.empty()
                                                      : checkpoint.origins.empty() && rows > 0;
    if (!is_other) continue;
    return InvalidConf("its state was streamed " +
                       std::string(task.enriched_by == nullptr
                                       ? "from enriched rows, with --stage aggregate"
                                       : "from the left topic, without --stage") +
                       "; go on like that, or begin anew after `catena state reset`: " + group_by);
  }
  return Status();
}

Status Binder::OpenGroupBy(const std::shared_ptr<const conf::GroupBy>& group_by,
                           const plan::StreamTask& task, const topic::TopicAddress& topic,
                           int workers) {
  CATENA_RETURN_IF_ERROR(RefuseHalfReset(store_, group_by->metadata.name));
  CATENA_RETURN_IF_ERROR(CheckStage(task, group_by->metadata.name));
  CATENA_RETURN_IF_ERROR(SaveServingInfo(*group_by));
  BoundGroupBy bound;
  CATENA_TRY(types::Schema rows, RowsOf(task, *group_by));
  const kv::CachedStore::ReadBack read_back{looked_up_.contains(group_by->metadata.name)};
  CATENA_TRY(bound.fold, GroupByFold::Open(group_by, rows, options_.stream, store_, read_back));
  bound.stats = std::make_unique<ChainStats>(workers);
  bound.topic = topic;
  bound.chained = !task.stages.empty() || task.enriched_by != nullptr;
  CATENA_TRY(auto reader, topic::OpenTopicReader(topic));
  bound.partitions = reader->partitions();
  CATENA_RETURN_IF_ERROR(Begin(&bound, reader.get()));
  bound_->progress->Register(group_by->metadata.name, bound.partitions);
  bound_->group_bys.emplace(group_by->metadata.name, std::move(bound));
  return Status();
}

// A partition never read begins where the state of its siblings begins; when there is none, where
// the oldest upload that a fetch may still want ends, else at its first record. One read before
// goes on at its offset, which must still be there.
Status Binder::Begin(BoundGroupBy* group_by, topic::TopicReader* reader) {
  GroupByFold& fold = *group_by->fold;
  CATENA_TRY(auto generations, fetch::ReadGenerations(store_, fold.name()));
  fetch::Retention retention = fold.retention();
  bool fresh = false;
  bool has_state = false;
  int64_t trimmed = INT64_MIN;
  for (topic::TopicPartition p = 0; p < group_by->partitions; ++p) {
    has_state = has_state || fold.HasCheckpoint(p);
  }
  if (!has_state) {
    retention.coverage_start =
        generations.empty() ? INT64_MIN : ToMillis(generations.front().batch_end);
  }
  for (topic::TopicPartition p = 0; p < group_by->partitions; ++p) {
    CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
    if (fold.HasCheckpoint(p)) {
      CATENA_TRY(const bool skipped, SkipGap(group_by->topic, p, begin, options_.allow_gap, &fold));
      if (!skipped) continue;
      CATENA_TRY(const int64_t covered,
                 CoveredFrom(reader, p, begin, options_.stream.max_future_skew, *clock_));
      trimmed = std::max(trimmed, covered);
      fresh = true;
      continue;
    }
    fresh = true;
    topic::Offset from = begin;
    if (retention.coverage_start != INT64_MIN) {
      const Timestamp since = FromMillis(retention.coverage_start) -
                              options_.stream.out_of_orderness - options_.stream.max_future_skew;
      CATENA_TRY(from, reader->OffsetAt(p, since));
      from = std::max(from, begin);
    } else if (begin > 0) {
      CATENA_TRY(const int64_t covered,
                 CoveredFrom(reader, p, begin, options_.stream.max_future_skew, *clock_));
      trimmed = std::max(trimmed, covered);
    }
    fold.BeginAt(p, from);
    CATENA_LOG_INFO("begin", "group_by={} topic={} partition={} offset={}", fold.name(),
                    group_by->topic.name, p, from);
  }
  if (!fresh || options_.stream.debug) return Status();
  retention.coverage_start = std::max(retention.coverage_start, trimmed);
  if (!has_state) retention.watermark = INT64_MIN;
  return fold.SetRetention(retention);
}

// Those of one place are fetched and looked up together, whichever tasks read and ask.
Status Binder::OpenTopics(const std::vector<plan::StreamTask>& tasks) {
  std::map<std::string, std::vector<topic::TopicAddress>> places;
  for (const plan::StreamTask& task : tasks) {
    CATENA_TRY(const topic::TopicAddress topic, AddressOf(task));
    crews_.Count(topic::TopicURL(topic));
    std::vector<topic::TopicAddress>& there = places[topic::PlaceOf(topic)];
    const auto [at, is_new] =
        watched_.emplace(topic::TopicURL(topic), WatchedTopic{nullptr, there.size()});
    if (is_new) there.push_back(topic);
  }
  for (const auto& [place, topics] : places) {
    CATENA_TRY(auto watch, EndWatch::Open(topics, clock_));
    CATENA_TRY(const auto feeds, topic::OpenTopicFeeds(topics));
    for (size_t i = 0; i < topics.size(); ++i) {
      const std::string url = topic::TopicURL(topics[i]);
      watched_.at(url).watch = watch.get();
      bound_->feeds[url] = feeds[i];
    }
    bound_->ends.push_back(std::move(watch));
  }
  return Status();
}

// Of a stage that aggregates its rows are in the topic that the other stage publishes to.
Result<std::string> Binder::TopicOf(const plan::StreamTask& task) const {
  if (task.enriched_by == nullptr) return task.topic;
  const std::string& join = task.enriched_by->metadata.name;
  const auto at = options_.published.find(join);
  if (at != options_.published.end() && !at->second.topic.empty()) return at->second.topic;
  return InvalidConf(
      "the stages of a chain meet in a topic; say it in the Join's conf, or with -Z "
      "publish_topic=: " +
      join);
}

Result<topic::TopicAddress> Binder::AddressOf(const plan::StreamTask& task) const {
  CATENA_TRY(const std::string name, TopicOf(task));
  return topic::ParseTopicAddress(name, options_.topics_default, options_.kafka);
}

// Null: the task's rows are not published.
Result<const PublishOptions*> Binder::PublishOptionsOf(const plan::StreamTask& task) const {
  if (task.stages.empty() || options_.stream.debug) return nullptr;
  const std::string& join = task.stages.back().join->metadata.name;
  const auto at = options_.published.find(join);
  if (published_.contains(join)) {
    if (at != options_.published.end() && !at->second.topic.empty()) return &at->second;
    return InvalidConf(
        "the stages of a chain meet in a topic; say it in the Join's conf, or with -Z "
        "publish_topic=: " +
        join);
  }
  const bool is_whole = options_.stage == plan::ChainStage::kWhole;
  return is_whole && at != options_.published.end() ? &at->second : nullptr;
}

// True when the task's partitions are dealt out among several processes.
Result<bool> Binder::JoinShare(const plan::StreamTask& task, const topic::TopicAddress& topic) {
  if (!options_.share) return false;
  const std::string& join = task.stages.back().join->metadata.name;
  if (!task.group_bys.empty()) {
    return InvalidConf(
        "a chain that another one looks up is folded where it is enriched, and cannot be shared; "
        "stream it without --share: " +
        task.group_bys.front()->metadata.name);
  }
  CATENA_TRY(bound_->shares[join], options_.share(topic, "catena." + join + ".share"));
  return true;
}

Status Binder::OpenPublisher(const plan::StreamTask& task, const topic::TopicAddress& topic,
                             int workers) {
  CATENA_TRY(const PublishOptions* to, PublishOptionsOf(task));
  if (to == nullptr) return Status();
  const conf::Join& join = *task.stages.back().join;
  const std::string& name = join.metadata.name;
  if (bound_->group_bys.contains(name)) {
    return InvalidConf("a Join that publishes is not to be named like a GroupBy: " + name);
  }
  PublishedTask published{.task = &task, .left = topic, .workers = workers};
  CATENA_TRY(published.rows, resolver_.RowsOf(join));
  for (const auto& group_by : task.group_bys) {
    published.siblings.push_back(bound_->group_bys.at(group_by->metadata.name).fold.get());
  }
  const bool beats = published_.contains(name);
  if (beats) published.heartbeats = Heartbeats::kSent;
  for (const auto& [url, watched] : watched_) published.read.insert(url);
  CATENA_TRY(published.shared, JoinShare(task, topic));
  CATENA_TRY(BoundPublisher bound, BindPublisher(published, *to, options_, store_, clock_));
  bound_->progress->Register(name, bound.partitions);
  if (beats) {
    bound_->hearts.push_back(
        std::make_unique<Heart>(bound.publisher.get(), bound_->progress.get()));
  }
  bound_->publishers.emplace(name, std::move(bound));
  return Status();
}

// How left rows come out of the topic's records.
Status Binder::BindRecords(const plan::StreamTask& task, WorkerParts* parts) {
  if (task.enriched_by != nullptr) {
    CATENA_TRY(const types::Schema rows, resolver_.RowsOf(*task.enriched_by));
    auto enriched = EnrichedDecoder::Open(parts->topic, rows);
    if (!enriched.ok()) return enriched.error().WithContext("topic " + parts->topic.name);
    parts->enriched = std::move(*enriched);
    return Status();
  }
  CATENA_TRY(const Left from, LeftOf(task));
  auto decoder = topic::Decoder::Open(parts->topic, from.records);
  if (!decoder.ok()) return decoder.error().WithContext("topic " + task.topic);
  parts->decoder = std::move(*decoder);
  auto left = sql::Projection::Bind(database_, from.query, from.records);
  if (!left.ok()) return left.error().WithContext("topic " + task.topic);
  parts->left_query = std::move(*left);
  parts->time_column = from.time_column;
  const types::Schema rows = parts->left_query->output();
  if (!rows.Find(parts->time_column)) return NoTimes().WithContext("topic " + task.topic);
  return RequireTimes(rows).WithContext("topic " + task.topic);
}

Status Binder::BindGate(const plan::StreamTask& task, WorkerParts* parts) {
  if (task.stages.empty()) return Status();
  std::vector<RightSide> right_sides;
  for (const std::string& name : task.right_sides) {
    const topic::TopicAddress& topic = bound_->group_bys.at(name).topic;
    right_sides.push_back({name, watched_.at(topic::TopicURL(topic))});
    bound_->progress->NoteAwaited(name, parts->news);
  }
  std::vector<std::string> snapshots;
  for (const plan::EnrichStage& stage : task.stages) {
    for (const conf::JoinPart& part : stage.join->join_parts) {
      if (part.group_by->accuracy == conf::Accuracy::kSnapshot) {
        snapshots.push_back(part.group_by->metadata.name);
      }
    }
  }
  parts->gate.emplace(std::move(right_sides), std::move(snapshots), options_.stream,
                      bound_->progress.get(), store_, parts->news);
  CATENA_TRY(parts->enricher, Enricher::Bind(task.stages, parts->left_query->output(), resolver_,
                                             options_.stream, bound_->fetcher.get(), database_));
  return Status();
}

Status Binder::BindTargets(const plan::StreamTask& task, WorkerParts* parts) {
  const bool is_chain = !task.stages.empty() || task.enriched_by != nullptr;
  for (const auto& group_by : task.group_bys) {
    BoundGroupBy& target = bound_->group_bys.at(group_by->metadata.name);
    FoldTarget fold(target.fold.get(), target.stats.get());
    if (is_chain) {
      types::Schema rows;
      if (parts->enricher) rows = parts->enricher->output();
      if (task.enriched_by != nullptr) {
        CATENA_TRY(rows, resolver_.RowsOf(*task.enriched_by));
      }
      auto query = sql::Projection::Bind(database_, plan::StreamingQueryOf(*group_by), rows);
      if (!query.ok()) return query.error().WithContext(group_by->metadata.name);
      CATENA_RETURN_IF_ERROR(RequireTimes(query->output()).WithContext(group_by->metadata.name));
      fold.query = std::move(*query);
    }
    parts->targets.push_back(std::move(fold));
  }
  if (task.stages.empty()) return Status();
  // Behind the GroupBys, which are readable before the topic has answered.
  const auto publisher = bound_->publishers.find(task.stages.back().join->metadata.name);
  if (publisher != bound_->publishers.end()) {
    BoundPublisher& bound = publisher->second;
    parts->targets.emplace_back(bound.publisher.get(), bound.stats.get());
    const auto share = bound_->shares.find(publisher->first);
    if (share != bound_->shares.end()) parts->share = {share->second.get(), bound.publisher.get()};
  }
  return Status();
}

Status Binder::BindWorker(const plan::StreamTask& task, const topic::TopicAddress& topic, int index,
                          int workers, Crew* crew) {
  WorkerParts parts;
  parts.index = index;
  parts.topic = topic;
  parts.topic.consumer =
      "catena." + (task.group_bys.empty() ? task.stages.back().join->metadata.name
                                          : task.group_bys.front()->metadata.name);
  const auto& feed = bound_->feeds.at(topic::TopicURL(topic));
  CATENA_TRY(parts.reader, topic::OpenTopicReader(parts.topic, feed));
  for (topic::TopicPartition p = index; p < parts.reader->partitions(); p += workers) {
    parts.partitions.push_back(p);
  }
  parts.news = crew->news();
  parts.ends = watched_.at(topic::TopicURL(topic));
  CATENA_RETURN_IF_ERROR(BindRecords(task, &parts));
  CATENA_RETURN_IF_ERROR(BindGate(task, &parts));
  CATENA_RETURN_IF_ERROR(BindTargets(task, &parts));
  bound_->workers.push_back(
      std::make_unique<Worker>(std::move(parts), options_.stream, bound_->progress.get(), clock_));
  crew->Add(bound_->workers.back().get());
  return Status();
}

Status Binder::BindTask(const plan::StreamTask& task) {
  CATENA_TRY(const topic::TopicAddress topic, AddressOf(task));
  CATENA_TRY(auto reader, topic::OpenTopicReader(topic));
  // More threads than cores only wait for each other, and each is a consumer that the broker feeds.
  const int wanted =
      options_.stream.parallelism > 0 ? options_.stream.parallelism : crews_.CoresOfTask();
  const int workers = std::clamp(wanted, 1, static_cast<int>(reader->partitions()));
  for (const auto& group_by : task.group_bys) {
    CATENA_RETURN_IF_ERROR(OpenGroupBy(group_by, task, topic, workers));
  }
  CATENA_RETURN_IF_ERROR(OpenPublisher(task, topic, workers));
  for (const std::string& right : task.right_sides) {
    std::vector<std::string>& dependents = bound_->group_bys.at(right).dependents;
    for (const auto& group_by : task.group_bys) dependents.push_back(group_by->metadata.name);
    const std::string& join = task.stages.back().join->metadata.name;
    if (bound_->publishers.contains(join)) dependents.push_back(join);
  }
  const std::string url = topic::TopicURL(topic);
  // Who waits for a topic's acknowledgements holds up nobody else.
  const bool publishes =
      !task.stages.empty() && bound_->publishers.contains(task.stages.back().join->metadata.name);
  const int thread = crews_.ThreadOf(url, publishes || options_.stream.parallelism > 0);
  for (int index = 0; index < workers; ++index) {
    Crew* crew = &bound_->crews[{url, index, thread}];
    CATENA_RETURN_IF_ERROR(BindWorker(task, topic, index, workers, crew));
  }
  return Status();
}

Status Binder::Bind(const plan::StagedPlan& staged) {
  published_ = staged.published;
  bound_->fetcher = std::make_unique<fetch::Fetcher>(store_, /*gated=*/true);
  bound_->progress = std::make_unique<Progress>();
  for (const auto& group_by : staged.plan.group_bys) bound_->fetcher->AddGroupBy(group_by);
  CATENA_RETURN_IF_ERROR(OpenTopics(staged.plan.tasks));
  for (const plan::StreamTask& task : staged.plan.tasks) {
    looked_up_.insert(task.right_sides.begin(), task.right_sides.end());
  }
  for (const plan::StreamTask& task : staged.plan.tasks) {
    for (const plan::EnrichStage& stage : task.stages) bound_->fetcher->AddJoin(stage.join);
    CATENA_RETURN_IF_ERROR(BindTask(task));
  }
  return Status();
}

}  // namespace

Status BindJob(const plan::StagedPlan& plan, const StreamJobOptions& options,
               const SchemaLookup& tables, kv::KVStore* store, sql::Database* database,
               const Clock* clock, BoundJob* bound) {
  const auto cache_bytes = static_cast<size_t>(options.stream.state_cache_mb) << 20;
  bound->store = std::make_unique<kv::CachedStore>(store, cache_bytes);
  return Binder(options, tables, bound->store.get(), database, clock, bound).Bind(plan);
}

}  // namespace catena::streaming
