// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/publisher_binding.h"

#include <algorithm>

#include "catena/base/log.h"
#include "catena/fetch/online_state.h"
#include "catena/streaming/reset.h"

namespace catena::streaming {
namespace {

// The columns of the Join that become the key of the next GroupBy, so that the topic is cut as its
// work is: where the GroupBy's Query takes them as they are.
Result<std::vector<std::string>> KeyOf(const PublishedTask& published) {
  const std::string& join = published.task->stages.back().join->metadata.name;
  std::vector<std::string> key;
  for (const auto& group_by : published.task->next_group_bys) {
    const conf::Query& query = plan::StreamingQueryOf(*group_by);
    std::vector<std::string> columns;
    for (const std::string& name : group_by->key_columns) {
      const auto select = std::find_if(query.selects.begin(), query.selects.end(),
                                       [&](const auto& each) { return each.first == name; });
      std::string column = select == query.selects.end() ? name : select->second.spark;
      if (conf::IsPlainColumn(column)) std::erase(column, '`');
      if (!published.rows.Find(column)) {
        return InvalidConf("the key of " + group_by->metadata.name + " is no column of " + join +
                           " but computed; say the columns that its rows are published under with "
                           "publish_key: " +
                           column);
      }
      columns.push_back(column);
    }
    if (!key.empty() && key != columns) {
      return InvalidConf("the GroupBys over " + join +
                         " have different keys; say the columns that its rows are published under "
                         "with publish_key");
    }
    key = std::move(columns);
  }
  return key;
}

// Those of a publisher that never ran lie where the others of its task are.
topic::Offset FirstOf(const PublishedTask& published, topic::TopicPartition partition,
                      topic::Offset begin) {
  topic::Offset first = INT64_MAX;
  for (const RowSink* sibling : published.siblings) {
    first = std::min(first, sibling->CheckpointOf(partition).next_offset);
  }
  return first == INT64_MAX ? begin : std::max(first, begin);
}

}  // namespace

Result<bool> SkipGap(const topic::TopicAddress& topic, topic::TopicPartition partition,
                     topic::Offset begin, bool allow_gap, RowSink* sink) {
  const topic::Offset next = sink->CheckpointOf(partition).next_offset;
  if (next >= begin) return false;
  if (!allow_gap) {
    return NotFound("the topic no longer holds what comes next (" + sink->name() + ", topic " +
                    topic.name + ", partition " + std::to_string(partition) + ": next offset " +
                    std::to_string(next) + ", earliest kept " + std::to_string(begin) +
                    "); upload a newer generation, or go on with --allow-gap");
  }
  CATENA_LOG_WARN("gap", "group_by={} partition={} from={} to={}", sink->name(), partition, next,
                  begin);
  sink->SkipTo(partition, begin);
  return true;
}

Result<BoundPublisher> BindPublisher(const PublishedTask& published, const PublishOptions& to,
                                     const StreamJobOptions& options, kv::CachedStore* store,
                                     const Clock* clock) {
  PublisherParts parts;
  parts.join = published.task->stages.back().join->metadata.name;
  parts.rows = published.rows;
  parts.key = to.key;
  parts.to_kv = to.to_kv;
  parts.heartbeats = published.heartbeats;
  parts.shared = published.shared;
  parts.allow_gap = options.allow_gap;
  if (parts.key.empty()) {
    CATENA_TRY(parts.key, KeyOf(published));
  }
  if (!to.topic.empty()) {
    CATENA_TRY(parts.topic,
               topic::ParseTopicAddress(to.topic, options.topics_default, options.kafka));
    if (published.read.contains(topic::TopicURL(*parts.topic))) {
      return InvalidConf("publish_topic of " + parts.join +
                         " is a topic that this stream reads, so its rows would come back to it "
                         "for ever; give them one of their own: " +
                         to.topic);
    }
  }
  const std::string join = parts.join;
  BoundPublisher bound;
  CATENA_TRY(bound.publisher, Publisher::Open(std::move(parts), store, clock));
  bound.stats = std::make_unique<ChainStats>(published.workers);
  bound.topic = published.left;
  CATENA_TRY(const auto reader, topic::OpenTopicReader(published.left));
  bound.partitions = reader->partitions();
  if (published.shared) return bound;
  CATENA_TRY(const auto retention, fetch::ReadRetention(store, join));
  if (retention) bound.publisher->RaiseCoveredFrom(retention->coverage_start);
  for (topic::TopicPartition p = 0; p < bound.partitions; ++p) {
    CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
    const bool is_known = bound.publisher->HasCheckpoint(p);
    const topic::Offset first = is_known ? begin : FirstOf(published, p, begin);
    if (!is_known) bound.publisher->BeginAt(p, first);
    CATENA_TRY(const bool skipped,
               SkipGap(published.left, p, begin, options.allow_gap, bound.publisher.get()));
    if (!skipped && (is_known || first == 0)) continue;
    CATENA_TRY(const int64_t covered,
               CoveredFrom(reader.get(), p, first, options.stream.max_future_skew, *clock));
    bound.publisher->RaiseCoveredFrom(covered);
  }
  const fetch::Retention covered{.coverage_start = bound.publisher->covered_from()};
  CATENA_RETURN_IF_ERROR(store->Apply({{}, {fetch::RetentionMark(join, covered)}}, false));
  return bound;
}

}  // namespace catena::streaming
