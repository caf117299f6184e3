// SPDX-License-Identifier: Apache-2.0
// LogAppender: appends to one partition of a file topic, beside any number of others.
//
// Each call holds the partition's lock, catches up with what others appended, cuts off what a dead
// writer left unfinished, and writes all its records with one write(2).
//
//   errors   kInvalidData: a record larger than a frame, nothing is written; kUnavailable: the disk
//            is full or refuses, a prefix of the records may be stored; kCorruption as LogCursor
//   threads  an appender belongs to one thread; any number may append to one partition, in any
//            process
//   order    append times never go back within a partition

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "catena/base/result.h"
#include "catena/base/time.h"
#include "catena/topic/file/log_cursor.h"
#include "catena/topic/file/log_place.h"
#include "catena/topic/topic.h"

namespace catena::topic {

class LogAppender {
 public:
  struct Options {
    int64_t segment_bytes_max = int64_t{64} << 20;
    bool sync = false;  // Wait until the disk has the bytes: survives power loss, costs 1-100 ms.
  };

  LogAppender(LogPlace place, const Options& options)
      : place_(std::move(place)),
        options_(options),
        cursor_(&place_, &index_, LogCursor::Access::kAppend, size_t{64} << 10) {}
  LogAppender(const LogAppender&) = delete;
  LogAppender& operator=(const LogAppender&) = delete;

  // Cuts off what a dead writer left unfinished. Append does the same; opening does it early.
  Status Recover();
  // Appends all records with one write(2), in the newest segment or a new one; answers the offset
  // of the first. A record without a time gets `now`; none gets less than the one before it.
  Result<Offset> Append(std::span<const OutRecord* const> records, Timestamp now);

 private:
  Status RecoverLocked();
  Status RemoveBehindEnd();
  Status StartSegment();
  Status Write();

  LogPlace place_;
  Options options_;
  LogIndex index_;
  LogCursor cursor_;
  bool opened_ = false;
  std::string bytes_;  // Kept for its capacity.
};

}  // namespace catena::topic
