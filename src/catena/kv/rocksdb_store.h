// SPDX-License-Identifier: Apache-2.0
// RocksDB as a KVStore: opened by its one owner, or by any number of readers beside it.
//
//   owner    writes are one atomic batch in the write-ahead log, handed to the operating system at
//            once and synced every second, or before Apply returns when `durable`
//   reader   follows the owner's files and log before every read, without its help; kUnsupported
//            on writes
//   threads  every call may run concurrently with every other
//   errors   kUnavailable while another process owns the folder, naming its pid

#pragma once

#include <memory>
#include <string>

#include "catena/kv/kv_store.h"
#include "catena/kv/rocksdb_options.h"

namespace catena::kv {

Result<std::unique_ptr<KVStore>> OpenRocksDBOwner(const RocksDBPlace& place);
Result<std::unique_ptr<KVStore>> OpenRocksDBReader(const RocksDBPlace& place);

}  // namespace catena::kv
