// SPDX-License-Identifier: Apache-2.0
// FrontedStore: a store that answers its readers through what its writer has ahead of it.
//
//     readers of this process, StoreServer -> FrontedStore -> Front, while there is one
//                                                   \            |
//                                                    '-> store <-'
//
//   threads  every call may run concurrently with every other; AnswerThrough waits for those that
//            the front before is answering

#pragma once

#include <memory>
#include <shared_mutex>
#include <utility>

#include "catena/kv/kv_store.h"

namespace catena::kv {

class FrontedStore : public KVStore {
 public:
  explicit FrontedStore(std::unique_ptr<KVStore> store) : store_(std::move(store)) {}

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override;
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override;
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override;
  Status Apply(const WriteBatch& batch, bool durable) override {
    return store_->Apply(batch, durable);
  }
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    return store_->SetHorizon(dataset, horizon);
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override;
  Result<std::vector<std::string>> ListDatasets() override;
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override;
  Status DropDataset(std::string_view dataset) override;
  Status Sync() override;
  Status Compact() override;
  Status Resume() override { return store_->Resume(); }
  KVStore* AnswerThrough(Front* front) override;
  void StopAnswering(Front* front) override;

 private:
  Status CommitFront();

  std::unique_ptr<KVStore> store_;
  std::shared_mutex mutex_;  // Guards front_, and all that it answers.
  Front* front_ = nullptr;
};

}  // namespace catena::kv
