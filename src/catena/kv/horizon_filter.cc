// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/horizon_filter.h"

#include <string>
#include <utility>

namespace catena::kv {
namespace {

class HorizonFilter : public rocksdb::CompactionFilter {
 public:
  explicit HorizonFilter(std::shared_ptr<const Horizons::ById> horizons)
      : horizons_(std::move(horizons)) {}

  bool Filter(int /*level*/, const rocksdb::Slice& key, const rocksdb::Slice& /*existing_value*/,
              std::string* /*new_value*/, bool* /*value_changed*/) const override {
    const std::string_view bytes(key.data(), key.size());
    if (bytes.size() < kValueKeyBytesMin || bytes[0] != kValueTag) return false;
    const auto horizon = horizons_->find(*ParseDatasetId(bytes.substr(1, 4)));
    return horizon != horizons_->end() && ParseInstant(bytes).time < horizon->second;
  }
  const char* Name() const override { return "catena.HorizonFilter"; }

 private:
  std::shared_ptr<const Horizons::ById> horizons_;
};

}  // namespace

void Horizons::Raise(DatasetId id, Timestamp horizon) {
  std::lock_guard lock(mutex_);
  const auto found = current_->find(id);
  if (found != current_->end() && found->second >= horizon) return;
  auto next = std::make_shared<ById>(*current_);
  (*next)[id] = horizon;
  current_ = std::move(next);
}

void Horizons::Forget(DatasetId id) {
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<ById>(*current_);
  next->erase(id);
  current_ = std::move(next);
}

std::shared_ptr<const Horizons::ById> Horizons::Current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

std::unique_ptr<rocksdb::CompactionFilter> HorizonFilterFactory::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context& /*context*/) {
  return std::make_unique<HorizonFilter>(horizons_->Current());
}

}  // namespace catena::kv
