// SPDX-License-Identifier: Apache-2.0
// Freshness: when the Fetcher of another process than the stream's first sees each payment.
//
//   input    the store of the stream, the conf of a GroupBy by user, and a feature that is null
//            until a user's first payment is there
//   output   latencies of all probes. Everyone who is due and unseen is asked for again and again,
//            so a latency is too high by at most a fraction of a millisecond and its twentieth
//            part: a stream that is behind has better to do than to answer

#pragma once

#include <string>

#include "bench/stream/schedule.h"
#include "catena/base/result.h"

namespace catena::bench {

struct Watched {
  std::string store;  // URL.
  std::string conf;   // Path.
  std::string feature;
};

// kUnavailable: a probe was not seen within a minute of its turn.
Result<Json> WatchProbes(const Watched& watched, const Schedule& schedule);

}  // namespace catena::bench
