// SPDX-License-Identifier: Apache-2.0
// Whole files: read one, replace one, sync one, lock one.
//
//   errors  kNotFound when the path does not exist, kUnavailable for any other refusal of the
//           operating system, always with the path and the system's words

#pragma once

#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena {

Result<std::string> ReadFile(const std::string& path);

// Readers see the old bytes or the new ones, never a mixture, after a loss of power too: writes
// beside, syncs, then renames. An error leaves nothing beside.
Status ReplaceFile(const std::string& path, std::string_view bytes);

// Makes the bytes of the file `path`, or what was renamed, created or removed in the folder `path`,
// survive a loss of power. A folder of a file system that syncs none (EINVAL, of SMB's and some of
// FUSE) is done: its names last as long as that system keeps them, and nothing could be written
// there if it were refused. A file that cannot be synced is refused, whatever the reason: somebody
// relies on its bytes.
Status SyncPath(const std::string& path);

// An exclusive advisory lock on `path` (created when absent), held until destruction.
class FileLock {
 public:
  // kUnavailable at once when another process or object holds it and `wait` is false.
  static Result<FileLock> Acquire(const std::string& path, bool wait);
  FileLock(FileLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace catena
