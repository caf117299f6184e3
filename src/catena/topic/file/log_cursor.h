// SPDX-License-Identifier: Apache-2.0
// LogCursor: reads one partition of a file topic forward, record by record, while it grows.
//
//   errors   kCorruption with topic, partition, offset and file: damage with records behind it,
//            confirmed under the partition's lock, so that no append in progress can look like it;
//            kUnavailable when the operating system refuses
//   threads  a cursor belongs to one thread; any number may read one partition, in any process
//   order    by offset, without holes

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/base/time.h"
#include "catena/topic/file/file_descriptor.h"
#include "catena/topic/file/frame.h"
#include "catena/topic/file/log_place.h"

namespace catena::topic {

class LogCursor {
 public:
  enum class Access { kRead, kAppend };  // kAppend: the caller holds the lock during every call.

  LogCursor(const LogPlace* place, LogIndex* index, Access access, size_t buffer_bytes)
      : place_(place), index_(index), access_(access), buffer_bytes_(buffer_bytes) {}

  // The record at offset(), or null at the end of the log. Valid until the next call. Reads the
  // operating system's file at every call that finds nothing buffered, so it never misses growth.
  Result<const Frame*> Peek();
  void Pop();

  // Whether the segment that it reads has been removed, as trimming does: what Peek() then takes
  // for the end of the log may be none.
  Result<bool> IsRemoved() const;

  // Offset and byte of the record that Peek() answers, and append time of the one before it.
  Offset offset() const { return at_.offset; }
  Offset base() const { return at_.base; }  // Of the segment.
  int64_t position() const { return at_.position; }
  Timestamp last_time() const { return at_.append_time; }
  int descriptor() const { return file_.get(); }

  // To the first record, to a record that exists or the end, or to where another cursor stands.
  Status ToBegin();
  Status ToOffset(Offset offset);
  Status ToCursor(const LogCursor& other);
  // To the start of the newest segment that holds records: the end is then at most a segment away.
  Status ToNewestSegment();
  // To the first record at or after `time`, or the end.
  Status ToTime(Timestamp time);
  // Past every record there is.
  Status ToEnd();
  // Past `records` that the owner itself has just written in `bytes`.
  void Wrote(int64_t bytes, int64_t records, Timestamp last_time);
  Status OpenSegment(Offset base);

 private:
  Status MoveTo(const LogIndex::Entry& entry);
  Result<bool> OpenNextSegment();
  Result<bool> IsEnd();
  Status Fill(size_t bytes);
  Status CheckTail();
  Result<bool> TailIsDamaged(std::string* rest);
  Error Damaged() const;
  void Forget();

  const LogPlace* place_;
  LogIndex* index_;
  Access access_;
  size_t buffer_bytes_;
  FileDescriptor file_;
  LogIndex::Entry at_;           // append_time is that of the record before.
  int64_t noted_position_ = -1;  // Of the last entry given to the index, in this segment.
  std::vector<char> buffer_;
  size_t filled_ = 0;
  size_t taken_ = 0;
  bool at_file_end_ = false;
  std::optional<Frame> frame_;
  bool has_seen_end_ = false;   // Of the segment, with nothing behind it.
  int64_t gap_position_ = -1;   // Where something stood behind it.
  int64_t torn_position_ = -1;  // Where a tail of torn_bytes_ was found to be merely torn, so
  int64_t torn_bytes_ = 0;      // that it is searched once.
};

}  // namespace catena::topic
