// SPDX-License-Identifier: Apache-2.0
// RedisConnection: commands to one Redis server and their replies; the only home of hiredis.
//
//   input    redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE][?prefix=catena&timeout_ms=2000]
//   errors   kUnavailable: the server does not answer, is loading, read-only or out of memory; what
//            was sent may or may not have been done, and the connection is broken. kInvalidConf: it
//            refuses the user, the password or the permissions, or is not the node of its cluster
//            that has the keys. A password stands in no text
//   threads  a connection belongs to one thread at a time
//   source   hiredis 0.14, which has no TLS

#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/result.h"
#include "catena/base/time.h"

namespace catena::kv {

struct RedisPlace {
  std::string host = "localhost";
  uint16_t port = 6379;
  std::string user;
  std::string password;
  uint32_t database = 0;
  std::string prefix = "catena";  // Of every key; stores of different prefixes are apart.
  Millis timeout{2000};           // To connect, and of every reply.
};

// Of what follows "redis:". kInvalidConf names what it cannot read.
Result<RedisPlace> ParseRedisPlace(const std::string& text);
// A kv url as it may be shown.
std::string WithoutPassword(const std::string& url);

struct RedisReplyDeleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, RedisReplyDeleter>;

inline std::string_view TextOf(const redisReply& reply) { return {reply.str, reply.len}; }
inline std::span<redisReply* const> ElementsOf(const redisReply& reply) {
  return {reply.element, reply.elements};
}

using RedisCommand = std::vector<std::string_view>;

class RedisConnection {
 public:
  // Connected, logged in, in its database.
  static Result<std::unique_ptr<RedisConnection>> Open(const RedisPlace& place);

  // All are sent, then the replies are read. The first error among them is the answer.
  Result<std::vector<RedisReply>> Run(std::span<const RedisCommand> commands);
  Result<RedisReply> Run(const RedisCommand& command);

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  explicit RedisConnection(std::string at) : at_(std::move(at)) {}
  Error Broken() const;

  std::string at_;
  std::unique_ptr<redisContext, ContextDeleter> context_;
};

}  // namespace catena::kv
