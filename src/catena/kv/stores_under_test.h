// SPDX-License-Identifier: Apache-2.0
// The kinds of KVStore that conformance and property tests run against; for tests and benchmarks.
//
// Each StoreUnderTest is empty at first and leaves nothing behind. kRemote goes to the same
// process's owner through its socket, kCached keeps little of a RocksDB in memory, kHeldBack holds
// writes back too, kRedis goes to the real server of the tests, under a prefix of its own.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>

#include "catena/base/check.h"
#include "catena/base/server_under_test.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/kv/kv_store.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/rocksdb_store.h"

namespace catena::kv {

// A folder of its own, removed in the end.
struct ScratchFolder {
  ScratchFolder() {
    std::string name = std::filesystem::temp_directory_path() / "catena-kv-XXXXXX";
    CATENA_CHECK(mkdtemp(name.data()) != nullptr, "no scratch folder can be made: " + name);
    path = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string path;
};

// Counts what it is asked; may do a write and then say that it does not answer.
class StoreBehind : public MemoryKVStore {
 public:
  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    asked += requests.size();
    return MemoryKVStore::MultiGet(requests);
  }
  Status Apply(const WriteBatch& batch, bool durable = false) override {
    CATENA_RETURN_IF_ERROR(MemoryKVStore::Apply(batch, durable));
    return loses_answers ? Status(Unavailable("the answer was lost")) : Status();
  }

  size_t asked = 0;
  bool loses_answers = false;
};

// The puts of a batch that has them as ApplySorted wants them; the datasets in any order.
class SortedBatch : public SortedPuts {
 public:
  explicit SortedBatch(const WriteBatch& batch) {
    for (const Put& put : batch.puts) {
      if (runs_.empty() || runs_.back().back()->dataset != put.dataset) runs_.emplace_back();
      runs_.back().push_back(&put);
      bytes_ += put.key.size() + put.value.value.size();
    }
  }
  size_t datasets() const override { return runs_.size(); }
  std::string_view NameOf(size_t dataset) const override { return runs_[dataset].front()->dataset; }
  size_t bytes() const override { return bytes_; }
  size_t size() const override {
    return std::accumulate(runs_.begin(), runs_.end(), size_t{0},
                           [](size_t sum, const auto& run) { return sum + run.size(); });
  }
  Status VisitEach(size_t dataset, const Visit& visit) const override {
    for (const Put* put : runs_[dataset]) {
      const auto& [time, sequence, value] = put->value;
      CATENA_RETURN_IF_ERROR(visit({put->dataset, put->key, time, sequence, value}));
    }
    return Status();
  }

 private:
  std::vector<std::vector<const Put*>> runs_;
  size_t bytes_ = 0;
};

enum class StoreKind { kMemory, kRocksDB, kRemote, kRedis, kCached, kHeldBack };
inline constexpr StoreKind kStoreKinds[] = {StoreKind::kMemory, StoreKind::kRocksDB,
                                            StoreKind::kRemote, StoreKind::kRedis,
                                            StoreKind::kCached, StoreKind::kHeldBack};

inline std::string StoreKindName(StoreKind kind) {
  constexpr const char* kNames[] = {"Memory", "RocksDB", "Remote", "Redis", "Cached", "HeldBack"};
  return kNames[static_cast<size_t>(kind)];
}

// Of a server that the tests share: the folder's name is the prefix.
inline std::string RedisURL(const ScratchFolder& folder) {
  return "redis://" + RedisUnderTest() +
         "?prefix=" + std::filesystem::path(folder.path).filename().string();
}

// So little that much has to go again.
inline constexpr size_t kCachedBytes = 100'000;

struct StoreUnderTest {
  explicit StoreUnderTest(StoreKind kind) {
    const std::string rocksdb = "rocksdb:" + folder.path + "/state";
    if (kind == StoreKind::kRemote) owner = OpenKVStore(rocksdb, OpenMode::kOwn).value();
    if (kind == StoreKind::kCached || kind == StoreKind::kHeldBack) {
      owner = kind == StoreKind::kHeldBack ? OpenKVStore(rocksdb, OpenMode::kOwn).value()
                                           : OpenRocksDBOwner({folder.path + "/state"}).value();
      store = std::make_unique<CachedStore>(owner.get(), kCachedBytes);
      return;
    }
    const std::string url = kind == StoreKind::kMemory  ? "memory:"
                            : kind == StoreKind::kRedis ? RedisURL(folder)
                                                        : rocksdb;
    store = OpenKVStore(url, kind == StoreKind::kRemote ? OpenMode::kJoin : OpenMode::kOwn).value();
  }

  ScratchFolder folder;
  std::unique_ptr<KVStore> owner;
  std::unique_ptr<KVStore> store;
};

}  // namespace catena::kv
