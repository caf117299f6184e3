// SPDX-License-Identifier: Apache-2.0
// WrappedStore: a kv::KVStore that passes every call on to another one; for tests that change one
// call.

#pragma once

#include <memory>
#include <utility>

#include "catena/kv/kv_store.h"

namespace catena::streaming {

class WrappedStore : public kv::KVStore {
 public:
  explicit WrappedStore(std::unique_ptr<kv::KVStore> store) : store_(std::move(store)) {}

  std::vector<Result<std::vector<kv::TimedValue>>> MultiGet(
      std::span<const kv::GetRequest> requests) override {
    return store_->MultiGet(requests);
  }
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    return store_->GetMark(dataset, name);
  }
  Result<std::vector<kv::Mark>> ListMarks(std::string_view dataset,
                                          std::string_view prefix) override {
    return store_->ListMarks(dataset, prefix);
  }
  Status Apply(const kv::WriteBatch& batch, bool durable = false) override {
    return store_->Apply(batch, durable);
  }
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    return store_->SetHorizon(dataset, horizon);
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const kv::TimedValue&)>& visit) override {
    return store_->Scan(dataset, visit);
  }
  Result<std::vector<std::string>> ListDatasets() override { return store_->ListDatasets(); }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    return store_->ApproximateBytes(dataset);
  }
  Status DropDataset(std::string_view dataset) override { return store_->DropDataset(dataset); }
  Status Sync() override { return store_->Sync(); }
  Status Compact() override { return store_->Compact(); }
  Status Resume() override { return store_->Resume(); }

 private:
  std::unique_ptr<kv::KVStore> store_;
};

}  // namespace catena::streaming
