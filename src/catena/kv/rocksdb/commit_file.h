// SPDX-License-Identifier: Apache-2.0
// CommitFile: a large write, already sorted, as one more file of the store.
//
//     the usual way   batch -> log -> memtable -> file of level 0     each put copied four times
//     this way        file of level 0
//
//   input    stored keys (stored_format.h), strictly ascending
//   atomic   all of it is there after Ingest, or nothing
//   crash    what the log holds is to be synced before: a crash of the machine would leave the file
//            without it. What a kill leaves is taken away by the next one
//   errors   RocksDB's: nothing of the file is in the store
//   threads  one at a time for a store

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena::kv {

class CommitFile {
 public:
  // In the store's folder.
  CommitFile(rocksdb::DB* db, const std::string& folder);
  ~CommitFile();
  CommitFile(const CommitFile&) = delete;
  CommitFile& operator=(const CommitFile&) = delete;

  Status Add(std::string_view key, std::string_view value) {
    if (status_.ok()) status_ = writer_.Put(Slice(key), Slice(value));
    return status_.ok() ? Status() : Failed();
  }
  Status Ingest();

 private:
  static rocksdb::Slice Slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
  Status Failed() const;

  rocksdb::DB* db_;
  std::string path_;
  rocksdb::SstFileWriter writer_;
  rocksdb::Status status_;
};

}  // namespace catena::kv
