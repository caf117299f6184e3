// SPDX-License-Identifier: Apache-2.0
// ShareReads: ranges of one key that overlap, as one read.
//
// The rows of a micro-batch that look up one merchant ask for nearly the same range each. One by
// one these are as many answers as rows, and a server that does one thing at a time would be busy
// with them for longer than anybody waits.
//
//     [-- row 1 --)
//     [--- row 2 ----)       -->   [------ one read ------)
//            [--- row 3 ---)
//
//   input    requests as MultiGet takes them; those with a limit are not shared
//   output   reads, and of which read each request's answer is a part
//   threads  a pure function

#pragma once

#include <span>
#include <vector>

#include "catena/kv/kv_store.h"

namespace catena::kv {

struct SharedReads {
  std::vector<GetRequest> reads;
  std::vector<size_t> read_of;  // By request.
};

SharedReads ShareReads(std::span<const GetRequest> requests);

// What of a read's answer is the answer to `request`.
std::vector<TimedValue> PartOf(const std::vector<TimedValue>& values, const GetRequest& request);

}  // namespace catena::kv
