// SPDX-License-Identifier: Apache-2.0
// SinkMetrics: the series of one sink that its workers report to with every micro-batch.
//
//   threads  every call may run concurrently

#pragma once

#include <string>

#include "catena/base/metrics.h"
#include "catena/streaming/fold/row_sink.h"

namespace catena::streaming {

class SinkMetrics {
 public:
  explicit SinkMetrics(const RowSink& sink)
      : latency(Metrics::Global().HistogramOf("catena_chain_latency_seconds",
                                              {{"group_by", sink.name()}})),
        apply(Metrics::Global().HistogramOf("catena_stage_duration_seconds",
                                            {{"stage", sink.stage()}})),
        tile_updates(
            Metrics::Global().CounterOf("catena_tile_updates_total", {{"group_by", sink.name()}})),
        folded(Events(sink, "folded")),
        filtered(Events(sink, "filtered")),
        null_key(Events(sink, "null_key")),
        dead_lettered(Events(sink, "dead_lettered")),
        late(Events(sink, "late")),
        duplicate(Events(sink, "duplicate")),
        other_day(Events(sink, "other_day")) {}

  Metrics::Histogram latency;
  Metrics::Histogram apply;
  Metrics::Counter tile_updates;
  Metrics::Counter folded, filtered, null_key, dead_lettered, late, duplicate, other_day;

 private:
  static Metrics::Counter Events(const RowSink& sink, const char* result) {
    return Metrics::Global().CounterOf("catena_events_total",
                                       {{"group_by", sink.name()}, {"result", result}});
  }
};

}  // namespace catena::streaming
