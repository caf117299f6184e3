// SPDX-License-Identifier: Apache-2.0
// Gate: when a left row may be enriched, so that it sees what a batch backfill would see.
//
//     caught_up   every right side has applied all that was appended before the row was read
//     watermark   every right side's low watermark has reached the row's event time
//     fixed       wall clock >= p95(event time) + max(query_delay_ms, lag_millis), as Chronon
//
// A sleep is neither needed nor enough; a gate waits exactly for what the row depends on. After
// lag_millis a row goes through unready (`forced`); that clock starts when the right sides have
// reached their ends once.
//
//   input    the right sides of one chain: streaming GroupBys of this process, and the SNAPSHOT
//            GroupBys whose upload a row may wait for (snapshot_wait_ms)
//   output   whether a micro-batch is released, and whether its rows are complete
//   errors   kUnavailable, kCorruption from topics and store
//   threads  one Gate belongs to one worker; Progress is shared
//   source   docs/concepts/chaining.md

#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catena/kv/kv_store.h"
#include "catena/streaming/end_watch.h"
#include "catena/streaming/progress.h"
#include "catena/streaming/stream_options.h"

namespace catena::streaming {

// A streaming GroupBy that is looked up, and the topic that feeds it.
struct RightSide {
  std::string group_by;
  WatchedTopic topic;
};

// Of the topics of a gate's right sides, by right side; many have the same.
using GateLooks = std::vector<std::shared_ptr<const EndWatch::Look>>;

// What was asked for since records were read the last time, by whichever gate: it will do for all
// that were read before.
using AskedLooks = std::map<EndWatch*, std::shared_ptr<const EndWatch::Look>>;

// What a micro-batch waits for.
struct GateTicket {
  Timestamp read_at;
  int64_t event_time_max = INT64_MIN;       // Query times, shift included.
  int64_t event_time_percentile = 0;        // For `fixed`.
  GateLooks looks;                          // Whose ends it waits for.
  std::vector<const EndWatch::Ends*> ends;  // What they answered; null before.
};

enum class Release : uint8_t { kWait, kReady, kForced };

class Gate {
 public:
  // What is pointed to outlives it.
  Gate(std::vector<RightSide> right_sides, std::vector<std::string> snapshot_group_bys,
       const StreamOptions& options, const Progress* progress, kv::KVStore* store,
       std::shared_ptr<News> news)
      : options_(options),
        progress_(progress),
        store_(store),
        sides_(std::move(right_sides)),
        snapshots_(std::move(snapshot_group_bys)),
        news_(std::move(news)) {}

  // Asks for the end offsets of every right side, unless they are in `asked`: call after the
  // records were read. `news` is told of the answers.
  GateLooks Ask(AskedLooks* asked) const;
  GateTicket Ticket(Timestamp read_at, std::span<const int64_t> query_times, GateLooks looks) const;
  // Waits until they are known, whatever the gate.
  Result<Release> Check(GateTicket* ticket, Timestamp now);
  // Rows with query times up to here are complete when the ticket is released: the lowest watermark
  // over the right sides, and, once they have applied all that was there when their ends were
  // looked up, that moment less the declared out-of-orderness. INT64_MAX without right sides.
  int64_t CompleteUntil(const GateTicket& ticket) const;

 private:
  Result<bool> EndsKnown(GateTicket* ticket) const;
  bool Bootstrapped(const GateTicket& ticket, Timestamp now);
  bool SidesReady(const GateTicket& ticket, Timestamp now) const;
  bool AppliedEnds(const GateTicket& ticket) const;
  int64_t Watermark() const;
  Result<bool> SnapshotsReady(int64_t event_time, Timestamp now);

  StreamOptions options_;
  const Progress* progress_;
  kv::KVStore* store_;
  std::vector<RightSide> sides_;
  std::vector<std::string> snapshots_;
  std::shared_ptr<News> news_;
  bool bootstrapped_ = false;
  Timestamp bootstrapped_at_;
};

}  // namespace catena::streaming
