// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/log_cursor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "catena/base/file.h"

namespace catena::topic {
namespace {

// Up to `size` bytes, fewer where the file ends. By one call: behind what was its end a moment ago
// may be bytes of another tail, where a recovery cut the one off and its writer went on.
Result<size_t> ReadAt(int descriptor, int64_t position, char* into, size_t size,
                      const std::string& path) {
  ssize_t got = 0;
  do {
    got = pread(descriptor, into, size, position);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return Unavailable("cannot read topic segment: " + path + ": " + std::strerror(errno));
  }
  return static_cast<size_t>(got);
}

}  // namespace

void LogCursor::Forget() {
  filled_ = taken_ = 0;
  at_file_end_ = false;
  frame_.reset();
}

Status LogCursor::OpenSegment(Offset base) {
  const std::string path = place_->SegmentPath(base);
  const int flags = (access_ == Access::kAppend ? O_RDWR : O_RDONLY) | O_CLOEXEC;
  FileDescriptor file(open(path.c_str(), flags));
  if (!file.is_open()) {
    return Unavailable("cannot open topic segment: " + path + ": " + std::strerror(errno));
  }
  file_ = std::move(file);
  const Timestamp last_time = at_.offset == base ? at_.append_time : Timestamp::min();
  at_ = LogIndex::Entry{.offset = base, .base = base, .position = 0, .append_time = last_time};
  noted_position_ = -1;
  has_seen_end_ = false;
  gap_position_ = -1;
  torn_position_ = -1;
  Forget();
  return Status();
}

// A segment is complete as soon as one exists that begins with the next offset.
Result<bool> LogCursor::OpenNextSegment() {
  if (file_.is_open() && at_.offset == at_.base) return false;
  const std::string path = place_->SegmentPath(at_.offset);
  if (access(path.c_str(), F_OK) != 0) {
    if (errno == ENOENT) return false;
    return Unavailable("cannot open topic segment: " + path + ": " + std::strerror(errno));
  }
  CATENA_RETURN_IF_ERROR(OpenSegment(at_.offset));
  return true;
}

// False where segments go on behind what looks like the end: it is read once more, since they are
// begun when this one is whole. A crash of the machine may leave them and lose the rest of this
// one.
Result<bool> LogCursor::IsEnd() {
  if (has_seen_end_) return true;
  CATENA_TRY(const bool removed, IsRemoved());
  if (removed) return true;
  CATENA_TRY(const bool goes_on, HoldsBehind(*place_, at_.offset));
  has_seen_end_ = !goes_on;
  if (goes_on && gap_position_ == at_.position) return Damaged();
  gap_position_ = at_.position;
  return has_seen_end_;
}

Result<bool> LogCursor::IsRemoved() const {
  if (!file_.is_open()) return false;
  struct stat status;
  if (fstat(file_.get(), &status) != 0) {
    return Unavailable("cannot read topic segment: " + place_->SegmentPath(at_.base) + ": " +
                       std::strerror(errno));
  }
  return status.st_nlink == 0;
}

Status LogCursor::Fill(size_t bytes) {
  buffer_.resize(std::max({buffer_.size(), buffer_bytes_, bytes}));
  Forget();
  CATENA_TRY(filled_, ReadAt(file_.get(), at_.position, buffer_.data(), buffer_.size(),
                             place_->SegmentPath(at_.base)));
  at_file_end_ = filled_ < buffer_.size();
  return Status();
}

Result<const Frame*> LogCursor::Peek() {
  if (frame_) return &*frame_;
  bool fresh = false;
  while (true) {
    const std::string_view rest(buffer_.data() + taken_, filled_ - taken_);
    frame_ = ReadFrame(rest);
    if (frame_) break;
    const size_t announced = AnnouncedFrameBytes(rest);
    if (fresh && (at_file_end_ || announced <= rest.size())) {
      if (!rest.empty()) CATENA_RETURN_IF_ERROR(CheckTail());
      Forget();
      CATENA_TRY(const bool moved, OpenNextSegment());
      if (!moved) {
        CATENA_TRY(const bool is_end, IsEnd());
        if (is_end) return static_cast<const Frame*>(nullptr);
      }
    } else if (!file_.is_open()) {
      CATENA_TRY(const bool opened, OpenNextSegment());
      if (!opened) return static_cast<const Frame*>(nullptr);
    }
    CATENA_RETURN_IF_ERROR(Fill(announced));
    fresh = true;
  }
  if (noted_position_ < 0 || at_.position - noted_position_ >= LogIndex::kStepBytes) {
    noted_position_ = at_.position;
    index_->Note({at_.offset, at_.base, at_.position, frame_->append_time});
  }
  return &*frame_;
}

void LogCursor::Pop() {
  taken_ += frame_->bytes;
  at_.position += static_cast<int64_t>(frame_->bytes);
  at_.offset += 1;
  at_.append_time = frame_->append_time;
  frame_.reset();
}

void LogCursor::Wrote(int64_t bytes, int64_t records, Timestamp last_time) {
  at_.position += bytes;
  at_.offset += records;
  at_.append_time = last_time;
  torn_position_ = -1;
  Forget();
}

Error LogCursor::Damaged() const {
  return Corruption(fmt::format(
      "topic partition is damaged before its end; restore the segment, or cut it there and lose "
      "what follows: topic {} partition {} offset {} file {} byte {}",
      place_->topic, place_->partition, at_.offset, place_->SegmentPath(at_.base), at_.position));
}

// Reads all bytes from at_ to the end of the segment; true when they, or a later segment, show that
// records stood behind the one that does not check.
Result<bool> LogCursor::TailIsDamaged(std::string* rest) {
  struct stat status;
  const std::string path = place_->SegmentPath(at_.base);
  if (fstat(file_.get(), &status) != 0) {
    return Unavailable("cannot read topic segment: " + path + ": " + std::strerror(errno));
  }
  rest->resize(static_cast<size_t>(std::max<int64_t>(0, status.st_size - at_.position)));
  CATENA_TRY(const size_t got, ReadAt(file_.get(), at_.position, rest->data(), rest->size(), path));
  rest->resize(got);
  if (rest->empty() || ReadFrame(*rest)) return false;
  if (at_.position == torn_position_ && static_cast<int64_t>(got) == torn_bytes_) return false;
  if (ContinuesBeyondDamage(*rest, at_.append_time)) return true;
  return HoldsBehind(*place_, at_.base);
}

// Called at bytes that are no frame, as far as they were read.
Status LogCursor::CheckTail() {
  std::string rest;
  CATENA_TRY(bool damaged, TailIsDamaged(&rest));
  if (damaged && access_ == Access::kRead) {
    // What was read without the lock may be half of a recovery and half of the next append.
    CATENA_TRY(const FileLock lock, FileLock::Acquire(place_->LockPath(), /*wait=*/true));
    CATENA_TRY(damaged, TailIsDamaged(&rest));
  }
  if (damaged) return Damaged();
  torn_position_ = at_.position;
  torn_bytes_ = static_cast<int64_t>(rest.size());
  return Status();
}

Status LogCursor::MoveTo(const LogIndex::Entry& entry) {
  if (!file_.is_open() || at_.base != entry.base) {
    CATENA_RETURN_IF_ERROR(OpenSegment(entry.base));
  }
  at_ = entry;
  noted_position_ = -1;
  torn_position_ = -1;
  Forget();
  return Status();
}

Status LogCursor::ToBegin() {
  CATENA_TRY(const std::vector<Offset> bases, ListSegments(*place_));
  if (bases.empty()) return Status();  // Stands at offset 0 of a partition without records.
  return MoveTo({.offset = bases[0], .base = bases[0]});
}

Status LogCursor::ToNewestSegment() {
  CATENA_TRY(const std::vector<Offset> bases, ListSegments(*place_));
  for (size_t i = bases.size(); i-- > 0;) {
    struct stat status;
    const std::string path = place_->SegmentPath(bases[i]);
    if (stat(path.c_str(), &status) != 0) {
      return Unavailable("cannot read topic segment: " + path + ": " + std::strerror(errno));
    }
    if (status.st_size == 0 && i > 0) continue;  // Begun by a writer that died.
    return MoveTo({.offset = bases[i], .base = bases[i]});
  }
  return Status();
}

Status LogCursor::ToEnd() {
  while (true) {
    CATENA_TRY(const Frame* frame, Peek());
    if (frame == nullptr) return Status();
    Pop();
  }
}

Status LogCursor::ToCursor(const LogCursor& other) {
  return other.file_.is_open() ? MoveTo(other.at_) : Status();
}

Status LogCursor::ToOffset(Offset offset) {
  CATENA_TRY(const std::vector<Offset> bases, ListSegments(*place_));
  const auto after = std::upper_bound(bases.begin(), bases.end(), offset);
  if (after != bases.begin()) {
    const Offset base = *(after - 1);
    const LogIndex::Entry* known = index_->AtOrBefore(base, offset);
    LogIndex::Entry entry{.offset = base, .base = base};
    if (known != nullptr) entry = *known;
    CATENA_RETURN_IF_ERROR(MoveTo(entry));
  }
  while (at_.offset < offset) {
    CATENA_TRY(const Frame* frame, Peek());
    if (frame == nullptr) break;
    Pop();
  }
  if (at_.offset == offset) return Status();
  return NotFound(fmt::format("no such offset in topic partition: topic {} partition {} offset {}",
                              place_->topic, place_->partition, offset));
}

Status LogCursor::ToTime(Timestamp time) {
  CATENA_TRY(const std::vector<Offset> bases, ListSegments(*place_));
  // The last segment that begins before `time` holds the answer, or the answer follows it.
  size_t low = 0;
  size_t high = bases.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    CATENA_RETURN_IF_ERROR(MoveTo({.offset = bases[middle], .base = bases[middle]}));
    CATENA_TRY(const Frame* frame, Peek());
    if (frame != nullptr && frame->append_time < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (bases.empty()) return Status();
  const Offset base = bases[low == 0 ? 0 : low - 1];
  const LogIndex::Entry* known = index_->Before(base, time);
  LogIndex::Entry entry{.offset = base, .base = base};
  if (known != nullptr) entry = *known;
  CATENA_RETURN_IF_ERROR(MoveTo(entry));
  while (true) {
    CATENA_TRY(const Frame* frame, Peek());
    if (frame == nullptr || frame->append_time >= time) return Status();
    Pop();
  }
}

}  // namespace catena::topic
