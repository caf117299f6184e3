// SPDX-License-Identifier: Apache-2.0
// Worker: one thread's share of a stream task: some partitions of one topic, from record to state.
//
//     poll -> decode -> left query -> [gate -> enrich] -> query and fold of each GroupBy
//                                                     \_ publish
//     poll -> decode, of a topic of enriched rows ------> query and fold of each GroupBy
//
// Micro-batches of one partition are released first in, first out. When too many records or bytes
// wait, the partition is no longer polled; nothing is dropped.
//
//   errors   any that is not one record's fault ends the worker: the state stands at its offset
//   threads  a worker belongs to one thread, maybe with others (crew.h); everything shared (store,
//            Progress, folds, stats) locks itself

#pragma once

#include <chrono>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/metrics.h"
#include "catena/sql/projection.h"
#include "catena/streaming/chain_stats.h"
#include "catena/streaming/enricher.h"
#include "catena/streaming/fold/row_sink.h"
#include "catena/streaming/fold/sink_metrics.h"
#include "catena/streaming/gate.h"
#include "catena/streaming/progress.h"
#include "catena/streaming/publish/enriched_record.h"
#include "catena/streaming/publish/origin_watermarks.h"
#include "catena/streaming/publish/publisher.h"
#include "catena/topic/decoder.h"
#include "catena/topic/partition_share.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

// One GroupBy that the worker folds, or who publishes the rows of the chain.
struct FoldTarget {
  FoldTarget(RowSink* of, ChainStats* told) : sink(of), stats(told), metrics(*of) {}

  RowSink* sink;
  ChainStats* stats;
  SinkMetrics metrics;
  std::optional<sql::Projection> query;  // Of the JoinSource; absent in a simple stream.
};

// Of a topic whose partitions other processes work on, too.
struct SharedTopic {
  topic::PartitionShare* share = nullptr;
  Publisher* publisher = nullptr;
};

struct WorkerParts {
  int index = 0;
  topic::TopicAddress topic;
  std::vector<topic::TopicPartition> partitions;
  std::unique_ptr<topic::TopicReader> reader;
  std::optional<EnrichedDecoder> enriched;  // Of a topic of enriched rows; of others the next two.
  std::unique_ptr<topic::Decoder> decoder;
  std::optional<sql::Projection> left_query;
  std::string time_column = "ts";  // Of what left_query gives; of mutations their own.
  std::shared_ptr<News> news;      // What others tell the worker by.
  WatchedTopic ends;               // Of the topic.
  std::optional<Gate> gate;        // With the enricher: a chain.
  std::optional<Enricher> enricher;
  std::vector<FoldTarget> targets;
  SharedTopic share;  // None: all of `partitions` are the worker's.
};

class Worker {
 public:
  Worker(WorkerParts parts, const StreamOptions& options, Progress* progress, const Clock* clock)
      : parts_(std::move(parts)), options_(options), progress_(progress), clock_(clock) {}

  // What a turn came to. `waiting`: for the gate, of which the news tell.
  struct Turn {
    bool worked = false;
    bool waiting = false;
  };

  // Seeks every partition to the lowest offset that a target still needs. Once `stop` is requested
  // no turn waits for a store that does not answer.
  Status Begin(std::stop_token stop);
  // A turn: reads what has arrived, true when something has; then releases what may be.
  Result<bool> Read();
  Result<Turn> Work(AskedLooks* asked);
  // Until records arrive, at most `wait`: after a turn that came to nothing.
  Status AwaitRecords(Millis wait);
  // After how long it has something to do even without records.
  Millis IdleWait() const;
  // The sum of what was read, to compare workers of one topic by.
  int64_t Position() const;
  // The lowest offset, by partition, that a restart would read from; from any thread.
  std::map<topic::TopicPartition, topic::Offset> Applied() const;
  // These are safe now: told to those who watch the lag, by the worker's own thread.
  void NoteSynced(std::map<topic::TopicPartition, topic::Offset> offsets);

