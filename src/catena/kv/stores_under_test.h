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
#include <string>

#include "catena/base/check.h"
#include "catena/base/server_under_test.h"
#include "catena/kv/cache/cached_store.h"
#include "catena/kv/kv_store.h"
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
