// SPDX-License-Identifier: Apache-2.0
// The table of schemes: which implementation of KVStore a URL asks for.

#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/embedded_store.h"
#include "catena/kv/kv_store.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/redis/redis_store.h"

namespace catena::kv {
namespace {

struct Scheme {
  std::string_view name;
  bool has_one_owner;
  Result<std::unique_ptr<KVStore>> (*open)(const std::string& rest, OpenMode mode);
};

Result<std::unique_ptr<KVStore>> OpenMemory(const std::string& rest, OpenMode /*mode*/) {
  if (!rest.empty()) return InvalidConf("memory takes nothing after the colon: `" + rest + "`");
  return std::unique_ptr<KVStore>(
      std::make_unique<FrontedStore>(std::make_unique<MemoryKVStore>()));
}

Result<std::unique_ptr<KVStore>> OpenRocksDB(const std::string& rest, OpenMode mode) {
  CATENA_TRY(const RocksDBPlace place, ParseRocksDBPlace(rest));
  return OpenEmbeddedStore(place, mode);
}

Result<std::unique_ptr<KVStore>> OpenRedis(const std::string& rest, OpenMode mode) {
  CATENA_TRY(const RedisPlace place, ParseRedisPlace(rest));
  return OpenRedisStore(place, mode);
}

Result<std::unique_ptr<KVStore>> OpenRedisOverTLS(const std::string& /*rest*/, OpenMode /*mode*/) {
  return Unsupported(
      "this build's Redis client has no TLS; let a TLS proxy on this machine talk to "
      "the server, and write redis://localhost:PORT");
}

constexpr Scheme kSchemes[] = {{"memory", true, OpenMemory},
                               {"rocksdb", true, OpenRocksDB},
                               {"redis", false, OpenRedis},
                               {"rediss", false, OpenRedisOverTLS}};

// Null when it is unknown.
const Scheme* SchemeOf(const std::string& url) {
  const size_t colon = url.find(':');
  if (colon == std::string::npos) return nullptr;
  const std::string_view name = std::string_view(url).substr(0, colon);
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

}  // namespace

bool HasOneOwner(const std::string& url) {
  const Scheme* const scheme = SchemeOf(url);
  return scheme != nullptr && scheme->has_one_owner;
}

Result<std::unique_ptr<KVStore>> OpenKVStore(const std::string& url, OpenMode mode) {
  if (const Scheme* const scheme = SchemeOf(url)) {
    return scheme->open(url.substr(scheme->name.size() + 1), mode)
        .WithContext("kv url " + WithoutPassword(url));
  }
  std::string known;
  for (const Scheme& scheme : kSchemes) {
    known += (known.empty() ? "" : ", ") + std::string(scheme.name) + ":";
  }
  return InvalidConf("unknown kv store: write one of " + known + " and where it is: `" +
                     WithoutPassword(url) + "`");
}

}  // namespace catena::kv
