// SPDX-License-Identifier: Apache-2.0
// Publisher: the enriched rows of one parent Join into a topic, and the newest of each key into the
// KVStore, for others and for the next stage of the chain.
//
//     rows -> append those that the topic lacks -> hold { checkpoint, ends of the topic, kv rows }
//             \_ wait until they are there _/       one atomic write
//
// What is appended and not yet committed when the process dies lies behind the committed ends. Who
// opens reads it there, and does not append it again: each row is in the topic once, as long as one
// process at a time publishes to it (docs/decisions/0016). Records of others do no harm. A row that
// is larger than the topic takes is a dead letter, stored for good before anything is appended
// behind it: of what the topic lacks only the newest is ever in doubt.
//
//   input    rows of the Join's output
//   output   records (enriched_record.h) under the key columns' values; in the KVStore dataset
//            <join>_ENRICHED (enriched_row.h)
//   errors   kUnavailable: topic or store; what arrived is then found by opening anew
//   threads  one call at a time goes on
//   order    rows of a left partition are appended by offset; between partitions there is none

#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/conf/join.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/streaming/fold/row_sink.h"
#include "catena/streaming/publish/enriched_record.h"
#include "catena/streaming/publish/published_rows.h"

namespace catena::streaming {

struct PublisherParts {
  std::string join;
  types::Schema rows;            // Of the Join's output.
  std::vector<std::string> key;  // Of these columns.
  std::optional<topic::TopicAddress> topic;
  bool to_kv = false;
  Heartbeats heartbeats = Heartbeats::kNone;
  // With other processes: a partition is published once it is taken over, and how far it is stands
  // in the topic alone.
  bool shared = false;
  bool allow_gap = false;
};

class Publisher : public RowSink {
 public:
  // `store` and `clock` outlive it. Reads what the topic holds behind the committed ends.
  static Result<std::unique_ptr<Publisher>> Open(PublisherParts parts, kv::CachedStore* store,
                                                 const Clock* clock);

  const std::string& name() const override { return parts_.join; }
  const char* stage() const override { return "publish"; }
  const std::vector<std::string>& key_columns() const override { return parts_.key; }

  fetch::Checkpoint CheckpointOf(int32_t partition) const override;
  bool HasCheckpoint(int32_t partition) const override;
  void BeginAt(int32_t partition, int64_t offset) override;
  void SkipTo(int32_t partition, int64_t offset) override;
  std::string Refusal(const types::Batch& rows, size_t row) const override;
  Result<fetch::Checkpoint> Apply(const FoldRows& rows, int32_t partition, fetch::Checkpoint next,
                                  std::vector<kv::Put> dead_letters) override;
  Result<uint64_t> StateBytes() const override;

  // " to the topic ..., under user_id".
  std::string Explain() const;
  // Since it was opened.
  int64_t rows_published() const { return rows_published_.load(); }
  // Into every partition of the topic, behind all rows that were published before the call, with
  // the next offsets of the partitions that are worked on.
  Status Beat(Heartbeat heartbeat);

  // Of a shared topic: the partition is this process's from now on. Where it goes on is read from
  // the topic, whoever published to it before. False when nobody did: it begins at `first`, the
  // earliest that the left topic holds. Other partitions go on meanwhile.
  Result<bool> TakeOver(int32_t partition, topic::Offset first);
  void Leave(int32_t partition);
  // Left events before it may never have been published; INT64_MIN: all were.
  int64_t covered_from() const { return covered_from_.load(); }
  void RaiseCoveredFrom(int64_t to) { covered_from_.store(std::max(covered_from_.load(), to)); }

 private:
  Publisher(PublisherParts parts, kv::CachedStore* store);
  Status OpenTopic(const Clock& clock);
  Status ReadTail(topic::TopicReader* reader, OriginDecoder* decoder);
  void NoteFound(int32_t partition, topic::Offset offset);
  // The ends that are committed with this checkpoint.
  const std::vector<topic::Offset>& EndsBehind(int32_t partition, topic::Offset next_offset);
  using Refused = std::map<size_t, std::string>;  // Rows that the topic does not take: why.
  Result<Refused> Append(const FoldRows& rows);
  void NoteEnds(const std::vector<std::pair<topic::TopicPartition, topic::Offset>>& places);
  Result<std::vector<kv::Put>> NewestRows(const FoldRows& rows, const Refused& refused) const;
  std::string RecordKey(const types::Batch& rows, size_t row) const;

  PublisherParts parts_;
  kv::CachedStore* store_;
  std::vector<size_t> key_columns_;
  kv::CachedStore::DatasetNumber dataset_;
  std::optional<EnrichedEncoder> encoder_;  // With the writer: to a topic.
  std::unique_ptr<topic::TopicWriter> writer_;
  std::atomic<int64_t> rows_published_{0};
  std::atomic<int64_t> covered_from_{INT64_MIN};
  std::vector<std::string> beat_keys_;  // By partition of the topic: one that goes there.

  mutable std::mutex mutex_;                          // Guards all below, and the writer.
  std::map<int32_t, fetch::Checkpoint> checkpoints_;  // Of the partitions that are worked on.
  std::vector<topic::Offset> ends_;               // By partition of the topic: all ours lie below.
  std::vector<topic::Offset> tail_begins_;        // What was read at the start lies behind these.
  std::map<int32_t, topic::Offset> found_up_to_;  // Of what was found there: where its rows end.
  PublishedRows published_;
};

}  // namespace catena::streaming
