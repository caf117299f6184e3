// SPDX-License-Identifier: Apache-2.0
// How RocksDB is set up for features, and how its errors become ours.
//
// Memory is bounded: `cache_mb` holds blocks, indexes and filters; `write_buffer_mb` holds what is
// not yet in a file. Reads of one key are prefix reads: every file and memtable has a filter
// of the bytes that the values of a key share.

#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <string>

#include "catena/base/result.h"

namespace catena::kv {

struct RocksDBPlace {
  std::string path;
  uint64_t cache_mb = 64;
  uint64_t write_buffer_mb = 32;
};

// Of "PATH" or "PATH?cache_mb=64&write_buffer_mb=32". kInvalidConf names what it cannot read.
Result<RocksDBPlace> ParseRocksDBPlace(const std::string& text);

rocksdb::Options RocksDBOptions(const RocksDBPlace& place);

// `status` is not OK; `doing` is static text that the message begins with.
Error RocksDBError(const rocksdb::Status& status, const char* doing);

}  // namespace catena::kv
