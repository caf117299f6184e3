// SPDX-License-Identifier: Apache-2.0
// What a worker does with rows that are ready: each target gets what it has not had of them.

#include <algorithm>
#include <numeric>

#include "catena/streaming/dead_letter.h"
#include "catena/streaming/worker.h"

namespace catena::streaming {
namespace {

// The `ts` column whatever its integer width; null when the Query has none.
const types::Column* TimeColumn(const types::Batch& rows) { return rows.Find("ts"); }

double Seconds(Timestamp from, Timestamp to) {
  return static_cast<double>((to - from).count()) / 1000.0;
}

uint64_t OrderOf(const Origin& origin) {
  topic::Record left;
  left.partition = origin.partition;
  left.offset = origin.offset;
  return SourceOrder(left);
}

}  // namespace

// Enriched rows stand for the left records that they were: by those they are counted, ordered and
// judged.
Status Worker::DecodeEnriched(MicroBatch* batch) {
  CATENA_TRY(DecodedEnriched decoded, parts_.enriched->Decode(batch->records));
  for (const topic::BadRecord& bad : decoded.bad) {
    CATENA_RETURN_IF_ERROR(
        AddDeadLetter(batch->records[bad.record], bad.reason, &batch->dead_letters));
  }
  batch->absent += static_cast<int64_t>(batch->records.size() - decoded.bad.size()) -
                   static_cast<int64_t>(decoded.rows.rows());
  batch->rows = std::move(decoded.rows);
  batch->record_of_row = std::move(decoded.record_of_row);
  batch->event_times = std::move(decoded.event_times);
  batch->incomplete = std::move(decoded.incomplete);
  batch->origins = std::move(decoded.origins);
  batch->heartbeats = std::move(decoded.heartbeats);
  return Status();
}

// A row that comes again, since a record that its writer believed lost was not, is left out.
Status Worker::ReleaseEnriched(const MicroBatch& batch, Lane* lane) {
  for (FoldTarget& target : parts_.targets) {
    std::map<int32_t, int64_t> next = target.sink->CheckpointOf(lane->partition).origins;
    EnrichedRows fresh;
    for (uint32_t row = 0; row < batch.rows.rows(); ++row) {
      const Origin& origin = batch.origins[batch.record_of_row[row]];
      int64_t& expected = next[origin.partition];
      if (origin.offset < expected) continue;
      expected = origin.offset + 1;
      fresh.left_rows.push_back(row);
      fresh.event_times.push_back(batch.event_times[row]);
      fresh.incomplete.push_back(batch.incomplete[row]);
    }
    const auto duplicate = static_cast<int64_t>(batch.rows.rows() - fresh.left_rows.size());
    fresh.rows = duplicate == 0 ? batch.rows : batch.rows.Take(fresh.left_rows);
    CATENA_RETURN_IF_ERROR(FoldEnriched(&target, batch, fresh, duplicate, /*forced=*/false));
  }
  for (const Heartbeat& heartbeat : batch.heartbeats) lane->origins.Add(heartbeat);
  for (const FoldTarget& target : parts_.targets) {
    ProgressCell& cell = progress_->Cell(target.sink->name(), lane->partition);
    cell.RaiseWatermark(lane->origins.Lowest());
    cell.covered_from.store(lane->origins.covered_from());
  }
  return Status();
}

Status Worker::FoldEnriched(FoldTarget* target, const MicroBatch& batch,
                            const EnrichedRows& enriched, int64_t duplicate, bool forced) {
  sql::Projected projected;
  if (target->query) {
    CATENA_TRY(projected, target->query->Apply(enriched.rows));
  } else {
    projected.rows = enriched.rows;
    projected.source_rows.resize(enriched.rows.rows());
    std::iota(projected.source_rows.begin(), projected.source_rows.end(), 0);
  }
  TargetRows kept;
  kept.dead_letters = batch.dead_letters;
  kept.duplicate = duplicate;
  kept.forced = forced;
  const auto record_of = [&](uint32_t left_row) { return batch.record_of_row[left_row]; };
  for (const auto& [left_row, reason] : enriched.bad_left_rows) {
    CATENA_RETURN_IF_ERROR(
        AddDeadLetter(batch.records[record_of(left_row)], reason, &kept.dead_letters));
  }
  for (const sql::BadRow& bad : projected.bad_rows) {
    CATENA_RETURN_IF_ERROR(AddDeadLetter(batch.records[record_of(enriched.left_rows[bad.row])],
                                         bad.message, &kept.dead_letters));
  }
  const types::Column* times = target->query ? TimeColumn(projected.rows) : nullptr;
  std::vector<uint32_t> keep;
  keep.reserve(projected.source_rows.size());
  kept.record_of_row.reserve(projected.source_rows.size());
  kept.event_times.reserve(projected.source_rows.size());
  kept.incomplete.reserve(projected.source_rows.size());
  for (uint32_t i = 0; i < projected.source_rows.size(); ++i) {
    const uint32_t from = projected.source_rows[i];
    const uint32_t record = record_of(enriched.left_rows[from]);
    std::string reason = target->query ? "" : target->sink->Refusal(projected.rows, i);
    if (times != nullptr) reason = Untimely(*times, i, AppendTimeOf(batch, record));
    if (!reason.empty()) {
      CATENA_RETURN_IF_ERROR(AddDeadLetter(batch.records[record], reason, &kept.dead_letters));
      continue;
    }
    keep.push_back(i);
    kept.record_of_row.push_back(record);
    kept.event_times.push_back(times != nullptr ? times->Values<int64_t>()[i]
                                                : enriched.event_times[from]);
    kept.incomplete.push_back(enriched.incomplete[from]);
  }
  kept.rows = keep.size() == projected.rows.rows() ? projected.rows : projected.rows.Take(keep);
  const int64_t lost = kept.dead_letters.count - batch.dead_letters.count;
  kept.filtered = batch.filtered - lost - duplicate +
                  static_cast<int64_t>(batch.rows.rows() - kept.rows.rows());
  return FoldInto(target, batch, std::move(kept));
}

Timestamp Worker::AppendTimeOf(const MicroBatch& batch, uint32_t record) {
  return batch.origins.empty() ? batch.records[record].append_time
                               : FromMillis(batch.origins[record].append_time);
}

// Of a topic of enriched rows its heartbeats tell, and nothing else.
void Worker::RaiseWatermark(ProgressCell* cell, int64_t to) const {
  if (!parts_.enriched) cell->RaiseWatermark(to);
}

Status Worker::FoldInto(FoldTarget* target, const MicroBatch& batch, TargetRows given) {
  RowSink& sink = *target->sink;
  ProgressCell& cell = progress_->Cell(sink.name(), batch.partition);
  fetch::Checkpoint next = sink.CheckpointOf(batch.partition);
  if (batch.next_offset <= next.next_offset) return Status();  // In its state already.
  const fetch::Checkpoint before = next;
  std::vector<int64_t> append_times;
  std::vector<uint64_t> orders;
  append_times.reserve(given.record_of_row.size());
  orders.reserve(given.record_of_row.size());
  for (const uint32_t record : given.record_of_row) {
    append_times.push_back(ToMillis(AppendTimeOf(batch, record)));
    orders.push_back(batch.origins.empty() ? SourceOrder(batch.records[record])
                                           : OrderOf(batch.origins[record]));
  }
  for (const Origin& origin : batch.origins) {
    if (origin.partition < 0) continue;
    int64_t& expected = next.origins[origin.partition];
    expected = std::max(expected, origin.offset + 1);
  }
  const auto kept = static_cast<int64_t>(given.rows.rows());
  next.next_offset = batch.next_offset;
  next.start_offset += batch.absent;  // What is consumed are records.
  next.filtered += given.filtered;
  // Counted, not the rest of what was consumed: the sum is to show when something is lost.
  next.dead_lettered += given.dead_letters.count;
  next.duplicate += given.duplicate;
  next.forced += given.forced ? kept : 0;
  next.watermark = std::max(next.watermark, cell.watermark.load());
  target->stats->CountNulls(given.rows, sink.key_columns());
  if (options_.debug) {
    PrintRows(*target, given.rows, given.event_times, given.incomplete);
    for (const int64_t time : given.event_times) {
      next.event_time_max = std::max(next.event_time_max, time);
    }
    sink.BeginAt(batch.partition, batch.next_offset);
  } else {
    const uint64_t tiles_before = sink.tile_updates();
    const Timestamp began = clock_->Now();
    const auto refuse = [&](size_t row,
                            const std::string& reason) -> Result<std::optional<kv::Put>> {
      DeadLetters letter;
      CATENA_RETURN_IF_ERROR(
          AddDeadLetter(batch.records[given.record_of_row[row]], reason, &letter));
      return letter.puts.empty() ? std::optional<kv::Put>() : std::move(letter.puts.front());
    };
    CATENA_TRY(next, sink.Apply({&given.rows, given.event_times, append_times, orders,
                                 given.incomplete, refuse},
                                batch.partition, next, std::move(given.dead_letters.puts)));
    const uint64_t tiles = sink.tile_updates() - tiles_before;
    target->stats->tiles.Add(clock_->Now(), 0, tiles);
    target->metrics.tile_updates.Add(static_cast<double>(tiles));
    target->metrics.apply.Observe(Seconds(began, clock_->Now()));
  }
  cell.event_time_max.store(next.event_time_max);
  if (next.event_time_max != INT64_MIN) {
    RaiseWatermark(&cell, next.event_time_max - options_.out_of_orderness.count());
  }
  cell.applied.store(next.next_offset);
  progress_->TellOf(sink.name());
  CountFolded(target, before, next, given.event_times, append_times);
  return Status();
}

}  // namespace catena::streaming
