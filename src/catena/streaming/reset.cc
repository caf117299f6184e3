// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/reset.h"

#include <algorithm>
#include <thread>

#include "catena/fetch/online_state.h"
#include "catena/streaming/chain_report.h"

namespace catena::streaming {
namespace {

constexpr const char* kResetMark = "reset";
constexpr const char* kBegun = "begun";
// Two reports of a stream that lives, and then some.
constexpr Millis kTwoReports{3000};
constexpr Millis kLately{60'000};

// Beside the uploads, which stay.
kv::Mark ResetMark(const std::string& group_by, const std::string& value) {
  return {fetch::UploadDataset(group_by), kResetMark, value};
}

Result<std::optional<topic::Offset>> FromOf(topic::TopicReader* reader, topic::TopicPartition p,
                                            const ResetTo& to, const std::string& topic) {
  CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
  if (to.appended_at) {
    CATENA_TRY(const topic::Offset from, reader->OffsetAt(p, *to.appended_at));
    return std::optional(std::max(from, begin));
  }
  if (!to.every_offset && to.offset.empty()) return std::optional<topic::Offset>();
  const auto named = to.offset.find(p);
  if (named == to.offset.end() && !to.every_offset) return std::optional(begin);
  const topic::Offset from = named != to.offset.end() ? named->second : *to.every_offset;
  CATENA_TRY(const topic::Offset end, reader->EndOffset(p));
  if (from >= begin && from <= end) return std::optional(from);
  return InvalidConf("partition " + std::to_string(p) + " of topic " + topic + " holds offsets " +
                     std::to_string(begin) + " to " + std::to_string(end) + ", not " +
                     std::to_string(from));
}

Result<Timestamp> NewestReport(kv::KVStore* store) {
  CATENA_TRY(const auto reports, ReadReports(store));
  Timestamp newest = Timestamp::min();
  for (const ChainReport& report : reports) newest = std::max(newest, report.written_at);
  return newest;
}

}  // namespace

Result<int64_t> CoveredFrom(topic::TopicReader* reader, topic::TopicPartition partition,
                            topic::Offset begin, Millis max_future_skew, const Clock& clock) {
  std::vector<topic::Record> first;
  CATENA_RETURN_IF_ERROR(reader->Seek(partition, begin));
  CATENA_RETURN_IF_ERROR(reader->Poll(partition, 1, &first));
  const bool is_known = !first.empty() && first[0].append_time != topic::kNoAppendTime;
  const Timestamp appended = is_known ? first[0].append_time : clock.Now();
  return ToMillis(appended + max_future_skew);
}

Result<ResetPlan> PlanReset(const std::string& group_by, const topic::TopicAddress& topic,
                            const ResetTo& to, const StreamOptions& options, const Clock& clock,
                            kv::KVStore* store) {
  ResetPlan plan{.group_by = group_by, .topic = topic.name};
  CATENA_TRY(const auto reader, topic::OpenTopicReader(topic));
  CATENA_TRY(const auto checkpoints, fetch::ReadCheckpoints(store, group_by));
  for (const auto& [partition, checkpoint] : checkpoints) {
    if (checkpoint.origins.empty() || (!to.appended_at && !to.every_offset && to.offset.empty())) {
      continue;
    }
    return InvalidConf(
        "it was streamed from enriched rows, which begin where the topic between the stages does; "
        "reset it without --to-millis and --to-offset: " +
        group_by);
  }
  for (const auto& [partition, offset] : to.offset) {
    if (partition >= 0 && partition < reader->partitions()) continue;
    return InvalidConf("topic " + topic.name + " has partitions 0 to " +
                       std::to_string(reader->partitions() - 1) + ", not " +
                       std::to_string(partition));
  }
  for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
    ResetPlan::Partition& partition = plan.partitions.emplace_back();
    partition.partition = p;
    const auto read = checkpoints.find(p);
    if (read != checkpoints.end()) partition.read_up_to = read->second.next_offset;
    CATENA_TRY(partition.from, FromOf(reader.get(), p, to, topic.name));
    if (!partition.from || *partition.from == 0) continue;
    CATENA_TRY(const int64_t covered,
               CoveredFrom(reader.get(), p, *partition.from, options.max_future_skew, clock));
    plan.coverage_start = std::max(plan.coverage_start, covered);
  }
  const std::string own = fetch::StreamingDataset(group_by);
  CATENA_TRY(const auto datasets, store->ListDatasets());
  for (const std::string& dataset : datasets) {
    if (dataset != own && !dataset.starts_with(own + "/")) continue;
    CATENA_TRY(const uint64_t bytes, store->ApproximateBytes(dataset));
    plan.datasets.push_back(dataset);
    plan.approximate_bytes += bytes;
  }
  return plan;
}

Status RunReset(const ResetPlan& plan, kv::KVStore* store) {
  CATENA_RETURN_IF_ERROR(store->Apply({{}, {ResetMark(plan.group_by, kBegun)}}, /*durable=*/true));
  for (const std::string& dataset : plan.datasets) {
    CATENA_RETURN_IF_ERROR(store->DropDataset(dataset));
  }
  kv::WriteBatch batch;
  bool begins_somewhere = false;
  for (const ResetPlan::Partition& partition : plan.partitions) {
    if (!partition.from) continue;
    begins_somewhere = true;
    fetch::Checkpoint checkpoint;
    checkpoint.start_offset = checkpoint.next_offset = *partition.from;
    batch.marks.push_back(fetch::CheckpointMark(plan.group_by, partition.partition, checkpoint));
  }
  if (begins_somewhere) {
    fetch::Retention retention{.coverage_start = plan.coverage_start};
    retention.watermark = INT64_MIN;
    batch.marks.push_back(fetch::RetentionMark(plan.group_by, retention));
  }
  CATENA_TRY(const auto reports, ReadReports(store));
  for (ChainReport report : reports) {
    if (report.group_by != plan.group_by) continue;
    report.counts.clear();  // Of records that are to be read again.
    batch.marks.push_back(ReportMark(report));
  }
  batch.marks.push_back(ResetMark(plan.group_by, ""));
  return store->Apply(batch, /*durable=*/true);
}

Status RefuseHalfReset(kv::KVStore* store, const std::string& group_by) {
  CATENA_TRY(const auto mark, store->GetMark(fetch::UploadDataset(group_by), kResetMark));
  if (!mark || *mark != kBegun) return Status();
  return InvalidConf("a `catena state reset` of it was begun and not finished, run it again: " +
                     group_by);
}

Result<bool> IsStreamedInto(kv::KVStore* store, const Clock& clock) {
  CATENA_TRY(const Timestamp before, NewestReport(store));
  if (before == Timestamp::min() || clock.Now() - before > kLately) return false;
  std::this_thread::sleep_for(kTwoReports);
  CATENA_TRY(const Timestamp after, NewestReport(store));
  return after != before;
}

}  // namespace catena::streaming
