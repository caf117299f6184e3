// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/fronted_store.h"

#include <mutex>

namespace catena::kv {

std::vector<Result<std::vector<TimedValue>>> FrontedStore::MultiGet(
    std::span<const GetRequest> requests) {
  const std::shared_lock lock(mutex_);
  return front_ != nullptr ? front_->MultiGet(requests) : store_->MultiGet(requests);
}

Result<std::optional<std::string>> FrontedStore::GetMark(std::string_view dataset,
                                                         std::string_view name) {
  const std::shared_lock lock(mutex_);
  return front_ != nullptr ? front_->GetMark(dataset, name) : store_->GetMark(dataset, name);
}

Result<std::vector<Mark>> FrontedStore::ListMarks(std::string_view dataset,
                                                  std::string_view prefix) {
  const std::shared_lock lock(mutex_);
  return front_ != nullptr ? front_->ListMarks(dataset, prefix)
                           : store_->ListMarks(dataset, prefix);
}

Status FrontedStore::CommitFront() {
  const std::shared_lock lock(mutex_);
  return front_ != nullptr ? front_->Commit() : Status();
}

Status FrontedStore::Scan(std::string_view dataset,
                          const std::function<bool(std::string_view, const TimedValue&)>& visit) {
  CATENA_RETURN_IF_ERROR(CommitFront());
  return store_->Scan(dataset, visit);
}

Result<std::vector<std::string>> FrontedStore::ListDatasets() {
  CATENA_RETURN_IF_ERROR(CommitFront());
  return store_->ListDatasets();
}

Result<uint64_t> FrontedStore::ApproximateBytes(std::string_view dataset) {
  CATENA_RETURN_IF_ERROR(CommitFront());
  return store_->ApproximateBytes(dataset);
}

Status FrontedStore::DropDataset(std::string_view dataset) {
  CATENA_RETURN_IF_ERROR(CommitFront());
  return store_->DropDataset(dataset);
}

Status FrontedStore::Sync() {
  CATENA_RETURN_IF_ERROR(CommitFront());
  return store_->Sync();
}

Status FrontedStore::Compact() {
  CATENA_RETURN_IF_ERROR(CommitFront());
  return store_->Compact();
}

KVStore* FrontedStore::AnswerThrough(Front* front) {
  const std::unique_lock lock(mutex_);
  front_ = front;
  return store_.get();
}

void FrontedStore::StopAnswering(Front* front) {
  const std::unique_lock lock(mutex_);
  if (front_ == front) front_ = nullptr;
}

}  // namespace catena::kv
