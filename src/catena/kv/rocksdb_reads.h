// SPDX-License-Identifier: Apache-2.0
// RocksDBReads: what the owner and a reader of an embedded store have in common: every read.
//
//   input    a database in stored_format.h's format that outlives this object
//   atomic   a MultiGet uses one iterator, so all its answers come from one state of the store
//   threads  every call may run concurrently with every other
//   errors   kCorruption for keys that are not in the stored format

#pragma once

#include <rocksdb/db.h>

#include <map>
#include <shared_mutex>

#include "catena/kv/kv_store.h"
#include "catena/kv/stored_format.h"

namespace catena::kv {

class RocksDBReads {
 public:
  explicit RocksDBReads(rocksdb::DB* db) : db_(db) {}

  // Absent is nullopt.
  Result<std::optional<DatasetId>> FindDataset(std::string_view name);
  // The largest id given to any dataset; 0 when there is none.
  Result<DatasetId> LargestDatasetId();

  std::vector<Result<std::vector<TimedValue>>> MultiGet(std::span<const GetRequest> requests);
  Result<std::optional<std::string>> GetMark(std::string_view dataset, std::string_view name);
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix);
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit);
  Result<std::vector<std::string>> ListDatasets();
  Result<uint64_t> ApproximateBytes(std::string_view dataset);

 private:
  Status VisitNames(const std::function<Status(std::string_view name, DatasetId id)>& visit);
  bool HoldsAnything(char tag, DatasetId id);

  rocksdb::DB* db_;
  std::shared_mutex mutex_;  // Guards ids_, a cache of the name keys; an id never changes.
  std::map<std::string, DatasetId, std::less<>> ids_;
};

}  // namespace catena::kv
