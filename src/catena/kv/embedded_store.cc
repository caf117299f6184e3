// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/embedded_store.h"

#include "catena/kv/rocksdb_store.h"

namespace catena::kv {

Result<std::unique_ptr<KVStore>> OpenEmbeddedStore(const RocksDBPlace& place, OpenMode mode) {
  if (mode == OpenMode::kReadOnly) return Unsupported("readers come with the next change");
  return OpenRocksDBOwner(place);
}

}  // namespace catena::kv
