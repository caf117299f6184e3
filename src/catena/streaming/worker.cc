// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/worker.h"

#include <algorithm>
#include <thread>

#include "catena/base/log.h"
#include "catena/base/metrics.h"
#include "catena/streaming/dead_letter.h"

namespace catena::streaming {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kRecordsPerPoll = 1000;
constexpr size_t kRecordsWaitingMax = 20000;
constexpr size_t kBytesWaitingMax = size_t{16} << 20;
constexpr Millis kIdleWaitMax{20};  // A stop, or a sync to be told of, waits no longer.
constexpr Millis kStallWait{20};
constexpr Millis kEndIsFresh{2000};
// While others wait, records are left to gather: a micro-batch of few costs as much as one of many.
constexpr Millis kGather{1};
// Looks for idle partitions take at most the tenth part of a worker's time; where no gate waits for
// what they say, they come this often.
constexpr int kIdleLookShare = 10;
constexpr std::chrono::milliseconds kIdleLook{50};
constexpr int64_t kFirstEventTime = -62'135'596'800'000;  // 0001-01-01.

double Seconds(Timestamp from, Timestamp to) {
  return static_cast<double>((to - from).count()) / 1000.0;
}

}  // namespace

Status Worker::Begin(std::stop_token stop) {
  stop_ = std::move(stop);
  for (const topic::TopicPartition partition : parts_.partitions) {
    if (parts_.share.share != nullptr) {
      NoteElsewhere(partition);
      continue;
    }
    Lane lane;
    lane.partition = partition;
    lane.position = INT64_MAX;
    for (const FoldTarget& target : parts_.targets) {
      const fetch::Checkpoint checkpoint = target.sink->CheckpointOf(partition);
      lane.position = std::min(lane.position, checkpoint.next_offset);
      ProgressCell& cell = progress_->Cell(target.sink->name(), partition);
      cell.applied.store(checkpoint.next_offset);
      cell.event_time_max.store(checkpoint.event_time_max);
      cell.RaiseWatermark(checkpoint.watermark);
    }
    CATENA_RETURN_IF_ERROR(parts_.reader->Seek(partition, lane.position));
    lanes_.push_back(std::move(lane));
  }
  return Status();
}

Status Worker::AddDeadLetter(const topic::Record& record, const std::string& reason,
                             DeadLetters* into) const {
  const std::string where = "topic " + parts_.topic.name + ", partition " +
                            std::to_string(record.partition) + ", offset " +
                            std::to_string(record.offset);
  if (options_.on_error == OnError::kFail) {
    return InvalidData(where + ": " + reason + " (on_error is fail; dlq keeps such records aside)");
  }
  CATENA_LOG_WARN("dead_letter", "{}: {}", where, reason);
  ++into->count;
  if (options_.on_error == OnError::kDeadLetter) {
    into->puts.push_back(DeadLetterPut(parts_.topic.name, record, reason));
  }
  return Status();
}

// Why a row is a dead letter for its time, "" when it is not. A time further ahead than
// max_future_skew would move watermarks, and with them what is kept.
std::string Worker::Untimely(const types::Column& times, size_t row, Timestamp appended) const {
  if (times.IsNull(row)) return "its time column is null";
  const int64_t event_time = times.Values<int64_t>()[row];
  if (appended == topic::kNoAppendTime) {
    return "it has no append time to judge its event time by; give the topic "
           "message.timestamp.type=LogAppendTime";
  }
  if (event_time < kFirstEventTime) return "its event time lies before the year 1";
  if (event_time > ToMillis(appended + options_.max_future_skew)) {
    return "its event time is further ahead of its append time than max_future_skew_ms";
  }
  return "";
}

