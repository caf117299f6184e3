// SPDX-License-Identifier: Apache-2.0
// How a worker takes partitions over from other processes, and leaves them to others. Those that
// stay go on meanwhile.

#include <algorithm>
#include <chrono>

#include "catena/streaming/reset.h"
#include "catena/streaming/worker.h"

namespace catena::streaming {

// What others work on holds nothing back here.
void Worker::NoteElsewhere(topic::TopicPartition partition) {
  for (const FoldTarget& target : parts_.targets) {
    ProgressCell& cell = progress_->Cell(target.sink->name(), partition);
    cell.idle.store(true);
    cell.reached_end.store(true);
  }
}

Status Worker::MoveLanes() {
  topic::PartitionShare* share = parts_.share.share;
  if (share == nullptr) return Status();
  CATENA_RETURN_IF_ERROR(AddTakenLanes());
  if (share_seen_ == share->Changes()) return Status();
  share_seen_ = share->Changes();
  const std::set<topic::TopicPartition> assigned = share->Assigned();
  // What waits in a lane was not published, and is read again by whoever takes it.
  std::erase_if(lanes_, [&](const Lane& lane) {
    if (assigned.contains(lane.partition)) return false;
    parts_.reader->Leave(lane.partition);
    parts_.share.publisher->Leave(lane.partition);
    NoteElsewhere(lane.partition);
    share->Drop(lane.partition);
    return true;
  });
  for (const topic::TopicPartition partition : parts_.partitions) {
    const bool is_here = taking_.contains(partition) ||
                         std::any_of(lanes_.begin(), lanes_.end(),
                                     [&](const Lane& lane) { return lane.partition == partition; });
    if (is_here || !share->Take(partition)) continue;
    CATENA_TRY(const topic::Offset begin, parts_.reader->BeginOffset(partition));
    Taking& taking = taking_[partition];
    taking.begin = begin;
    taking.goes_on =
        std::async(std::launch::async, [publisher = parts_.share.publisher, partition, begin] {
          return publisher->TakeOver(partition, begin);
        });
  }
  return Status();
}

// Those whose place in the topic is known by now.
Status Worker::AddTakenLanes() {
  const auto at_once = std::chrono::seconds{0};
  for (auto at = taking_.begin(); at != taking_.end();) {
    const topic::TopicPartition partition = at->first;
    if (at->second.goes_on.wait_for(at_once) != std::future_status::ready) {
      ++at;
      continue;
    }
    CATENA_TRY(const bool goes_on, at->second.goes_on.get());
    CATENA_RETURN_IF_ERROR(AddLane(partition, at->second.begin, goes_on));
    at = taking_.erase(at);
    share_seen_.reset();  // It may have been taken away meanwhile.
  }
  return Status();
}

Status Worker::AddLane(topic::TopicPartition partition, topic::Offset begin, bool goes_on) {
  Publisher& publisher = *parts_.share.publisher;
  if (!goes_on && begin > 0) {
    CATENA_TRY(const int64_t covered, CoveredFrom(parts_.reader.get(), partition, begin,
                                                  options_.max_future_skew, *clock_));
    publisher.RaiseCoveredFrom(covered);
  }
  Lane lane;
  lane.partition = partition;
  lane.position = publisher.CheckpointOf(partition).next_offset;
  ProgressCell& cell = progress_->Cell(publisher.name(), partition);
  cell.applied.store(lane.position);
  cell.event_time_max.store(INT64_MIN);
  cell.reached_end.store(false);
  cell.idle.store(false);
  CATENA_RETURN_IF_ERROR(parts_.reader->Seek(partition, lane.position));
  lanes_.push_back(std::move(lane));
  return Status();
}

}  // namespace catena::streaming
