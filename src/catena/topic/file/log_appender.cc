// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/log_appender.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "catena/base/file.h"
#include "catena/topic/file/file_descriptor.h"
#include "catena/topic/file/frame.h"

namespace catena::topic {
namespace {

Error Refused(const std::string& what, const std::string& path) {
  return Unavailable("cannot " + what + " topic segment: " + path + ": " + std::strerror(errno));
}

}  // namespace

Status LogAppender::Recover() {
  CATENA_TRY(const FileLock lock, FileLock::Acquire(place_.LockPath(), /*wait=*/true));
  return RecoverLocked();
}

Status LogAppender::RecoverLocked() {
  const bool is_first = !opened_;
  if (is_first) CATENA_RETURN_IF_ERROR(cursor_.ToNewestSegment());
  opened_ = true;
  CATENA_RETURN_IF_ERROR(cursor_.ToEnd());
  if (is_first) CATENA_RETURN_IF_ERROR(RemoveBehindEnd());
  if (cursor_.descriptor() < 0) return Status();
  struct stat status;
  if (fstat(cursor_.descriptor(), &status) != 0) {
    return Refused("read", place_.SegmentPath(cursor_.base()));
  }
  if (status.st_size > cursor_.position() &&
      ftruncate(cursor_.descriptor(), cursor_.position()) != 0) {
    return Refused("cut the unfinished end off", place_.SegmentPath(cursor_.base()));
  }
  return Status();
}

// What a crash of the machine left of segments whose records it lost, and those before them: the
// log is to grow to their places.
Status LogAppender::RemoveBehindEnd() {
  CATENA_TRY(const std::vector<Offset> bases, ListSegments(place_));
  for (const Offset base : bases) {
    if (base <= cursor_.offset()) continue;
    if (unlink(place_.SegmentPath(base).c_str()) != 0) {
      return Refused("remove the empty", place_.SegmentPath(base));
    }
  }
  return Status();
}

Status LogAppender::StartSegment() {
  const std::string path = place_.SegmentPath(cursor_.offset());
  const FileDescriptor created(open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644));
  if (!created.is_open()) return Refused("create", path);
  if (options_.sync) CATENA_RETURN_IF_ERROR(SyncPath(place_.folder));
  return cursor_.OpenSegment(cursor_.offset());
}

Status LogAppender::Write() {
  const std::string path = place_.SegmentPath(cursor_.base());
  size_t done = 0;
  while (done < bytes_.size()) {
    const ssize_t wrote = pwrite(cursor_.descriptor(), bytes_.data() + done, bytes_.size() - done,
                                 cursor_.position() + static_cast<int64_t>(done));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return Refused("append to", path);
    }
    done += static_cast<size_t>(wrote);
  }
  if (options_.sync && fdatasync(cursor_.descriptor()) != 0) return Refused("sync", path);
  return Status();
}

Result<Offset> LogAppender::Append(std::span<const OutRecord* const> records, Timestamp now) {
  CATENA_TRY(const FileLock lock, FileLock::Acquire(place_.LockPath(), /*wait=*/true));
  CATENA_RETURN_IF_ERROR(RecoverLocked());
  bytes_.clear();
  Timestamp time = cursor_.last_time();
  for (const OutRecord* record : records) {
    time = std::max(time, record->append_time == Timestamp::min() ? now : record->append_time);
    AppendFrame(time, record->key, record->value, &bytes_);
  }
  const auto size = static_cast<int64_t>(bytes_.size());
  const bool full =
      cursor_.position() > 0 && cursor_.position() + size > options_.segment_bytes_max;
  if (cursor_.descriptor() < 0 || full) CATENA_RETURN_IF_ERROR(StartSegment());
  const Offset first = cursor_.offset();
  CATENA_RETURN_IF_ERROR(Write());
  cursor_.Wrote(size, static_cast<int64_t>(records.size()), time);
  return first;
}

}  // namespace catena::topic
