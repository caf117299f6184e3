// SPDX-License-Identifier: Apache-2.0
// The kinds of KVStore that conformance and property tests run against; for tests and benchmarks.
//
// Each StoreUnderTest is empty at first and leaves nothing behind. kRemote goes to the same
// process's owner through its socket.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "catena/base/check.h"
#include "catena/kv/kv_store.h"

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

enum class StoreKind { kMemory, kRocksDB, kRemote };
inline constexpr StoreKind kStoreKinds[] = {StoreKind::kMemory, StoreKind::kRocksDB,
                                            StoreKind::kRemote};

inline std::string StoreKindName(StoreKind kind) {
  return kind == StoreKind::kMemory ? "Memory" : kind == StoreKind::kRocksDB ? "RocksDB" : "Remote";
}

struct StoreUnderTest {
  explicit StoreUnderTest(StoreKind kind) {
    const std::string rocksdb = "rocksdb:" + folder.path + "/state";
    if (kind == StoreKind::kRemote) owner = OpenKVStore(rocksdb, OpenMode::kOwn).value();
    store = OpenKVStore(kind == StoreKind::kMemory ? "memory:" : rocksdb,
                        kind == StoreKind::kRemote ? OpenMode::kJoin : OpenMode::kOwn)
                .value();
  }

  ScratchFolder folder;
  std::unique_ptr<KVStore> owner;
  std::unique_ptr<KVStore> store;
};

}  // namespace catena::kv
