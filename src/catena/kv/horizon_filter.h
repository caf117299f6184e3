// SPDX-License-Identifier: Apache-2.0
// Horizons: how old a value of a dataset may become, and the compaction filter that forgets.
//
// A compaction drops values whose time is before the horizon that their dataset had when the
// compaction began; marks and names are never dropped.
//
//   threads  every call may run concurrently with every other

#pragma once

#include <rocksdb/compaction_filter.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "catena/base/time.h"
#include "catena/kv/stored_format.h"

namespace catena::kv {

class Horizons {
 public:
  using ById = std::unordered_map<DatasetId, Timestamp>;

  // Never moves backwards.
  void Raise(DatasetId id, Timestamp horizon);
  void Forget(DatasetId id);
  std::shared_ptr<const ById> Current() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const ById> current_ = std::make_shared<ById>();
};

class HorizonFilterFactory : public rocksdb::CompactionFilterFactory {
 public:
  explicit HorizonFilterFactory(std::shared_ptr<const Horizons> horizons)
      : horizons_(std::move(horizons)) {}
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& context) override;
  const char* Name() const override { return "catena.HorizonFilterFactory"; }

 private:
  std::shared_ptr<const Horizons> horizons_;
};

}  // namespace catena::kv
