// SPDX-License-Identifier: Apache-2.0
// WriteSnapshot, RestoreSnapshot: everything that a KVStore holds as one file, from any kind of
// store into any other.
//
//   file     "catena snapshot 1\n", then frames: length and CRC-32C of the rest (4 bytes each,
//            little-endian), 'V' values, 'M' marks, 'E' the end with how many of each there were
//   order    values before marks: what a store that was restored half holds, nothing names
//   errors   Write: kUnavailable when the store was written to meanwhile, and when the file cannot
//            be written; the file appears whole or not at all. Restore: kCorruption with the place
//            when the file was cut or changed, before anything is applied; kInvalidConf when there
//            is no file, or the store holds marks already. Interrupted, it can be run again, also
//            with another file: values that no mark names go first
//   threads  one caller; WriteSnapshot only sees a store at rest as one state

#pragma once

#include <functional>
#include <string>

#include "catena/kv/kv_store.h"

namespace catena::kv {

struct SnapshotCounts {
  uint64_t values = 0;
  uint64_t marks = 0;
  uint64_t bytes = 0;  // Of the file.
};
// Called now and then with what was dealt with so far.
using SnapshotProgress = std::function<void(const SnapshotCounts&)>;

Result<SnapshotCounts> WriteSnapshot(KVStore* store, const std::string& path,
                                     const SnapshotProgress& progress = {});
Result<SnapshotCounts> RestoreSnapshot(const std::string& path, KVStore* store,
                                       const SnapshotProgress& progress = {});

}  // namespace catena::kv
