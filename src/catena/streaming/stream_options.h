// SPDX-License-Identifier: Apache-2.0
// StreamOptions: how a stream runs; every parameter of the seed, by its name, with its meaning.
//
//   input    `stream:` of catena.yaml, confs, and `-Z key=value`, by their flat names
//            (spark.chronon.stream.chain.lag.millis is lag_millis)
//   units    milliseconds unless the name says otherwise
//   errors   kInvalidConf names the parameter and what it takes; kUnsupported for a
//            processing_engine that this build cannot run a conf on

#pragma once

#include <memory>
#include <span>

#include "catena/base/result.h"
#include "catena/base/settings.h"
#include "catena/base/time.h"
#include "catena/conf/group_by.h"

namespace catena::streaming {

// When a left row may be enriched (docs/concepts/chaining.md).
enum class GateKind : uint8_t {
  kCaughtUp,   // Right sides have applied everything that was appended before the row was read.
  kWatermark,  // Right sides' low watermark has reached the row's event time.
  kFixed,      // Chronon's: wall clock >= p95(event time) + max(query_delay_ms, lag_millis).
};

enum class OnError : uint8_t { kDeadLetter, kFail, kSkip };

struct StreamOptions {
  bool event_time_query = true;      // Enrich as of event time, else as of now.
  Millis query_shift{0};             // query_shift_ms: added to the query time.
  Millis query_delay{0};             // query_delay_ms: of the `fixed` gate.
  double time_percentile = 0.95;     // Of the `fixed` gate.
  Millis lag{2000};                  // lag_millis: the longest wait in a gate.
  Millis batch_interval{1000};       // batch_interval_millis: never reached, see chaining.md.
  Millis checkpoint_interval{5000};  // checkpoint_interval: between durable syncs.
  int parallelism = 0;               // Worker threads a task; 0: its share of the cores.
  Millis timeout{5000};              // timeout_millis: how often a stalled chain says so.
  GateKind gate = GateKind::kCaughtUp;
  Millis out_of_orderness{0};       // out_of_orderness_ms: B of the watermark.
  Millis max_future_skew{600000};   // max_future_skew_ms: event time past append time.
  Millis raw_retention{7200000};    // raw_retention_ms.
  Millis as_of_retention{7200000};  // as_of_retention_ms.
  Millis snapshot_wait{0};          // snapshot_wait_ms: for the upload of a left row's day.
  int state_cache_mb = 512;         // State that is kept in memory besides the store's own caches.
  OnError on_error = OnError::kDeadLetter;
  bool debug = false;  // Decode, enrich, print; write nothing.
};

Result<StreamOptions> ReadStreamOptions(const StreamParameters& parameters);

// What `-Z` and flags say, above what these GroupBys' confs say, above catena.yaml. kInvalidConf
// when two confs differ: all that one process streams has one value.
Result<StreamParameters> StreamParametersOf(
    const Settings& settings, std::span<const std::shared_ptr<const conf::GroupBy>> group_bys);

}  // namespace catena::streaming
