// SPDX-License-Identifier: Apache-2.0
#include "catena/monitor/topic_lag.h"

#include <algorithm>
#include <map>
#include <vector>

#include "catena/fetch/online_state.h"

namespace catena::monitor {
namespace {

void AddCounts(const fetch::Checkpoint& checkpoint, std::map<std::string, int64_t>* counts) {
  (*counts)["consumed"] += checkpoint.Consumed();
  (*counts)["folded"] += checkpoint.folded;
  (*counts)["filtered"] += checkpoint.filtered;
  (*counts)["null_key"] += checkpoint.null_key;
  (*counts)["dead_lettered"] += checkpoint.dead_lettered;
  (*counts)["late_beyond_retention"] += checkpoint.late_beyond_retention;
  (*counts)["duplicate"] += checkpoint.duplicate;
  (*counts)["incomplete"] += checkpoint.incomplete;
  (*counts)["forced"] += checkpoint.forced;
  (*counts)["late_after_gate"] += checkpoint.late_after_gate;
}

}  // namespace

Result<TopicLagMeter> TopicLagMeter::Open(const std::string& topic,
                                          const std::map<std::string, std::string>& kafka) {
  CATENA_TRY(const topic::TopicAddress address, topic::ParseTopicAddress(topic, "", kafka));
  CATENA_TRY(auto reader, topic::OpenTopicReader(address));
  return TopicLagMeter(std::move(reader));
}

Result<TopicLag> TopicLagMeter::Measure(kv::KVStore* store, const std::string& group_by,
                                        Timestamp now) {
  CATENA_TRY(const auto checkpoints, fetch::ReadCheckpoints(store, group_by));
  TopicLag answer;
  int64_t watermark = INT64_MAX;
  for (topic::TopicPartition partition = 0; partition < reader_->partitions(); ++partition) {
    CATENA_TRY(const topic::Offset end, reader_->EndOffset(partition));
    CATENA_TRY(topic::Offset next, reader_->BeginOffset(partition));
    if (const auto at = checkpoints.find(partition); at != checkpoints.end()) {
      next = std::max(next, at->second.next_offset);
      watermark = std::min(watermark, at->second.watermark);
      AddCounts(at->second, &answer.counts);
    }
    // The store was read before the topic, so a checkpoint is never ahead of a topic that is whole.
    if (next >= end) continue;
    answer.records_waiting += end - next;
    CATENA_RETURN_IF_ERROR(reader_->Seek(partition, next));
    std::vector<topic::Record> oldest;
    CATENA_RETURN_IF_ERROR(reader_->Poll(partition, 1, &oldest));
    if (!oldest.empty()) answer.lag = std::max(answer.lag, now - oldest[0].append_time);
  }
  if (watermark != INT64_MAX) answer.watermark = FromMillis(watermark);
  return answer;
}

}  // namespace catena::monitor