// Of a record that gave two rows, a change envelope, one that is bad spoils both: half an update
// would leave two rows, or none.
Status Worker::KeepGood(const std::vector<uint32_t>& record_of_row, types::Batch rows,
                        std::map<uint32_t, std::string> bad, MicroBatch* batch) {
  const types::Column& times = *rows.Find(parts_.time_column);
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    const uint32_t record = record_of_row[row];
    std::string reason = Untimely(times, row, batch->records[record].append_time);
    if (!reason.empty()) bad.emplace(record, std::move(reason));
  }
  for (const auto& [record, reason] : bad) {
    CATENA_RETURN_IF_ERROR(AddDeadLetter(batch->records[record], reason, &batch->dead_letters));
  }
  std::vector<uint32_t> keep;
  keep.reserve(rows.rows());
  batch->record_of_row.reserve(rows.rows());
  batch->event_times.reserve(rows.rows());
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    if (bad.contains(record_of_row[row])) continue;
    keep.push_back(row);
    batch->record_of_row.push_back(record_of_row[row]);
    batch->event_times.push_back(times.Values<int64_t>()[row]);
  }
  // What is counted are rows: records without any do not count, those of two count twice, but a
  // dead letter once.
  batch->absent += static_cast<int64_t>(rows.rows() - keep.size());
  batch->absent -= static_cast<int64_t>(bad.size());
  batch->rows = keep.size() == rows.rows() ? std::move(rows) : rows.Take(keep);
  return Status();
}

Status Worker::DecodeRows(MicroBatch* batch) {
  CATENA_TRY(topic::Decoded decoded, parts_.decoder->Decode(batch->records));
  for (const topic::BadRecord& bad : decoded.bad) {
    CATENA_RETURN_IF_ERROR(
        AddDeadLetter(batch->records[bad.record], bad.reason, &batch->dead_letters));
  }
  batch->absent += static_cast<int64_t>(batch->records.size() - decoded.bad.size()) -
                   static_cast<int64_t>(decoded.rows.rows());
  CATENA_TRY(sql::Projected projected, parts_.left_query->Apply(decoded.rows));
  std::map<uint32_t, std::string> bad;  // By record.
  for (const sql::BadRow& row : projected.bad_rows) {
    bad.emplace(decoded.record_of_row[row.row], row.message);
  }
  batch->absent += static_cast<int64_t>(projected.bad_rows.size());
  batch->filtered =
      static_cast<int64_t>(decoded.rows.rows() - projected.rows.rows() - projected.bad_rows.size());
  std::vector<uint32_t> record_of_row;
  for (const uint32_t row : projected.source_rows) {
    record_of_row.push_back(decoded.record_of_row[row]);
  }
  return KeepGood(record_of_row, std::move(projected.rows), std::move(bad), batch);
}

// Where some target's own beginning lies, so that each takes all of a micro-batch or none.
topic::Offset Worker::EndOfBatch(const Lane& lane) const {
  topic::Offset end = INT64_MAX;
  for (const FoldTarget& target : parts_.targets) {
    const topic::Offset from = target.sink->CheckpointOf(lane.partition).next_offset;
    if (from > lane.position) end = std::min(end, from);
  }
  return end;
}

// Where offsets hold no record, records come from behind the end as well: they are read again.
Status Worker::CutAt(topic::Offset end, MicroBatch* batch) {
  batch->next_offset = end;
  if (batch->records.empty()) return Status();
  std::erase_if(batch->records,
                [end](const topic::Record& record) { return record.offset >= end; });
  return parts_.reader->Seek(batch->partition, end);
}

