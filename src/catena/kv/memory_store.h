// SPDX-License-Identifier: Apache-2.0
// MemoryKVStore: a KVStore that lives and dies with the object; for tests and trials.
//
//   threads  every call may run concurrently with every other (one lock for all datasets)
//   limits   grows until horizons pass its values; ApproximateBytes counts key and value bytes

#pragma once

#include <map>
#include <shared_mutex>
#include <utility>

#include "catena/kv/kv_store.h"

namespace catena::kv {

class MemoryKVStore : public KVStore {
 public:
  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override;
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override;
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override;
  Status Apply(const WriteBatch& batch, bool durable = false) override;
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override;
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override;
  Result<std::vector<std::string>> ListDatasets() override;
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override;
  Status DropDataset(std::string_view dataset) override;
  Status Sync() override { return Status(); }

 private:
  using Instant = std::pair<Timestamp, uint64_t>;
  using Values = std::map<Instant, std::string>;
  struct Dataset {
    std::map<std::string, Values, std::less<>> keys;
    std::map<std::string, std::string, std::less<>> marks;
    Timestamp horizon = Timestamp::min();
    std::optional<std::string> swept_key;  // Where the last sweep for forgotten values stopped.
  };

  const Dataset* Find(std::string_view name) const;
  Dataset* FindOrAdd(std::string_view name);
  static void Sweep(Dataset* dataset);

  std::shared_mutex mutex_;
  std::map<std::string, Dataset, std::less<>> datasets_;
};

}  // namespace catena::kv
