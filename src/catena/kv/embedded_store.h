// SPDX-License-Identifier: Apache-2.0
// EmbeddedStore: one process's way to an embedded store, by OpenMode.
//
//                 an owner answers     an owner holds the lock     nobody owns it
//                                      but does not answer
//   kOwn          kUnavailable         kUnavailable                owns, and answers others
//   kJoin         through the owner    waits, then kUnavailable    owns, and answers others
//   kReadOnly     through the owner    reads the files             reads the files
//
// A joiner or reader whose owner goes away takes its place in the table anew, at the next call.
//
//   threads  every call may run concurrently with every other
//   errors   kNotFound: kReadOnly and there is no store yet

#pragma once

#include <memory>

#include "catena/kv/kv_store.h"
#include "catena/kv/rocksdb_options.h"

namespace catena::kv {

Result<std::unique_ptr<KVStore>> OpenEmbeddedStore(const RocksDBPlace& place, OpenMode mode);

}  // namespace catena::kv