Result<bool> Worker::Read(Lane* lane) {
  const Timestamp began = clock_->Now();
  lane->has_read = false;
  if (lane->records_waiting >= kRecordsWaitingMax || lane->bytes_waiting >= kBytesWaitingMax) {
    return false;
  }
  if (!lane->waiting.empty() && began - lane->waiting.back().ticket.read_at < kGather) return false;
  MicroBatch batch;
  batch.partition = lane->partition;
  const topic::Offset end = EndOfBatch(*lane);
  const int64_t wanted = std::min(static_cast<int64_t>(kRecordsPerPoll), end - lane->position);
  CATENA_RETURN_IF_ERROR(
      parts_.reader->PollArrived(lane->partition, static_cast<size_t>(wanted), &batch.records));
  // Offsets that hold no record are passed over as well: gates wait for the topic's end.
  batch.next_offset = batch.records.empty() ? parts_.reader->Position(lane->partition)
                                            : batch.records.back().offset + 1;
  if (batch.next_offset > end) CATENA_RETURN_IF_ERROR(CutAt(end, &batch));
  lane->has_read = batch.next_offset > lane->position;
  if (!lane->has_read) return false;
  lane->read_at = Steady::now();
  for (const FoldTarget& target : parts_.targets) {
    progress_->Cell(target.sink->name(), lane->partition).idle.store(false);
  }
  batch.absent = batch.next_offset - lane->position - static_cast<int64_t>(batch.records.size());
  lane->position = batch.next_offset;
  const bool is_full = static_cast<int64_t>(batch.records.size()) == wanted;
  CATENA_RETURN_IF_ERROR(LookForEnd(lane, began, is_full, &batch));
  batch.ticket.read_at = began;
  for (const topic::Record& record : batch.records) {
    batch.bytes += record.key.size() + record.value.size();
  }
  lane->records_waiting += batch.records.size();
  lane->bytes_waiting += batch.bytes;
  lane->waiting.push_back(std::move(batch));
  return true;
}

Status Worker::Decode(Lane* lane, const GateLooks& looks) {
  if (!lane->has_read) return Status();
  MicroBatch& batch = lane->waiting.back();
  CATENA_RETURN_IF_ERROR(parts_.enriched ? DecodeEnriched(&batch) : DecodeRows(&batch));
  for (const FoldTarget& target : parts_.targets) {
    target.stats->read.Add(batch.ticket.read_at, 0, batch.records.size());
  }
  if (parts_.gate) {
    std::vector<int64_t> query_times = batch.event_times;
    for (int64_t& time : query_times) time += options_.query_shift.count();
    batch.ticket = parts_.gate->Ticket(batch.ticket.read_at, query_times, looks);
  }
  return Status();
}

// Where records never stop coming there are more of them each time that the end has been looked up,
// so the end of a moment ago is as good. A micro-batch that is full most likely does not reach it.
Status Worker::LookForEnd(Lane* lane, Timestamp began, bool is_full, MicroBatch* batch) {
  if (lane->reached_end || lane->position < lane->known_end) return Status();
  if (lane->first_read_at == Timestamp()) lane->first_read_at = began;
  if (is_full && began - lane->first_read_at <= kEndIsFresh) return Status();
  if (began - lane->end_known_at > kEndIsFresh) {
    lane->end_known_at = began;
    CATENA_TRY(lane->known_end, parts_.reader->EndOffset(lane->partition));
  }
  if (lane->position >= lane->known_end) batch->reaches_end = lane->end_known_at;
  return Status();
}

// Where a gate waits for what is said of it.
bool Worker::IsIdleUrgent() const {
  const std::string& name = parts_.targets.front().sink->name();
  return options_.gate == GateKind::kWatermark ||
         !std::all_of(lanes_.begin(), lanes_.end(), [&](const Lane& lane) {
           return progress_->Cell(name, lane.partition).reached_end.load();
         });
}

// A partition is idle at a moment when all that was appended before it is in the state.
Status Worker::LookForIdleLanes() {
  if (idle_look_ != nullptr) return NoteIdleLanes();
  const Steady::time_point now = Steady::now();
  if (now < idle_look_due_) return Status();
  const bool may_be = std::any_of(lanes_.begin(), lanes_.end(), [&](const Lane& lane) {
    return !lane.has_read && lane.waiting.empty() &&
           (now - lane.read_at >= kIdleLook || IsIdleUrgent());
  });
  if (!may_be) return Status();
  idle_look_ = parts_.ends.watch->Ask(parts_.news);
  idle_look_at_ = now;
  return Status();
}

