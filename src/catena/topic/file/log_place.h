// SPDX-License-Identifier: Apache-2.0
// LogPlace, LogIndex: where the records of one partition of a file topic stand.
//
// A partition is a folder of segments `<offset of the first record, 20 digits>.log`, each a run of
// frames (frame.h), and a file `lock`:
//
//     00000000000000000000.log   frames of offsets 0 .. 899
//     00000000000000000900.log   frames of offsets 900 .. ; only the newest segment grows
//
// Whoever appends holds `lock` meanwhile, in any process. Readers take no lock: what lies below the
// end of the file is written, and the only bytes that may not be a frame are the newest.
// STORED FORMAT: do not change.
//
//   errors   kUnavailable when the operating system refuses, with the path and its words
//   threads  values; a LogIndex belongs to one thread

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/base/time.h"
#include "catena/topic/topic.h"

namespace catena::topic {

struct LogPlace {
  std::string topic;
  TopicPartition partition = 0;
  std::string folder;

  std::string SegmentPath(Offset base) const;
  std::string LockPath() const { return folder + "/lock"; }
};

// Offsets of the first records of all segments, ascending.
Result<std::vector<Offset>> ListSegments(const LogPlace& place);
// Whether a segment that begins behind `offset` holds anything. One that holds nothing is what a
// crash of the machine left of it, or was begun by a writer that died.
Result<bool> HoldsBehind(const LogPlace& place, Offset offset);

// Where some records stand: one entry a quarter MiB, noted by cursors as they pass.
class LogIndex {
 public:
  static constexpr int64_t kStepBytes = int64_t{256} << 10;
  struct Entry {
    Offset offset = 0;
    Offset base = 0;       // The segment.
    int64_t position = 0;  // Byte in the segment.
    Timestamp append_time = Timestamp::min();
  };

  void Note(const Entry& entry);
  // The last entry of segment `base` at or before `offset`.
  const Entry* AtOrBefore(Offset base, Offset offset) const;
  // The last entry of segment `base` that was appended before `time`.
  const Entry* Before(Offset base, Timestamp time) const;

 private:
  std::vector<Entry> entries_;  // By offset.
};

}  // namespace catena::topic