 private:
  struct DeadLetters {
    std::vector<kv::Put> puts;  // None when on_error is skip.
    int64_t count = 0;
  };
  struct MicroBatch {
    topic::TopicPartition partition = 0;
    std::vector<topic::Record> records;
    size_t bytes = 0;  // Of their keys and values.
    int64_t next_offset = 0;
    // Offsets before next_offset that no record has any more, or whose record has no row; less the
    // rows that a record has beyond its first.
    int64_t absent = 0;
    // With it everything is read that was appended to the partition before then.
    std::optional<Timestamp> reaches_end;
    int64_t filtered = 0;
    DeadLetters dead_letters;
    types::Batch rows;
    std::vector<uint32_t> record_of_row;
    std::vector<int64_t> event_times;
    GateTicket ticket;
    // Of enriched rows: which left record each record is of, and what else they brought.
    std::vector<Origin> origins;
    std::vector<uint8_t> incomplete;  // By row.
    std::vector<Heartbeat> heartbeats;
  };
  struct TargetRows {  // What one target gets of a micro-batch.
    types::Batch rows;
    std::vector<uint32_t> record_of_row;
    std::vector<int64_t> event_times;
    std::vector<uint8_t> incomplete;
    DeadLetters dead_letters;
    int64_t filtered = 0;
    int64_t duplicate = 0;
    bool forced = false;
  };
  struct Lane {  // One partition.
    topic::TopicPartition partition = 0;
    int64_t position = 0;
    std::deque<MicroBatch> waiting;
    size_t records_waiting = 0;
    size_t bytes_waiting = 0;
    bool has_read = false;                          // In this turn.
    std::chrono::steady_clock::time_point read_at;  // The last time that it did.
    int64_t known_end = 0;                          // Of the partition, at `end_known_at` or later.
    Timestamp first_read_at;
    Timestamp end_known_at;
    bool reached_end = false;  // Once is for ever.
    OriginWatermarks origins;  // Of a topic of enriched rows.
  };

  // Takes and drops partitions as the share says.
  Status MoveLanes();
  Status AddTakenLanes();
  Status AddLane(topic::TopicPartition partition, topic::Offset begin, bool goes_on);
  void NoteElsewhere(topic::TopicPartition partition);
  struct Taking {  // A partition that is being taken over.
    topic::Offset begin = 0;
    std::future<Result<bool>> goes_on;
  };
  topic::Offset EndOfBatch(const Lane& lane) const;
  Status CutAt(topic::Offset end, MicroBatch* batch);
  // True when something was read: into the end of `waiting`, not decoded.
  Result<bool> Read(Lane* lane);
  // What was read in this turn.
  Status Decode(Lane* lane, const GateLooks& looks);
  Status LookForEnd(Lane* lane, Timestamp began, bool is_full, MicroBatch* batch);
  Status DecodeRows(MicroBatch* batch);
  Status DecodeEnriched(MicroBatch* batch);
  Status KeepGood(const std::vector<uint32_t>& record_of_row, types::Batch rows,
                  std::map<uint32_t, std::string> bad, MicroBatch* batch);
  std::string Untimely(const types::Column& times, size_t row, Timestamp appended) const;
  Status AddDeadLetter(const topic::Record& record, const std::string& reason,
                       DeadLetters* into) const;
  // True when something was released.
  Result<bool> ReleaseReady(Lane* lane);
  Status ReleaseChain(const MicroBatch& batch, bool forced);
  Result<EnrichedRows> EnrichUntilAnswered(const MicroBatch& batch, int64_t complete_until,
                                           bool forced);
  Status ReleaseEnriched(const MicroBatch& batch, Lane* lane);
  // Of the record, or of the left record that its row is of.
  static Timestamp AppendTimeOf(const MicroBatch& batch, uint32_t record);
  Status FoldInto(FoldTarget* target, const MicroBatch& batch, TargetRows given);
  Status FoldEnriched(FoldTarget* target, const MicroBatch& batch, const EnrichedRows& enriched,
                      int64_t duplicate, bool forced);
  // That the rows up to there have come, by what a target has been given.
  void RaiseWatermark(ProgressCell* cell, int64_t to) const;
  void PrintRows(const FoldTarget& target, const types::Batch& rows,
                 const std::vector<int64_t>& event_times,
                 const std::vector<uint8_t>& incomplete) const;
  void CountFolded(FoldTarget* target, const fetch::Checkpoint& before,
                   const fetch::Checkpoint& after, const std::vector<int64_t>& event_times,
                   const std::vector<int64_t>& append_times) const;
  bool IsIdleUrgent() const;
  Status LookForIdleLanes();
  Status NoteIdleLanes();
  void NoteIdle(const Lane& lane, Timestamp began);
  Status CommitSynced();
  void NoteReachedEnd(Lane* lane, Timestamp appended_before);
  void NoteOldest();

  WorkerParts parts_;
  StreamOptions options_;
  Progress* progress_;
  const Clock* clock_;
  Metrics::Histogram gate_wait_ =
      Metrics::Global().HistogramOf("catena_enrich_gate_wait_seconds", {});
  Metrics::Histogram enrich_duration_ =
      Metrics::Global().HistogramOf("catena_stage_duration_seconds", {{"stage", "enrich"}});
  std::vector<Lane> lanes_;
  std::optional<uint64_t> share_seen_;  // Its Changes().
  std::map<topic::TopicPartition, Taking> taking_;
  std::stop_token stop_;
  std::shared_ptr<const EndWatch::Look> idle_look_;     // Under way; null: none.
  std::chrono::steady_clock::time_point idle_look_at_;  // When it was asked for.
  std::chrono::steady_clock::time_point idle_look_due_;
  std::mutex mutex_;
  std::map<topic::TopicPartition, topic::Offset> synced_;  // To be committed.
};

}  // namespace catena::streaming