Status Worker::NoteIdleLanes() {
  CATENA_TRY(const EndWatch::Ends* answer, parts_.ends.watch->Answer(*idle_look_));
  if (answer == nullptr) return Status();
  const std::vector<topic::Offset>& ends = parts_.ends.Of(*answer);
  for (Lane& lane : lanes_) {
    lane.known_end = ends[static_cast<size_t>(lane.partition)];
    lane.end_known_at = answer->began;
    const bool is_idle = !lane.has_read && lane.waiting.empty();
    if (is_idle && lane.position >= lane.known_end) NoteIdle(lane, answer->began);
  }
  idle_look_.reset();
  const Steady::time_point now = Steady::now();
  idle_look_due_ = now + (kIdleLookShare - 1) * (now - idle_look_at_);
  if (!IsIdleUrgent()) idle_look_due_ = std::max(idle_look_due_, idle_look_at_ + kIdleLook);
  return Status();
}

Millis Worker::IdleWait() const {
  if (lanes_.empty()) return kIdleWaitMax;
  if (idle_look_ != nullptr) return Millis{1};
  const auto left = std::chrono::ceil<Millis>(idle_look_due_ - Steady::now());
  return std::clamp(left, Millis{1}, kIdleWaitMax);
}

std::map<topic::TopicPartition, topic::Offset> Worker::Applied() const {
  std::map<topic::TopicPartition, topic::Offset> applied;
  if (parts_.share.share != nullptr) return applied;  // The enriched topic tells.
  for (const topic::TopicPartition partition : parts_.partitions) {
    topic::Offset lowest = INT64_MAX;
    for (const FoldTarget& target : parts_.targets) {
      lowest = std::min(lowest, target.sink->CheckpointOf(partition).next_offset);
    }
    applied[partition] = lowest;
  }
  return applied;
}

void Worker::NoteSynced(std::map<topic::TopicPartition, topic::Offset> offsets) {
  const std::lock_guard lock(mutex_);
  synced_ = std::move(offsets);
}

Status Worker::CommitSynced() {
  std::map<topic::TopicPartition, topic::Offset> synced;
  {
    const std::lock_guard lock(mutex_);
    synced.swap(synced_);
  }
  return synced.empty() ? Status() : parts_.reader->Commit(synced);
}

void Worker::NoteIdle(const Lane& lane, Timestamp began) {
  for (const FoldTarget& target : parts_.targets) {
    ProgressCell& cell = progress_->Cell(target.sink->name(), lane.partition);
    RaiseWatermark(&cell, ToMillis(began - options_.out_of_orderness));
    cell.reached_end.store(true);
    cell.idle.store(true);
    progress_->TellOf(target.sink->name());
  }
}

// Where records never stop coming no lane is ever idle. Who is told of the end finds the watermark
// that goes with it.
void Worker::NoteReachedEnd(Lane* lane, Timestamp appended_before) {
  lane->reached_end = true;
  for (const FoldTarget& target : parts_.targets) {
    ProgressCell& cell = progress_->Cell(target.sink->name(), lane->partition);
    RaiseWatermark(&cell, ToMillis(appended_before - options_.out_of_orderness));
    cell.reached_end.store(true);
  }
}

void Worker::NoteOldest() {
  int64_t oldest = INT64_MAX;
  for (const Lane& lane : lanes_) {
    if (lane.waiting.empty() || lane.waiting.front().records.empty()) continue;
    const Timestamp appended = lane.waiting.front().records.front().append_time;
    if (appended != topic::kNoAppendTime) oldest = std::min(oldest, ToMillis(appended));
  }
  for (const FoldTarget& target : parts_.targets) target.stats->SetOldest(parts_.index, oldest);
}

Result<bool> Worker::ReleaseReady(Lane* lane) {
  bool released = false;
  while (!lane->waiting.empty()) {
    MicroBatch& batch = lane->waiting.front();
    if (parts_.gate) {
      const Timestamp now = clock_->Now();
      CATENA_TRY(const Release release, parts_.gate->Check(&batch.ticket, now));
      if (release == Release::kWait) break;
      gate_wait_.Observe(Seconds(batch.ticket.read_at, now));
      CATENA_RETURN_IF_ERROR(ReleaseChain(batch, release == Release::kForced));
    } else if (parts_.enriched) {
      CATENA_RETURN_IF_ERROR(ReleaseEnriched(batch, lane));
    } else {
      TargetRows all{batch.rows,
                     std::move(batch.record_of_row),
                     std::move(batch.event_times),
                     std::vector<uint8_t>(batch.rows.rows(), 0),
                     std::move(batch.dead_letters),
                     batch.filtered};
      CATENA_RETURN_IF_ERROR(FoldInto(&parts_.targets.front(), batch, std::move(all)));
    }
    if (batch.reaches_end) NoteReachedEnd(lane, *batch.reaches_end);
    lane->records_waiting -= batch.records.size();
    lane->bytes_waiting -= batch.bytes;
    lane->waiting.pop_front();
    released = true;
  }
  return released;
}

// A dependency that does not answer stalls the chain, it does not end it: the rows wait where they
// are, and every timeout_millis the log says for what.
Result<EnrichedRows> Worker::EnrichUntilAnswered(const MicroBatch& batch, int64_t complete_until,
                                                 bool forced) {
  const Timestamp began = clock_->Now();
  Timestamp told = began;
  while (true) {
    Result<EnrichedRows> enriched = parts_.enricher->Enrich(batch.rows, batch.event_times,
                                                            complete_until, forced, clock_->Now());
    const bool stalled = !enriched.ok() && enriched.error().code == ErrorCode::kUnavailable;
    if (!stalled || stop_.stop_requested()) return enriched;
    if (const Timestamp now = clock_->Now(); now - told >= options_.timeout) {
      CATENA_LOG_WARN("stalled", "waiting {} ms for the store: {}", (now - began).count(),
                      enriched.error().message);
      told = now;
    }
    std::this_thread::sleep_for(kStallWait);
  }
}

Status Worker::ReleaseChain(const MicroBatch& batch, bool forced) {
  // Sampled before the fetch: what it promises is then in what the fetch sees.
  const Timestamp released = clock_->Now();
  const int64_t complete_until = parts_.gate->CompleteUntil(batch.ticket);
  CATENA_TRY(EnrichedRows enriched, EnrichUntilAnswered(batch, complete_until, forced));
  for (const auto& [reason, rows] : enriched.incomplete_reasons) {
    Metrics::Global().Count("catena_enrich_incomplete_total", {{"reason", reason}},
                            static_cast<double>(rows));
  }
  const Timestamp now = clock_->Now();
  enrich_duration_.Observe(Seconds(released, now));
  for (FoldTarget& target : parts_.targets) {
    target.stats->enriched.Add(now, (now - batch.ticket.read_at).count() * 1000,
                               enriched.rows.rows());
    CATENA_RETURN_IF_ERROR(FoldEnriched(&target, batch, enriched, /*duplicate=*/0, forced));
  }
  return Status();
}

Result<bool> Worker::Read() {
  CATENA_RETURN_IF_ERROR(MoveLanes());
  bool has_read = false;
  for (Lane& lane : lanes_) {
    CATENA_TRY(const bool read, Read(&lane));
    has_read = has_read || read;
  }
  return has_read;
}

// A look-up that was asked for after they were read serves all lanes, and is under way while they
// are decoded.
Result<Worker::Turn> Worker::Work(AskedLooks* asked) {
  Turn turn;
  GateLooks looks;
  const bool has_read =
      std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.has_read; });
  if (parts_.gate && has_read) looks = parts_.gate->Ask(asked);
  for (Lane& lane : lanes_) CATENA_RETURN_IF_ERROR(Decode(&lane, looks));
  for (Lane& lane : lanes_) {
    CATENA_TRY(const bool released, ReleaseReady(&lane));
    turn.worked = turn.worked || released;
    turn.waiting = turn.waiting || !lane.waiting.empty();
  }
  NoteOldest();
  CATENA_RETURN_IF_ERROR(LookForIdleLanes());
  CATENA_RETURN_IF_ERROR(CommitSynced());
  return turn;
}

Status Worker::AwaitRecords(Millis wait) {
  if (!lanes_.empty()) return parts_.reader->Wait(wait);
  std::this_thread::sleep_for(wait);
  return Status();
}

int64_t Worker::Position() const {
  int64_t sum = 0;
  for (const Lane& lane : lanes_) sum += lane.position;
  return sum;
}

}  // namespace catena::streaming
